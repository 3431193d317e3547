package cli

import (
	"os"
	"strings"
	"testing"
)

// The commands that docs/sharding.md shows for a shell are those that the story runs.
func TestShardingCommandsAreRun(t *testing.T) {
	doc, err := os.ReadFile("../../docs/sharding.md")
	if err != nil {
		t.Fatal(err)
	}
	story, err := os.ReadFile("testdata/script/shard.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(doc), "```sh\n")
	shown, _, closed := strings.Cut(shown, "```\n")
	if !ok || !closed {
		t.Fatal("docs/sharding.md has no commands for a shell")
	}
	var lines []string
	for line := range strings.Lines(shown) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if want := "-- docs.sh --\n" + strings.Join(lines, "") + "-- "; !strings.Contains(string(story), want) {
		t.Errorf("shard.txtar does not run these:\n%s", want)
	}
	// And the one of the container, but for where it writes.
	if part := "--shard $((JOB_COMPLETION_INDEX + 1))/"; !strings.Contains(string(doc), part) || !strings.Contains(string(story), part) {
		t.Errorf("%q is not in both", part)
	}
}
