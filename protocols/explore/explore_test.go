package explore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/protocols/explore"
)

// Two counters that anybody may raise up to a limit.
type counters struct {
	v     [2]byte
	limit byte
	wrong [2]byte
}

func (c *counters) Actions() int {
	if c.v[0] == c.limit && c.v[1] == c.limit {
		return 0
	}
	return 2
}

func (c *counters) Do(a int) error {
	c.v[a] = min(c.v[a]+1, c.limit)
	if c.v == c.wrong {
		return errors.New("it broke")
	}
	return nil
}

func (c *counters) State() []byte         { return c.v[:] }
func (c *counters) Describe(a int) string { return fmt.Sprintf("raise %d", a) }

func TestAllSeesEveryState(t *testing.T) {
	build := func() explore.System { return &counters{limit: 5, wrong: [2]byte{9, 9}} }
	r, err := explore.All(build, explore.Bounds{})
	if err != nil || r.States != 36 || r.Ends != 1 || !r.Whole || r.Depth != 10 || r.Ways != 70 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := explore.All(build, explore.Bounds{Depth: 3}); err != nil || r.Whole || r.States != 10 {
		t.Errorf("depth 3: %+v, %v", r, err)
	}
	if r, err := explore.All(build, explore.Bounds{States: 7}); err != nil || r.Whole || r.States != 7 {
		t.Errorf("7 states: %+v, %v", r, err)
	}
}

// What is found comes with the shortest way to it.
func TestAllTellsTheWay(t *testing.T) {
	_, err := explore.All(func() explore.System { return &counters{limit: 5, wrong: [2]byte{1, 2}} }, explore.Bounds{})
	if err == nil || strings.Count(err.Error(), "raise 0") != 1 || strings.Count(err.Error(), "raise 1") != 2 || !strings.HasSuffix(err.Error(), "it broke") {
		t.Errorf("%v", err)
	}
}

// Every order of three messages that two counters can see.
func ExampleAll() {
	r, err := explore.All(func() explore.System { return &counters{limit: 3, wrong: [2]byte{9, 9}} }, explore.Bounds{})
	fmt.Println(r.States, "states,", r.Ways, "actions tried,", r.Ends, "end,", err)
	// Output: 16 states, 30 actions tried, 1 end, <nil>
}
