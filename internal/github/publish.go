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

// jobLogin is whose name the comments of a job's own token carry.
const jobLogin = "github-actions[bot]"

// A Mode says which comment is written.
type Mode int

// The modes of commenting.
const (
	// Sticky keeps one comment, and creates it where there is none.
	Sticky Mode = iota
	// Existing keeps the one comment, but creates none: what was red once is shown to be green again,
	// and nothing is said where nothing was.
	Existing
	// Fresh adds a comment for each attempt of each run, and leaves the earlier ones.
	Fresh
)

// Options say what to deliver.
type Options struct {
	// Comments is the comment in Markdown, the longest version first; shorter ones serve where GitHub says
	// that one is too long. Empty for none.
	Comments []string
	Mode     Mode
	// Summaries is the job summary in Markdown, the longest version first; the first that fits is
	// written. Empty for none.
	Summaries []string
	// Key tells apart the comments and statuses of several perfgate jobs on one pull request, such as the
	// legs of a matrix: with one key for all, the last to finish would replace the others. Empty means
	// "default".
	Key string
	// Author is the login that the token's comments carry. It is needed only for the token of an app
	// other than GitHub Actions, which GitHub does not tell the name of; without it each run would
	// add a comment and delete the one before.
	Author string
	// Status is the status of the commit; none without a State.
	Status Status
}

// A Status is what a commit shows beside its name.
type Status struct {
	State       string // success, failure or error
	Description string // one line; cut to 140 characters
}

// maxDescription bounds the description of a status, in characters.
const maxDescription = 140

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
	// Now tells the time and Wait waits, for as long as its context lasts; nil means that of the machine.
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
}

func (p Publisher) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

func (p Publisher) wait(ctx context.Context, d time.Duration) error {
	if p.Wait != nil {
		return p.Wait(ctx, d)
	}
	return realWait(ctx, d)
}

// Publish writes the job summary, then creates or updates the comment on the pull request of e, then
// sets the commit status. Outside of GitHub Actions it does nothing. What fails does not keep the rest
// back. All of it ends within 90 seconds, what is sent again included. The error joins what failed,
// each of one of the Err classes; the Outcome is good with an error too.
func (p Publisher) Publish(ctx context.Context, e Env, o Options) (Outcome, error) {
	var out Outcome
	if !e.InActions {
		out.notDone("nothing published: this is no job of GitHub Actions")
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, allTime)
	defer cancel()
	d := delivery{publisher: p, env: e, opts: o, out: &out}
	var failed []error
	for _, step := range []func() error{
		func() error { return summary(e, o, &out) },
		func() error { return d.comment(ctx) },
		func() error { return d.status(ctx) },
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
	if len(o.Summaries) == 0 {
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
	gap := ""
	if size > 0 {
		gap = "\n\n" // whatever the step wrote before may end within a paragraph
	}
	text := ""
	for _, text = range o.Summaries {
		text = gap + text
		if size+int64(len(text)) <= MaxSummary {
			break
		}
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

// note appends a sentence to the job summary, as far as there is one: whoever misses the comment looks
// there. It may be left out without harm.
func note(e Env, o Options, sentence string) {
	if e.SummaryFile == "" || len(o.Summaries) == 0 {
		return
	}
	f, err := os.OpenFile(e.SummaryFile, os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	text := "\n\n" + sentence + ".\n"
	if size, err := f.Seek(0, io.SeekEnd); err == nil && size+int64(len(text)) <= MaxSummary {
		_, _ = f.WriteString(text)
	}
}

// A delivery is one Publish on its way to the interface.
type delivery struct {
	publisher Publisher
	env       Env
	opts      Options
	out       *Outcome
	shared    *client // made when first needed
}

// client returns the one client of the delivery: the time that it may take is of all of it.
func (d *delivery) client(doing string) (*client, error) {
	if d.env.Token == "" {
		return nil, &Error{Class: ErrNoToken, Doing: doing, Help: "pass the job's token: `env: GITHUB_TOKEN: ${{ github.token }}`"}
	}
	if d.shared != nil {
		return d.shared, nil
	}
	c, err := newClient(d.env, d.publisher)
	d.shared = c
	return c, err
}

// comment brings the comment on the pull request up to date.
func (d *delivery) comment(ctx context.Context) error {
	const doing = "comment on the pull request"
	e, o, out := d.env, d.opts, d.out
	switch {
	case len(o.Comments) == 0:
		return nil
	case e.PullRequest == 0 && e.HeadOwner == "":
		out.notDone("no comment: %s", e.NoPullRequest)
		return nil
	}
	mark := marker{key: sanitise(o.Key), run: e.RunID, attempt: e.Attempt, head: e.HeadSHA, fresh: o.Mode == Fresh}
	if e.MergeSHA != e.HeadSHA {
		mark.merge = e.MergeSHA
	}
	bodies, shortest := mark.bodies(o.Comments)
	if len(bodies) == 0 {
		return &Error{Class: ErrTooLong, Doing: doing, Detail: fmt.Sprintf("%d characters, of at most %d", shortest, MaxComment), Help: help[ErrTooLong]}
	}
	c, err := d.client(doing)
	if err != nil {
		return err
	}
	now, none, err := c.find(ctx, e)
	if err == nil && none == "" {
		none = stale(e, now)
	}
	if err != nil {
		return err
	}
	if none != "" {
		out.notDone("%s", none)
		note(e, o, "Of the comment: "+none)
		return nil
	}
	if mark.head == "" {
		mark.head = now.head
		bodies, _ = mark.bodies(o.Comments)
	}
	s := sticky{client: c, mark: mark, mode: o.Mode, number: now.number, bodies: bodies, out: out}
	if s.author, err = author(ctx, c, e, o); err != nil {
		return err
	}
	return s.publish(ctx)
}

// bodies returns the texts behind the marker, without those that are too long for any GitHub, and the
// length of the shortest in characters.
func (m marker) bodies(texts []string) (bodies []string, shortest int) {
	for _, text := range texts {
		body := m.String() + "\n" + text
		shortest = utf8.RuneCountInString(body)
		if shortest <= MaxComment {
			bodies = append(bodies, body)
		}
	}
	return bodies, shortest
}

// stale says why a comment on a pull request as it is now is not for this run to write; "" where it is.
func stale(e Env, now pull) string {
	switch {
	case !now.open:
		return fmt.Sprintf("comment left as it is: pull request %d is closed", now.number)
	case e.HeadSHA == "" && now.merge != e.MergeSHA:
		return fmt.Sprintf("comment left as it is: pull request %d has moved on, this run tested the merge %.12s", now.number, e.MergeSHA)
	case e.HeadSHA != "" && now.head != e.HeadSHA:
		return fmt.Sprintf("comment left as it is: pull request %d has moved on to %.12s, this run tested %.12s", now.number, printable(now.head), e.HeadSHA)
	}
	return ""
}

// find returns the pull request of e as it is now, or says why there is none. One that the event does
// not number is the one open pull request from its branch that points at the tested commit.
func (c *client) find(ctx context.Context, e Env) (now pull, none string, err error) {
	if e.PullRequest != 0 {
		now, err = c.pull(ctx, e.PullRequest)
		return now, "", err
	}
	from, err := c.pullsFrom(ctx, e.HeadOwner, e.HeadBranch)
	if err != nil {
		return pull{}, "", err
	}
	now, none = choose(e.HeadSHA, from)
	if now.number == 0 && len(from) == 0 {
		// The branch may have been renamed meanwhile.
		of, err := c.pullsOf(ctx, e.HeadSHA)
		if err != nil {
			return pull{}, "", err
		}
		now, none = choose(e.HeadSHA, of)
	}
	return now, none, nil
}

// choose returns the one open pull request that points at a commit, or says why there is none.
func choose(head string, from []pull) (one pull, none string) {
	n := 0
	for _, p := range from {
		if p.open && p.head == head && p.number > 0 {
			one = p
			n++
		}
	}
	switch n {
	case 0:
		return pull{}, fmt.Sprintf("no comment: no open pull request points at %.12s, which this run tested", head)
	case 1:
		return one, ""
	}
	return pull{}, fmt.Sprintf("no comment: %d open pull requests point at %.12s, and the event does not say which", n, head)
}

// status sets the status of the commit. It is right for that commit whatever has come after it.
func (d *delivery) status(ctx context.Context) error {
	const doing = "set the commit status"
	st := d.opts.Status
	if st.State == "" {
		return nil
	}
	if d.env.HeadSHA == "" {
		d.out.notDone("no commit status: the event does not say which commit was tested")
		return nil
	}
	c, err := d.client(doing)
	if err != nil {
		return err
	}
	name := "perfgate"
	if d.opts.Key != "" {
		name += "/" + sanitise(d.opts.Key)
	}
	if r := []rune(st.Description); len(r) > maxDescription {
		st.Description = string(r[:maxDescription-1]) + "…"
	}
	if err := c.setStatus(ctx, d.env.HeadSHA, name, d.env.RunURL(), st); err != nil {
		return err
	}
	d.out.done("set the status %s of commit %.12s to %s", name, d.env.HeadSHA, st.State)
	return nil
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
