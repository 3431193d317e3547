package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// A help is what --help says of a command beyond its line and its flags: when to use it, and commands that
// work as they stand.
type help struct {
	text     string
	examples []string
}

// helps holds the help of each command by its name, that of a command of a command by both names. A test runs
// the examples.
var helps = map[string]help{
	"check": {
		"Builds the version before and the one in the work tree on this machine, measures them side by side, and\n" +
			"judges what changed against the budgets. Leaves samples, result and report in .perfgate/.",
		[]string{
			"perfgate check --budgets budgets/", "perfgate check --budget walk-steps", "perfgate check --base v1.0.0 --suite quick",
			"perfgate check --shard 1/2 --out shards/1",
		},
	},
	"run": {
		"Measures the work tree and judges nothing: for a look, or for samples to be judged elsewhere.",
		[]string{"perfgate run --suite quick", "perfgate run --quick --out head.txt"},
	},
	"judge": {
		"Repeats the judgement of a check from its files of samples, on any machine, and takes any Go benchmark text:\n" +
			"that of go test -bench, too. With --shards it merges what several machines measured.",
		[]string{
			"perfgate judge --base .perfgate/samples-base.txt --head .perfgate/samples-head.txt --out result.json",
			"perfgate judge --shards shards/ --out result.json",
		},
	},
	"report": {
		"Shows a result in another format. The exit code is that of the result, so that it may stand last in a job.",
		[]string{
			"perfgate report --result .perfgate/result.json --format markdown --out report.md",
			"perfgate report --result .perfgate/result.json --format html --out report.html",
		},
	},
	"publish": {
		"Run it in a job of GitHub Actions. Elsewhere it says what it would need, and delivers nothing.",
		[]string{"perfgate publish --result .perfgate/result.json --comment on-failure"},
	},
	"lint": {
		"Finds mistakes in budget files within seconds. With --samples it finds those too that only show beside measured\n" +
			"values: parts of names, units, directions.",
		[]string{"perfgate lint --no-build", "perfgate lint --samples .perfgate/samples-head.txt"},
	},
	"explain": {
		"NAME is the id of a budget, or a benchmark for all budgets that it is judged by. Begin here when a check is red.",
		[]string{"perfgate explain walk-steps", "perfgate explain Walk/n=10"},
	},
	"prove": {
		"A budget that cannot fail guards nothing. Run it after a check, on the samples that it left.",
		[]string{"perfgate prove --samples .perfgate"},
	},
	"init": {
		"Begin here in a module that has benchmarks and no budgets. Measures the module against itself, and limits each\n" +
			"benchmark by the noise that it shows, where a proof turns red. It changes no file that is there.",
		[]string{"perfgate init --dry-run", "perfgate init --match Walk --unit allocs/op --unit steps/op"},
	},
	"replay": {
		"For whoever wants to know how often verdicts are right, on measurements whose truth is known.",
		[]string{"perfgate replay --recording recording.txt.gz --limits 5,10"},
	},
	"profile": {
		"Run it after a check that failed, or name benchmarks with --match.",
		[]string{"perfgate profile --budgets budgets/", "perfgate profile --match Walk/n=10 --format markdown --out profile.md"},
	},
	"diagnose": {
		"NAME is the id of a budget or a selector of benchmarks. Without it, the failed budgets of --result are looked\n" +
			"into. Compares profiles of both versions, and with --bisect searches the commit by halves. Ends with 0 where\n" +
			"something was found, and with 3 where the evidence does not tell.",
		[]string{"perfgate diagnose walk-steps --base v1.0.0", "perfgate diagnose walk-steps --bisect --good v1.0.0"},
	},
	"baseline": {
		"A baseline is what was measured of a release. Exact values are compared with it on any machine; for times its\n" +
			"commit is measured anew.",
		[]string{"perfgate baseline list --store dir:baselines"},
	},
	"baseline record": {
		"Run it where a release is tagged. Samples that are unfit, such as those of --quick, are refused.",
		[]string{"perfgate baseline record --name v1.1.0 --store dir:baselines"},
	},
	"baseline list":  {"", []string{"perfgate baseline list --store dir:baselines"}},
	"baseline show":  {"", []string{"perfgate baseline show --store dir:baselines v1.1.0"}},
	"baseline prune": {"", []string{"perfgate baseline prune --store dir:baselines --keep 10"}},
	"trend": {
		"Shows what baselines have recorded, release by release: what changed and when, and what drifts too slowly for a\n" +
			"check to see. It judges nothing.",
		[]string{"perfgate trend --store dir:baselines", "perfgate trend --store dir:baselines --match Walk --unit steps/op --format html --out history.html"},
	},
	"completion": {
		"Prints a script for bash, zsh, fish or powershell that completes commands, flags, suites and budgets.",
		[]string{`eval "$(perfgate completion bash)"`, "perfgate completion fish > perfgate.fish"},
	},
}

// describeCommands gives commands their help, and those in them.
func describeCommands(commands []*cli.Command, prefix string) {
	for _, c := range commands {
		h := helps[prefix+c.Name]
		text := h.text
		if len(h.examples) > 0 {
			if text != "" {
				text += "\n\n"
			}
			text += "For example\n\n  " + strings.Join(h.examples, "\n  ")
		}
		c.Description = text
		describeCommands(c.Subcommands, c.Name+" ")
	}
}
