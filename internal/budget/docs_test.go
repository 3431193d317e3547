package budget

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docs = "../../docs/budgets.md"

// waiverDocs describes the files of other kinds.
const waiverDocs = "../../docs/waivers.md"

// Every YAML example of the documentation is a whole, valid file.
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatchIndex(text, -1)
	if len(blocks) < 5 {
		t.Fatalf("only %d examples found", len(blocks))
	}
	for _, b := range blocks {
		name := fmt.Sprintf("budgets.md, line %d", 1+strings.Count(string(text[:b[2]]), "\n"))
		if _, err := Parse([]Source{{name, text[b[2]:b[3]]}}); err != nil {
			t.Error(err)
		}
	}
}

// Every key has its line in a table, and no table speaks of a key that does not exist.
func TestDocumentedKeys(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(?:defaults\\.)?([a-z_]+)` \\| [^|]*\\| [^|]*\\|.*\\|$").FindAllSubmatch(text, -1) {
		documented = append(documented, string(m[1]))
	}
	var keys []string
	for _, k := range slices.Concat(fileShape.names(), defaultsShape.names(), budgetShape.names(), scalesShape.names(), suiteShape.names()) {
		if k != "defaults" {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		if !slices.Contains(documented, k) {
			t.Errorf("key %s has no line", k)
		}
	}
	for _, k := range documented {
		if !slices.Contains(keys, k) && !slices.Contains([]string{"exact", "compute", "waiting"}, k) {
			t.Errorf("line of a key %s that does not exist", k)
		}
	}
}

// The examples of waivers and renames say which file they are, and are valid beside budgets.
func TestDocumentedWaivers(t *testing.T) {
	text, err := os.ReadFile(waiverDocs)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```yaml\n# (budgets/\\w+\\.yaml)\n(.*?)^```$").FindAllSubmatch(text, -1)
	if len(blocks) != strings.Count(string(text), "```yaml") || len(blocks) < 2 {
		t.Fatalf("%d examples with the name of their file", len(blocks))
	}
	for _, b := range blocks {
		if set, err := Parse([]Source{aside, {string(b[1]), b[2]}}); err != nil || len(set.Waivers)+len(set.Renames) == 0 {
			t.Errorf("%s: %v", b[1], err)
		}
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [^|]*\\| [^|]*\\|.*\\|$").FindAllSubmatch(text, -1) {
		documented = append(documented, string(m[1]))
	}
	keys := slices.Concat(waiversShape.names(), waiverShape.names(), renamesShape.names(), renameShape.names())
	for _, k := range keys {
		if !slices.Contains(documented, k) {
			t.Errorf("key %s has no line", k)
		}
	}
	for _, k := range documented {
		if !slices.Contains(keys, k) {
			t.Errorf("line of a key %s that does not exist", k)
		}
	}
}
