// Package cli is the command line of perfgate: subcommands, flags, exit codes and every message for
// people.
//
// Machine-readable output goes to stdout or to files; progress and messages go to stderr. The
// package decides nothing about measurements: the verdict and the exit code come from package gate.
//
// Position in the flow: it calls the other packages in the order in which data goes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/budget"
	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/report"
)

// Streams is where a command writes.
type Streams struct {
	Out, Err io.Writer
	// Terminal says that Err is a terminal on which a line may be rewritten.
	Terminal bool
	// Colour says that Out is a terminal that shows colours, and that nobody has asked for none.
	Colour bool
}

// verdicts returns a text of verdicts as Out shows it.
func (s Streams) verdicts(text []byte) []byte {
	if s.Colour {
		return report.Colour(text)
	}
	return text
}

// Main runs the command that args name, args[0] being the program, and returns the exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	app := newApp(s)
	err := app.RunContext(ctx, nameLast(args))
	if err == nil {
		return gate.ExitPass
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		fmt.Fprintln(s.Err, "perfgate: interrupted; nothing was judged")
		return gate.ExitNotJudged
	}
	var e exitError
	if !errors.As(err, &e) {
		e = exitError{gate.ExitMisuse, err}
	}
	if e.err != nil {
		fmt.Fprintln(s.Err, message(e.err))
	}
	return e.code
}

// message prints an error for people: the problems of budget files as they are, one to a line, so
// that an editor finds the places; all else behind the program's name.
func message(err error) string {
	var ps budget.Problems
	if errors.As(err, &ps) {
		return ps.Error()
	}
	return "perfgate: " + err.Error()
}

// An exitError carries the exit code of a command. A nil err has been told already.
type exitError struct {
	code int
	err  error
}

// Error returns the text of the error, or of the code.
func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the error without its code.
func (e exitError) Unwrap() error { return e.err }

// misuse is an error of the arguments, files or budgets given.
func misuse(format string, args ...any) error {
	return exitError{gate.ExitMisuse, fmt.Errorf(format, args...)}
}

// notJudged is an error that kept everything from being judged.
func notJudged(err error) error { return exitError{gate.ExitNotJudged, err} }

// ended turns a result's exit code into the command's.
func ended(code int) error {
	if code == gate.ExitPass {
		return nil
	}
	return exitError{code: code}
}

func newApp(s Streams) *cli.App {
	app := &cli.App{
		Name:            "perfgate",
		Usage:           "hold benchmarks to the budgets in a repository",
		Version:         version(),
		Writer:          s.Out,
		ErrWriter:       s.Err,
		HideHelpCommand: true,
		Description: "Exit codes, the same for every command: 0 every budget passed, 1 a budget failed, 2 misuse or\n" +
			"invalid budgets, 3 nothing failed but something could not be judged, 4 a delivery that was required failed.",
		// The library would end the process itself.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
		Commands: []*cli.Command{
			checkCommand(s), runCommand(s), judgeCommand(s), reportCommand(s), publishCommand(s), lintCommand(s), proveCommand(s), initCommand(s), replayCommand(s), profileCommand(s), diagnoseCommand(s), baselineCommand(s), trendCommand(s), explainCommand(s), completionCommand(s),
		},
	}
	app.Commands = append(app.Commands, completeCommand(s, func() []*cli.Command { return app.Commands }))
	describeCommands(app.Commands, "")
	app.Action = func(c *cli.Context) error {
		if name := c.Args().First(); name != "" {
			var names []string
			for _, cmd := range app.VisibleCommands() {
				names = append(names, cmd.Name)
			}
			return misuse("unknown command %q%s; the commands are %s", name, didYouMean(name, names), strings.Join(names, ", "))
		}
		app.Writer = s.Err
		_ = cli.ShowAppHelp(c)
		return exitError{code: gate.ExitMisuse}
	}
	for _, cmd := range app.Commands {
		cmd.OnUsageError = usageError
		cmd.HideHelpCommand = true
		if len(cmd.Subcommands) > 0 || cmd.ArgsUsage != "" {
			continue // they look at their arguments themselves
		}
		action := cmd.Action
		cmd.Action = func(c *cli.Context) error {
			if c.Args().Present() && c.Command.ArgsUsage == "" {
				return misuse("%s takes no argument %q; flags begin with --, and stand before it", c.Command.Name, c.Args().First())
			}
			return action(c)
		}
	}
	return app
}

// required reports a flag that was not given. The library's own check prints help to stdout, where
// only results belong.
func required(c *cli.Context, flag string) error {
	if c.String(flag) == "" {
		return misuse("%s needs --%s; run perfgate %s --help", c.Command.Name, flag, c.Command.Name)
	}
	return nil
}

func usageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	near := ""
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		var names []string
		if c.Command != nil {
			for _, f := range c.Command.Flags {
				names = append(names, f.Names()...)
			}
		}
		name = strings.TrimPrefix(name, "-")
		text = "unknown flag --" + name
		if n := budget.Nearest(name, names); n != "" {
			near = "; did you mean --" + n + "?"
		}
	}
	where := "perfgate"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "perfgate" {
		where += " " + c.Command.Name
	}
	return misuse("%s%s; run %s --help", text, near, where)
}

func didYouMean(word string, words []string) string {
	if near := budget.Nearest(word, words); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}
