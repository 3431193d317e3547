package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/report"
)

// The scripts ask perfgate itself what may stand at the cursor, so that they need no change with it. A shell
// completes files where there is nothing else.
var completionScripts = map[string]string{
	"bash": `# bash completion for perfgate; load it with: eval "$(perfgate completion bash)"
_perfgate() {
	local IFS=$'\n'
	COMPREPLY=($(perfgate __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o bashdefault -o default -F _perfgate perfgate
`,
	"zsh": `#compdef perfgate
# zsh completion for perfgate; load it with: source <(perfgate completion zsh)
_perfgate() {
	local -a candidates
	candidates=("${(@f)$(perfgate __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	candidates=("${(@)candidates:#}")
	if (( ${#candidates} )); then
		compadd -- "${candidates[@]}"
	else
		_files
	fi
}
compdef _perfgate perfgate
`,
	"fish": `# fish completion for perfgate; load it with: perfgate completion fish | source
function __perfgate_complete
	set -l words (commandline -opc) (commandline -ct)
	perfgate __complete $words[2..-1] 2>/dev/null
end
complete -c perfgate -a '(__perfgate_complete)'
`,
	"powershell": `# PowerShell completion for perfgate; load it with: perfgate completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName perfgate -ScriptBlock {
	param($word, $ast, $position)
	$words = @($ast.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { "$_" })
	perfgate __complete @words "$word" 2>$null | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`,
}

var shells = []string{"bash", "zsh", "fish", "powershell"}

func completionCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script with which a shell completes commands, flags and names",
		ArgsUsage: strings.Join(shells, "|"),
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if c.NArg() != 1 || completionScripts[shell] == "" {
				return misuse("completion needs the name of one shell%s; there are %s", didYouMean(shell, shells), strings.Join(shells, ", "))
			}
			_, err := io.WriteString(s.Out, completionScripts[shell])
			if err != nil {
				return misuse("write the script: %w", err)
			}
			return nil
		},
	}
}

// completeCommand is what the scripts call: its arguments are the words up to the cursor, of which the last,
// which may be empty, is to be completed. It prints one candidate to a line, and no error: a shell that
// completes has nowhere to show one.
func completeCommand(s Streams, commands func() []*cli.Command) *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true, SkipFlagParsing: true, ArgsUsage: "WORDS",
		Action: func(c *cli.Context) error {
			for _, candidate := range complete(commands(), c.Args().Slice()) {
				fmt.Fprintln(s.Out, candidate)
			}
			return nil
		},
	}
}

// complete returns what may stand in the place of the last word.
func complete(commands []*cli.Command, words []string) []string {
	// A shell may take = for a word of its own; what it completes right behind one is empty.
	if n := len(words); n > 0 && words[n-1] == "=" {
		words = append(slices.Clone(words), "")
	}
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "=" })
	if len(words) == 0 {
		return nil
	}
	before, word := words[:len(words)-1], words[len(words)-1]
	var command *cli.Command
	path := ""
	var args []string
	flag := "" // whose value is due
	budgets := "budgets/"
	for _, w := range before {
		name, value, given := flagOf(w)
		switch {
		case flag != "":
			if flag == "budgets" {
				budgets = w
			}
			flag = ""
		case name != "" && !given && takesValue(command, name):
			flag = name
		case name != "":
			if name == "budgets" {
				budgets = value
			}
		case command == nil || len(command.Subcommands) > 0 && len(args) == 0:
			c := named(commands, w)
			if c == nil {
				return nil
			}
			command, path, commands = c, strings.TrimSpace(path+" "+w), c.Subcommands
		default:
			args = append(args, w)
		}
	}
	if name, value, given := flagOf(word); given && flag == "" {
		return matching(values(path, name, budgets), value, "--"+name+"=")
	}
	switch {
	case flag != "":
		return matching(values(path, flag, budgets), word, "")
	case strings.HasPrefix(word, "-"):
		return matching(flagsOf(command), word, "")
	case command == nil || len(command.Subcommands) > 0:
		var names []string
		for _, c := range commands {
			if !c.Hidden {
				names = append(names, c.Name)
			}
		}
		return matching(names, word, "")
	case len(args) == 0 && path == "completion":
		return matching(shells, word, "")
	case len(args) == 0 && (path == "explain" || path == diagnoseName):
		return matching(budgetIDs(budgets), word, "")
	}
	return nil
}

// flagOf returns the name of a flag and, where it stands behind =, its value.
func flagOf(word string) (name, value string, given bool) {
	rest, ok := strings.CutPrefix(word, "--")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "=")
}

func named(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func takesValue(c *cli.Command, name string) bool {
	if c == nil {
		return false
	}
	for _, f := range c.Flags {
		if d, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(f.Names(), name) {
			return d.TakesValue()
		}
	}
	return false
}

func flagsOf(c *cli.Command) []string {
	out := []string{"--help"}
	if c == nil {
		return append(out, "--version")
	}
	for _, f := range c.Flags {
		out = append(out, "--"+f.Names()[0])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// values lists what a flag may be; none where a shell knows better, as of files.
func values(path, flag, budgets string) []string {
	switch {
	case flag == "format" && path == "replay":
		return []string{"text", "markdown", "json", "svg"}
	case flag == "format" && path == "report":
		return formats
	case flag == "format" && path == "trend":
		return trendFormats
	case flag == "format":
		return []string{"markdown", "json", "text"}
	case flag == "comment":
		return commentModes
	case flag == suiteFlagName && path != "replay":
		return suiteNames(budgets)
	case flag == "budget":
		return budgetIDs(budgets)
	case flag == "match":
		return selectors(budgets)
	case flag == "unit":
		return units(budgets)
	}
	return nil
}

func suiteNames(budgets string) (names []string) {
	set, _ := readBudgets(budgets)
	for _, s := range set.Suites {
		names = append(names, s.Name)
	}
	return names
}

func budgetIDs(budgets string) (ids []string) {
	set, _ := readBudgets(budgets)
	for _, b := range set.Budgets {
		ids = append(ids, b.ID)
	}
	return ids
}

func selectors(budgets string) (texts []string) {
	set, _ := readBudgets(budgets)
	for _, b := range set.Budgets {
		texts = append(texts, b.Match.Text)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

func units(budgets string) (names []string) {
	set, _ := readBudgets(budgets)
	for _, b := range set.Budgets {
		names = append(names, b.UnitText)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// matching returns the candidates that begin with what is there, behind a prefix. A selector is written by the
// author of a budget: what a shell could take for more than a word is no candidate.
func matching(candidates []string, begin, prefix string) (out []string) {
	for _, c := range candidates {
		if strings.HasPrefix(c, begin) && !strings.ContainsAny(c, " \t\n\"'`$\\|&;<>(){}[]*?!~#") && c == report.ASCII(c, 1000) {
			out = append(out, prefix+c)
		}
	}
	return out
}
