package cli

import (
	"bytes"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/github"
	"github.com/perfgate/perfgate/report"
)

func publishCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "publish",
		Usage: "put a result on GitHub: job summary, and one comment on the pull request; ends with the result's exit code",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "result", Usage: "result `FILE` of check or judge (required)"},
			&cli.StringFlag{Name: "key", Usage: "`NAME` that tells apart the comments of several jobs on one pull request"},
			&cli.StringFlag{Name: "author", Usage: "`LOGIN` whose comments the token writes, where it is not that of GitHub Actions"},
			&cli.BoolFlag{Name: "require-publish", Usage: "end with 4 when a delivery fails"},
		},
		Action: func(c *cli.Context) error {
			r, err := readResult(c)
			if err != nil {
				return err
			}
			var comment bytes.Buffer
			if err := report.Markdown(&comment, r, report.CommentLimit); err != nil {
				return notJudged(err)
			}
			summary, err := render(r, "markdown")
			if err != nil {
				return notJudged(err)
			}
			e := github.FromEnvironment(os.Getenv, func(name string) ([]byte, error) { return readCapped(name, 16<<20) })
			var p github.Publisher
			out, failed := p.Publish(c.Context, e, github.Options{
				Comment: comment.String(), Summary: string(summary), Key: c.String("key"), Author: c.String("author"),
			})
			for _, line := range out.Done {
				fmt.Fprintln(s.Err, line)
			}
			for _, line := range out.NotDone {
				fmt.Fprintln(s.Err, "not done: "+line)
			}
			if failed != nil && c.Context.Err() != nil {
				return interruptedOr(c.Context, failed)
			}
			if failed != nil && c.Bool("require-publish") {
				return exitError{code: gate.ExitNotStored}
			}
			return ended(r.ExitCode)
		},
	}
}
