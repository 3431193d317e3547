package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

const completed = `version: 1
budgets:
  - {id: walk-steps, match: Walk/n=1, unit: steps/op, better: lower, max_rise: 0%}
  - {id: walk-time, match: Walk, unit: ns/op, max_rise: 10%}
  - {id: hostile, match: "Walk/$(touch$IFS)x", unit: ns/op, max_rise: 10%}
suites:
  - {name: memory, match: [Walk]}
  - {name: metal, match: [Walk]}
`

func TestComplete(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("budgets", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"budgets/b.yaml": completed, "other.yaml": strings.ReplaceAll(completed, "walk", "run")} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		words string // separated by spaces; an empty last one is to be completed from nothing
		want  string
	}{
		{"", "check run judge report publish lint prove init replay profile diagnose baseline trend explain completion"},
		{"pr", "prove profile"},
		{"--v", "--version"},
		{"nosuch ", ""},
		{"check --su", "--suite"},
		{"check --suite m", "memory metal"},
		{"check --suite=mem", "--suite=memory"},
		{"check --suite = mem", "memory"},
		{"check --suite =", "memory metal"},
		{"check --suite memory --suite met", "metal"},
		{"check --quick --s", "--seed --shard --store --suite"},
		{"check --budgets ", ""},
		{"check ", ""},
		{"replay --suite ", ""},
		{"check --budget ", "walk-steps walk-time hostile"},
		{"check --budgets other.yaml --budget run-s", "run-steps"},
		{"judge --budget=walk-t", "--budget=walk-time"},
		{"judge --sh", "--shards"},
		{"report --format ", "markdown html text json junit bench"},
		{"report --format=h", "--format=html"},
		{"profile --format ", "markdown json text"},
		{"diagnose --format ", "markdown json text"},
		{"diagnose walk-", "walk-steps walk-time"},
		{"diagnose walk-time --bi", "--bisect"},
		{"diagnose walk-time ", ""},
		{"trend --format ", "text html json"},
		{"trend --match ", "Walk Walk/n=1"},
		{"trend --unit ", "ns/op steps/op"},
		{"init --m", "--match"},
		{"replay --format s", "svg"},
		{"publish --comment on-", "on-change on-failure"},
		{"baseline ", "record list show prune"},
		{"baseline prune --k", "--keep"},
		{"explain ", "walk-steps walk-time hostile"},
		{"explain --budgets other.yaml run-", "run-steps run-time"},
		{"explain --budgets=other.yaml run-", "run-steps run-time"},
		{"explain --budgets none.yaml ", ""},
		{"explain walk-time ", ""},
		{"profile --match ", "Walk Walk/n=1"},
		{"completion z", "zsh"},
	} {
		out, _, code := runs(append([]string{"__complete"}, strings.Split(c.words, " ")...)...)
		if got := strings.Join(strings.Fields(out), " "); got != c.want || code != gate.ExitPass {
			t.Errorf("%q: exit code %d, got %q, want %q", c.words, code, got, c.want)
		}
	}
}

// Every command that people see may be completed, and every flag of it.
func TestCompleteKnowsAll(t *testing.T) {
	for _, c := range newApp(Streams{}).VisibleCommands() {
		out, _, _ := runs("__complete", c.Name, "--")
		for _, f := range c.Flags {
			if want := "--" + f.Names()[0]; !slices.Contains(strings.Fields(out), want) {
				t.Errorf("%s: no %s among %q", c.Name, want, out)
			}
		}
	}
}

// Each shell takes its script and shows what perfgate says.
func TestShells(t *testing.T) {
	for shell, command := range map[string][]string{
		"bash": {"bash", "--norc", "-c", `eval "$(perfgate completion bash)"
			complete -p perfgate
			COMP_WORDS=(perfgate check --suite m); COMP_CWORD=3; _perfgate; printf '%s\n' "${COMPREPLY[@]}"`},
		"zsh": {"zsh", "-f", "-c", `compdef() { print -r -- complete $1 $2 }
			compadd() { shift; print -rl -- "$@" }; _files() { print files }
			source <(perfgate completion zsh)
			words=(perfgate check --suite m); CURRENT=4; _perfgate
			words=(perfgate check --budgets ''); CURRENT=4; _perfgate`},
		"fish": {"fish", "--no-config", "-c", "perfgate completion fish | source\ncomplete -c perfgate\ncomplete -C 'perfgate check --suite m'"},
		"pwsh": {"pwsh", "-NoProfile", "-Command", "perfgate completion powershell | Out-String | Invoke-Expression\n" +
			"(TabExpansion2 'perfgate check --suite m').CompletionMatches.CompletionText\n'complete perfgate'"},
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip("needs " + shell)
			}
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "budgets"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "budgets", "b.yaml"), []byte(completed), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(command[0], command[1:]...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, want := range []string{"complete", "memory", "metal"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %s in %s", want, out)
				}
			}
			if shell == "zsh" && !strings.Contains(string(out), "files") {
				t.Errorf("files are not completed: %s", out)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	settings := []debug.BuildSetting{{Key: "vcs.revision", Value: "568b69e2bbef0123456789"}, {Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "amd64"}}
	info := func(version string, more ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: version}, Settings: append(slices.Clone(settings), more...)}
	}
	for _, c := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{info("v1.2.0"), "v1.2.0, commit 568b69e2bbef, go1.26.0 linux/amd64"},
		{info("v1.2.0", debug.BuildSetting{Key: "vcs.modified", Value: "false"}), "v1.2.0, commit 568b69e2bbef, go1.26.0 linux/amd64"},
		{info("", debug.BuildSetting{Key: "vcs.modified", Value: "true"}), "(devel), commit 568b69e2bbef with changes, go1.26.0 linux/amd64"},
		{&debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v1.2.0"}}, "v1.2.0, go1.26.0"},
		{nil, "(devel)"},
	} {
		if got := versionOf(c.info); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	out, _, code := runs("--version")
	if !strings.HasPrefix(out, "perfgate version ") || code != gate.ExitPass {
		t.Errorf("exit code %d, %q", code, out)
	}
}
