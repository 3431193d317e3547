package perfgate_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// inProgram lists the modules that may be compiled into perfgate, with what each is there for. Who
// runs "go get -tool" takes them into a module graph of their own, so the list is short and grows
// only on purpose.
var inProgram = map[string]string{
	module:                               "this module",
	"github.com/aclements/go-moremath":   "distributions, for internal/gate and internal/replay",
	"github.com/cpuguy83/go-md2man/v2":   "of urfave/cli",
	"github.com/google/go-github/v60":    "the GitHub API, for internal/github",
	"github.com/google/go-querystring":   "of go-github",
	"github.com/google/pprof":            "profiles, for internal/bottleneck",
	"github.com/russross/blackfriday/v2": "of go-md2man",
	"github.com/urfave/cli/v2":           "commands and flags, for internal/cli",
	"github.com/xrash/smetrics":          "of urfave/cli",
	"golang.org/x/mod":                   "order of versions, for internal/measure",
	"golang.org/x/perf":                  "benchmark text and its units, for internal/sample, internal/budget and internal/replay",
	"golang.org/x/sys":                   "processor affinity, for internal/measure",
	"gopkg.in/yaml.v3":                   "budget files with positions, for internal/budget",
}

// TestModules lists what goes into the program on each system that ci.yml tests.
func TestModules(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		got := modules(t, system)
		for _, m := range unlisted(got) {
			t.Errorf("on %s, perfgate needs module %s, which inProgram (modules_test.go) does not list; do without it, or add it with a reason in the commit", system, m)
		}
		if !slices.Contains(got, module) {
			t.Errorf("on %s, go list names the modules %q without this one: the list is not what it should be", system, got)
		}
	}
	if got := unlisted([]string{module, "example.com/heavy"}); !slices.Equal(got, []string{"example.com/heavy"}) {
		t.Errorf("a module that is not listed goes unseen: %q", got)
	}
}

// modules lists the modules with a package in the program, sorted.
func modules(t *testing.T, system string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/perfgate")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v\n%s", system, err, stderr.String())
	}
	names := strings.Fields(string(out))
	slices.Sort(names)
	return slices.Compact(names)
}

func unlisted(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return inProgram[name] != "" })
}
