package perfgate_test

import (
	"os"
	"strings"
	"testing"
)

// The workflows that docs/sharding.md shows keep the rules of our own.
func TestShownWorkflows(t *testing.T) {
	data, err := os.ReadFile("docs/sharding.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for i, part := range strings.Split(string(data), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		if !strings.Contains(text, "\njobs:\n") {
			continue
		}
		shown++
		for _, p := range workflowProblems(text) {
			t.Errorf("workflow %d %s", i+1, p)
		}
	}
	if shown == 0 {
		t.Error("docs/sharding.md shows no workflow")
	}
}
