package gate

import (
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/budget"
)

func TestOnly(t *testing.T) {
	set := budget.Set{Budgets: []budget.Budget{{ID: "a"}, {ID: "b"}, {ID: "c"}}, Suites: []budget.Suite{{Name: "s"}}}
	got, ids, err := Only(set, []string{"c", "a", "c"})
	if err != nil || !slices.Equal(ids, []string{"a", "c"}) || len(got.Budgets) != 2 || got.Budgets[1].ID != "c" || len(got.Suites) != 0 {
		t.Errorf("got %v, %v, %v", got.Budgets, ids, err)
	}
	if len(set.Budgets) != 3 || len(set.Suites) != 1 {
		t.Error("the set that was given is changed")
	}
	if _, _, err := Only(set, []string{"a", "d"}); err == nil || !strings.Contains(err.Error(), `no budget has the id "d"`) {
		t.Errorf("an id that no budget has: %v", err)
	}
}
