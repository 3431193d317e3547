package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every command that docs/waivers.md shows is run by a story.
func TestDocumentedWaiverCommands(t *testing.T) {
	text, err := os.ReadFile("../../docs/waivers.md")
	if err != nil {
		t.Fatal(err)
	}
	stories := ""
	for _, name := range []string{"waivers", "rename"} {
		data, err := os.ReadFile("testdata/script/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		stories += string(data)
	}
	shown := 0
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			shown++
			if !regexp.MustCompile(`(?m)^exits \d ` + regexp.QuoteMeta(line) + `$`).MatchString(stories) {
				t.Errorf("no story runs %q", line)
			}
		}
	}
	if shown < 3 {
		t.Errorf("only %d commands found", shown)
	}
}

// The day is that of UTC, wherever the machine is.
func TestDay(t *testing.T) {
	east := time.FixedZone("east", 14*3600)
	if d := day(time.Date(2026, 12, 31, 3, 0, 0, 0, east)); d != "2026-12-30" {
		t.Errorf("it is %s", d)
	}
	for flag, ok := range map[string]bool{"2026-12-31": true, "2026-02-30": false, "31.12.2026": false, "2026-1-1": false} {
		if d, err := todayOr(flag); (err == nil) != ok || ok && d != flag {
			t.Errorf("%s: %s %v", flag, d, err)
		}
	}
}
