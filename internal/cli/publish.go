package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/github"
	"github.com/perfgate/perfgate/report"
)

// commentModes are the values of --comment.
var commentModes = []string{"always", "on-change", "on-failure", "new", "off"}

func publishCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "publish",
		Usage: "put a result on GitHub: job summary, annotations, one comment on the pull request; ends with the result's exit code",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "result", Usage: "result `FILE` of check or judge (required)"},
			&cli.StringFlag{
				Name: "comment", Value: commentModes[0],
				Usage: "`MODE` of the comment: always; on-change or on-failure, which begin one only then and keep it current; new, one for each attempt; off",
			},
			&cli.BoolFlag{Name: "status", Usage: "set the status of the commit too; the job needs statuses: write"},
			&cli.StringFlag{Name: "key", Usage: "`NAME` that tells apart the comments of several jobs on one pull request"},
			&cli.StringFlag{Name: "author", Usage: "`LOGIN` whose comments the token writes, where it is not that of GitHub Actions"},
			outputsFlag(),
			&cli.BoolFlag{Name: "require-publish", Usage: "end with 4 when a delivery fails"},
		},
		Action: func(c *cli.Context) error {
			mode := c.String("comment")
			if !slices.Contains(commentModes, mode) {
				return misuse("unknown mode --comment %q%s; the modes are %s", mode, didYouMean(mode, commentModes), strings.Join(commentModes, ", "))
			}
			if err := regular(c.String("result")); err != nil {
				return err
			}
			r, err := readResult(c)
			if err != nil {
				return err
			}
			e := github.FromEnvironment(os.Getenv, func(name string) ([]byte, error) { return readCapped(name, 16<<20) })
			o, err := deliveries(r, e, mode)
			if err != nil {
				return notJudged(err)
			}
			o.Key, o.Author = c.String("key"), c.String("author")
			if c.Bool("status") {
				o.Status = statusOf(r)
			}
			if name := c.String("outputs"); name != "" {
				if err := writeOutputs(name, r); err != nil {
					return exitError{gate.ExitNotStored, err}
				}
			}
			// A workflow_run job is of the default branch: there the files are not those that were tested.
			if e.InActions && e.Event != "workflow_run" {
				annotate(s, r, below(os.Getenv("GITHUB_WORKSPACE")))
			}
			return publish(c.Context, s, github.Publisher{}, e, o, r, c.Bool("require-publish"))
		},
	}
}

// regular refuses a result that is no plain file: it may be what a pull request left behind, and a link
// would have this job read something else.
func regular(name string) error {
	info, err := os.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		return misuse("read the result: %s is no plain file; name the file itself, not a link to it", name)
	}
	return nil // whatever else is wrong with it shows when it is read
}

// publish delivers, says what came of it, and ends with the code of the result: a delivery that fails
// does not change it, unless it is required.
func publish(ctx context.Context, s Streams, p github.Publisher, e github.Env, o github.Options, r gate.Result, require bool) error {
	out, failed := p.Publish(ctx, e, o)
	for _, line := range out.Done {
		fmt.Fprintln(s.Err, line)
	}
	for _, line := range out.NotDone {
		fmt.Fprintln(s.Err, "not done: "+line)
	}
	if failed != nil && ctx.Err() != nil {
		return interruptedOr(ctx, failed)
	}
	if failed != nil && require {
		return exitError{code: gate.ExitNotStored}
	}
	return ended(r.ExitCode)
}

// The lengths of a comment in bytes, tried in turn where GitHub finds one too long. The report leaves
// out what passed, then rows of what did not, and keeps the outcome and the counts.
var commentRungs = []int{report.CommentLimit, 20_000, 6_000, 800}

// deliveries says what a result is delivered as: whether there is a comment, and each text with shorter
// ones in its place.
func deliveries(r gate.Result, e github.Env, mode string) (github.Options, error) {
	var o github.Options
	link := ""
	if page := e.RunURL(); page != "" {
		link = fmt.Sprintf("\n<sub>[run %d, attempt %d](%s)</sub>\n", e.RunID, e.Attempt, page)
	}
	rungs := func(limits ...int) (texts []string, err error) {
		for _, limit := range limits {
			var b bytes.Buffer
			if err := report.Markdown(&b, r, limit); err != nil {
				return nil, err
			}
			if text := b.String() + link; len(texts) == 0 || len(text) < len(texts[len(texts)-1]) {
				texts = append(texts, text)
			}
		}
		return texts, nil
	}
	var err error
	if o.Summaries, err = rungs(report.SummaryLimit-len(link), report.CommentLimit, 6_000); err != nil || mode == "off" {
		return o, err
	}
	o.Mode = commentMode(mode, r)
	o.Comments, err = rungs(commentRungs...)
	return o, err
}

// commentMode says which comment a result calls for. One that is there already is kept current whatever
// the mode, so that a red one turns green.
func commentMode(mode string, r gate.Result) github.Mode {
	passed := r.ExitCode == gate.ExitPass
	switch {
	case mode == "new":
		return github.Fresh
	case mode == "on-failure" && passed,
		mode == "on-change" && passed && r.Counts.Improved == 0 && r.Counts.New == 0 && r.Counts.Pass == len(r.Verdicts):
		return github.Existing
	}
	return github.Sticky
}

// statusOf returns the commit status of a result. Only a pass is a success.
func statusOf(r gate.Result) github.Status {
	st := github.Status{State: "error", Description: report.Line(r)}
	switch r.ExitCode {
	case gate.ExitPass:
		st.State = "success"
	case gate.ExitFail:
		st.State = "failure"
	}
	return st
}

// annotate prints what keeps the result from passing as annotations of the budgets, below the directory
// dir of the repository. The runner takes them from the log.
func annotate(s Streams, r gate.Result, dir string) {
	notes, more := report.Notes(r, github.MaxAnnotations)
	for _, n := range notes {
		a := github.Annotation{Fail: n.Fail, Title: n.Title, Text: n.Text}
		if n.File != "" {
			a.File, a.Line = path.Join(dir, n.File), n.Line
		}
		fmt.Fprintln(s.Out, a)
	}
	if more > 0 {
		fmt.Fprintf(s.Err, "not done: %d more annotations: GitHub shows %d of a step; the job summary has all\n", more, github.MaxAnnotations)
	}
}

// below returns the working directory as seen from the root of the repository, with slashes; "" where it
// is the root, or not below it.
func below(root string) string {
	dir, err := os.Getwd()
	if err != nil || root == "" {
		return ""
	}
	rel, err := filepath.Rel(root, dir)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return ""
	}
	return filepath.ToSlash(rel)
}

// refuseTarget refuses to run the code of a pull request in a job that was started by
// pull_request_target: its token may write, and it may read secrets.
func refuseTarget(getenv func(string) string) error {
	if getenv("GITHUB_ACTIONS") == "true" && getenv("GITHUB_EVENT_NAME") == "pull_request_target" {
		return exitError{gate.ExitMisuse, errors.New("this job was started by pull_request_target, where benchmarks of a pull request would run with a token that may write: " +
			"start it by pull_request, and publish the result in a workflow_run job, see docs/github.md")}
	}
	return nil
}
