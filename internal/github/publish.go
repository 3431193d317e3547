package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// The bounds of what GitHub takes.
const (
	// MaxComment bounds a comment with its marker, in characters.
	MaxComment = 65_536
	// MaxSummary bounds the summary of one step, in bytes, together with what the step wrote before.
	// GitHub refuses a longer one whole, at 1 MiB.
	MaxSummary = 1_000_000
)

// allTime bounds one Publish.
const allTime = 90 * time.Second

// jobLogin is whose name the comments of a job's own token carry.
const jobLogin = "github-actions[bot]"

// Options say what to deliver.
type Options struct {
	Comment string // Markdown of the comment; empty for none
	Summary string // Markdown of the job summary; empty for none
	// Key tells apart the comments of several perfgate jobs on one pull request, such as the legs of
	// a matrix: with one key for all, the last to finish would replace the others. Empty means
	// "default".
	Key string
	// Author is the login that the token's comments carry. It is needed only for the token of an app
	// other than GitHub Actions, which GitHub does not tell the name of; without it each run would
	// add a comment and delete the one before.
	Author string
}

// An Outcome lists in short sentences for people what was delivered, and what was not and why.
// What was not needed, such as a comment where there is no pull request, is in NotDone too but is
// no error.
type Outcome struct {
	Done    []string
	NotDone []string
}

func (o *Outcome) done(format string, args ...any) {
	o.Done = append(o.Done, fmt.Sprintf(format, args...))
}

func (o *Outcome) notDone(format string, args ...any) {
	o.NotDone = append(o.NotDone, fmt.Sprintf(format, args...))
}

// A Publisher delivers to GitHub. The zero value is ready to use.
type Publisher struct {
	// Transport sends the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
}

// Publish writes the job summary, then creates or updates the comment on the pull request of e.
// Outside of GitHub Actions it does nothing. A failed summary does not keep the comment back. The
// error joins what failed, each of one of the Err classes; the Outcome is good with an error too.
func (p *Publisher) Publish(ctx context.Context, e Env, o Options) (Outcome, error) {
	var out Outcome
	if !e.InActions {
		out.notDone("nothing published: this is no job of GitHub Actions")
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, allTime)
	defer cancel()
	var failed []error
	for _, step := range []func() error{
		func() error { return summary(e, o, &out) },
		func() error { return p.comment(ctx, e, o, &out) },
	} {
		if err := step(); err != nil {
			out.notDone("%v", err)
			failed = append(failed, err)
		}
	}
	return out, errors.Join(failed...)
}

// summary appends to the file that becomes the job summary.
func summary(e Env, o Options, out *Outcome) (err error) {
	const doing = "write the job summary"
	if o.Summary == "" {
		return nil
	}
	if e.SummaryFile == "" {
		out.notDone("no job summary: GITHUB_STEP_SUMMARY names no file")
		return nil
	}
	unwritten := func(err error) error {
		return &Error{Class: ErrSummary, Doing: doing, Detail: printable(err.Error()), Help: "check the file that GITHUB_STEP_SUMMARY names", cause: err}
	}
	f, err := os.OpenFile(e.SummaryFile, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return unwritten(err)
	}
	defer func() {
		if cerr := f.Close(); cerr != nil && err == nil {
			err = unwritten(cerr)
		}
	}()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return unwritten(err)
	}
	text := o.Summary
	if size > 0 {
		text = "\n\n" + text // whatever the step wrote before may end within a paragraph
	}
	if size+int64(len(text)) > MaxSummary {
		return &Error{Class: ErrTooLong, Doing: doing, Detail: fmt.Sprintf("%d bytes after %d of the same step, of at most %d", len(text), size, MaxSummary), Help: "give a shorter summary, or publish in a step of its own"}
	}
	if _, err := f.WriteString(text); err != nil {
		return unwritten(err)
	}
	out.done("wrote the job summary")
	return nil
}

// comment brings the comment on the pull request up to date.
func (p *Publisher) comment(ctx context.Context, e Env, o Options, out *Outcome) error {
	const doing = "comment on the pull request"
	switch {
	case o.Comment == "":
		return nil
	case e.PullRequest == 0:
		out.notDone("no comment: %s", e.NoPullRequest)
		return nil
	case e.Token == "":
		return &Error{Class: ErrNoToken, Doing: doing, Help: "pass the job's token: `env: GITHUB_TOKEN: ${{ github.token }}`"}
	}
	s := sticky{
		mark:   marker{key: sanitise(o.Key), run: e.RunID, attempt: e.Attempt, head: e.HeadSHA},
		number: e.PullRequest,
		out:    out,
	}
	s.body = s.mark.String() + "\n" + o.Comment
	if n := utf8.RuneCountInString(s.body); n > MaxComment {
		return &Error{Class: ErrTooLong, Doing: doing, Detail: fmt.Sprintf("%d characters, of at most %d", n, MaxComment), Help: help[ErrTooLong]}
	}
	c, err := newClient(e, p.Transport)
	if err != nil {
		return err
	}
	s.client = c
	head, open, err := c.head(ctx, e.PullRequest)
	switch {
	case err != nil:
		return err
	case !open:
		out.notDone("comment left as it is: pull request %d is closed", e.PullRequest)
		return nil
	case head != e.HeadSHA:
		out.notDone("comment left as it is: pull request %d has moved on to %.12s, this run tested %.12s", e.PullRequest, printable(head), e.HeadSHA)
		return nil
	}
	if s.author, err = author(ctx, c, e, o); err != nil {
		return err
	}
	return s.publish(ctx)
}

// author returns the login of our comments. A job's token is known by how it begins, and GitHub
// does not tell whose it is.
func author(ctx context.Context, c *client, e Env, o Options) (string, error) {
	if o.Author != "" {
		return o.Author, nil
	}
	if !strings.HasPrefix(string(e.Token), "ghs_") {
		if login, err := c.login(ctx); err != nil || login != "" {
			return login, err
		}
	}
	return jobLogin, nil
}
