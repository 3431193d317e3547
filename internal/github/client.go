package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	api "github.com/google/go-github/v60/github"
)

const (
	maxAnswer = 64 << 20 // bytes of one answer: a page of the longest comments is half of it
	perPage   = 100
	maxPages  = 100
)

// A client makes the few calls that a delivery needs, and puts right what go-github v60 leaves open:
// it sends a bearer token on to the host of a redirect, lets dots in a name lead to another address,
// reads an error of any length, and does not know 429 for a limit. All of go-github is in this file.
type client struct {
	api         *api.Client
	again       *retry
	owner, repo string
	token       Secret
}

// slug is an owner and a name that cannot be read as more than that in a path. Underscores are in
// the names of managed users.
var slug = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9_-]{0,99}))/([A-Za-z0-9._-]{1,100})$`)

// repository splits the name of a repository; ok is false for what is none.
func repository(name string) (owner, repo string, ok bool) {
	m := slug.FindStringSubmatch(name)
	if m == nil || m[2] == "." || m[2] == ".." {
		return "", "", false
	}
	return m[1], m[2], true
}

// newClient returns a client for the repository of e. The error is of class ErrEnvironment.
func newClient(e Env, p Publisher) (*client, error) {
	bad := func(what, value, help string) error {
		return &Error{Class: ErrEnvironment, Doing: "set up access to GitHub", Detail: fmt.Sprintf("%s is %q", what, printable(value)), Help: help}
	}
	owner, repo, ok := repository(e.Repository)
	if !ok {
		return nil, bad("GITHUB_REPOSITORY", e.Repository, "it must be OWNER/NAME")
	}
	base, err := url.Parse(e.APIURL)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, bad("GITHUB_API_URL", e.APIURL, "it must be an address such as https://api.github.com")
	}
	if base.Scheme != "https" && !(base.Scheme == "http" && loopback(base.Hostname())) {
		return nil, bad("GITHUB_API_URL", e.APIURL, "the token is sent over https only")
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	next := p.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	own := base.Path + "repos/" + owner + "/" + repo + "/"
	again := &retry{
		next: guard{next: next, base: base, own: own, token: e.Token, most: maxAnswer},
		now:  p.now, wait: p.wait, deadline: p.now().Add(allTime),
		random: rand.New(rand.NewPCG(uint64(e.RunID), uint64(e.Attempt))),
	}
	c := api.NewClient(&http.Client{Transport: again, CheckRedirect: sameHost})
	c.BaseURL = base
	c.UserAgent = "perfgate"
	return &client{api: c, again: again, owner: owner, repo: repo, token: e.Token}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// errEmpty stands for an answer without what it must hold. go-github takes an empty one for a
// success.
var errEmpty = errors.New("empty answer")

// errOtherHost is what sameHost refuses with.
var errOtherHost = errors.New("redirect to another host")

func sameHost(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; req.URL.Scheme != first.Scheme || req.URL.Host != first.Host {
		return errOtherHost
	}
	if len(via) >= 5 {
		return errors.New("more than 5 redirects")
	}
	return nil
}

// errOutside is what the guard refuses with when a request is for something else than the repository.
var errOutside = errors.New("address outside of the repository")

// A guard adds the token to requests to its own host only, lets none through to another part of it
// than the repository's, and bounds what an answer may hold.
type guard struct {
	next  http.RoundTripper
	base  *url.URL
	own   string // what paths of the repository begin with
	token Secret
	most  int64 // bytes of one answer
}

// RoundTrip sends one request.
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != g.base.Scheme || req.URL.Host != g.base.Host {
		return nil, errOtherHost
	}
	// A name with dots in it would lead elsewhere. A redirect, which GitHub itself sent, may: the
	// address of a renamed repository is its number.
	if req.Response == nil && !strings.HasPrefix(req.URL.Path, g.own) && req.URL.Path != g.base.Path+"user" {
		return nil, errOutside
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+string(g.token))
	resp, err := g.next.RoundTrip(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, g.most), resp.Body}
	}
	return resp, err
}

// A comment is one of a pull request.
type comment struct {
	id     int64
	author string // login
	body   string
	url    string // of its web page
}

func fromAPI(c *api.IssueComment) comment {
	return comment{id: c.GetID(), author: c.GetUser().GetLogin(), body: c.GetBody(), url: c.GetHTMLURL()}
}

// comments lists all comments of a pull request, oldest first.
func (c *client) comments(ctx context.Context, number int) ([]comment, error) {
	const doing = "list the comments of the pull request"
	var out []comment
	opts := &api.IssueListCommentsOptions{ListOptions: api.ListOptions{PerPage: perPage}}
	for range maxPages {
		page, resp, err := c.api.Issues.ListComments(ctx, c.owner, c.repo, number, opts)
		if err != nil {
			return nil, c.failure(doing, resp, err)
		}
		for _, one := range page {
			out = append(out, fromAPI(one))
		}
		if resp.NextPage == 0 {
			return out, nil
		}
		opts.Page = resp.NextPage
	}
	return nil, &Error{Class: ErrServer, Doing: doing, Detail: fmt.Sprintf("more than %d pages", maxPages), Help: "the job summary has the report"}
}

// create adds a comment.
func (c *client) create(ctx context.Context, number int, body string) (comment, error) {
	got, resp, err := c.api.Issues.CreateComment(ctx, c.owner, c.repo, number, &api.IssueComment{Body: &body})
	if err != nil {
		return comment{}, c.failure("create the comment", resp, err)
	}
	if got.GetID() == 0 {
		return comment{}, c.failure("create the comment", resp, errEmpty)
	}
	return fromAPI(got), nil
}

// edit replaces the text of a comment.
func (c *client) edit(ctx context.Context, id int64, body string) (comment, error) {
	got, resp, err := c.api.Issues.EditComment(ctx, c.owner, c.repo, id, &api.IssueComment{Body: &body})
	if err != nil {
		return comment{}, c.failure("update the comment", resp, err)
	}
	if got.GetID() == 0 {
		return comment{}, c.failure("update the comment", resp, errEmpty)
	}
	return fromAPI(got), nil
}

// remove deletes a comment. One that is gone already is no error.
func (c *client) remove(ctx context.Context, id int64) error {
	resp, err := c.api.Issues.DeleteComment(ctx, c.owner, c.repo, id)
	if err == nil || resp != nil && resp.StatusCode == http.StatusNotFound {
		return nil
	}
	return c.failure("delete a duplicate of the comment", resp, err)
}

// A pull is a pull request as it is now.
type pull struct {
	number int
	head   string // the commit that it points at
	merge  string // the commit that GitHub made of it and its base to test them; may be empty
	open   bool
}

func pullFromAPI(p *api.PullRequest) pull {
	return pull{number: p.GetNumber(), head: p.GetHead().GetSHA(), merge: p.GetMergeCommitSHA(), open: p.GetState() == "open"}
}

// pull looks up a pull request.
func (c *client) pull(ctx context.Context, number int) (pull, error) {
	const doing = "look up the pull request"
	pr, resp, err := c.api.PullRequests.Get(ctx, c.owner, c.repo, number)
	if err != nil {
		return pull{}, c.failure(doing, resp, err)
	}
	if pr.GetState() == "" || pr.GetHead().GetSHA() == "" {
		return pull{}, c.failure(doing, resp, errEmpty)
	}
	return pullFromAPI(pr), nil
}

// pullsFrom lists the open pull requests that come from a branch of an owner's repository.
func (c *client) pullsFrom(ctx context.Context, owner, branch string) ([]pull, error) {
	prs, resp, err := c.api.PullRequests.List(ctx, c.owner, c.repo, &api.PullRequestListOptions{
		State: "open", Head: owner + ":" + branch, ListOptions: api.ListOptions{PerPage: perPage},
	})
	return c.pulls("look for the pull request by its branch", prs, resp, err)
}

// pullsOf lists the pull requests that a commit is part of.
func (c *client) pullsOf(ctx context.Context, sha string) ([]pull, error) {
	const doing = "look for the pull request by its commit"
	if !fullHash.MatchString(sha) {
		return nil, notAHash(doing, sha)
	}
	prs, resp, err := c.api.PullRequests.ListPullRequestsWithCommit(ctx, c.owner, c.repo, sha, &api.ListOptions{PerPage: perPage})
	return c.pulls(doing, prs, resp, err)
}

func (c *client) pulls(doing string, prs []*api.PullRequest, resp *api.Response, err error) ([]pull, error) {
	if err != nil {
		return nil, c.failure(doing, resp, err)
	}
	out := make([]pull, len(prs))
	for i, p := range prs {
		out[i] = pullFromAPI(p)
	}
	return out, nil
}

// notAHash refuses what would become part of an address and is no commit.
func notAHash(doing, sha string) error {
	return &Error{Class: ErrEnvironment, Doing: doing, Detail: fmt.Sprintf("%q is no full commit hash", printable(sha)), Help: "the event file or GITHUB_SHA must name one"}
}

// setStatus gives a commit a status, in place of an earlier one of the same name.
func (c *client) setStatus(ctx context.Context, sha, name, page string, st Status) error {
	const doing = "set the commit status"
	if !fullHash.MatchString(sha) {
		return notAHash(doing, sha)
	}
	in := &api.RepoStatus{State: &st.State, Context: &name, Description: &st.Description}
	if page != "" {
		in.TargetURL = &page
	}
	got, resp, err := c.api.Repositories.CreateStatus(ctx, c.owner, c.repo, sha, in)
	if err == nil && got.GetState() != st.State {
		err = errEmpty
	}
	if err == nil {
		return nil
	}
	err = c.failure(doing, resp, err)
	var e *Error
	if errors.As(err, &e) && errors.Is(e.Class, ErrForbidden) {
		e.Help = "add `permissions: statuses: write` to the job; for a pull request from a fork only a workflow_run job can, see docs/github.md"
	}
	return err
}

// login returns the name that the token's comments carry, or "" where GitHub does not tell: it
// tells people's tokens, not those of jobs and apps.
func (c *client) login(ctx context.Context) (string, error) {
	user, resp, err := c.api.Users.Get(ctx, "")
	if err == nil {
		return user.GetLogin(), nil
	}
	e := c.failure("look up whose token it is", resp, err)
	if errors.Is(e, ErrForbidden) || errors.Is(e, ErrNotFound) {
		return "", nil
	}
	return "", e
}

// failure turns what go-github returned into an Error.
func (c *client) failure(doing string, resp *api.Response, err error) error {
	e := &Error{Doing: doing, cause: err}
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	var when *time.ParseError
	var late net.Error
	switch {
	case errors.Is(err, errOtherHost):
		e.Class = ErrRedirect
	case errors.Is(err, errOutside):
		e.Class, e.Detail = ErrEnvironment, "the address leads outside of the repository"
	case errors.Is(err, context.Canceled):
		e.Class, e.Detail = ErrNetwork, "interrupted"
	case errors.As(err, &syntax), errors.As(err, &shape), errors.As(err, &when), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errEmpty):
		e.Class, e.Detail = ErrServer, "its answer is not what GitHub sends"
	case resp != nil && resp.Response != nil && resp.StatusCode >= 300:
		message := c.hide(messageOf(err))
		e.Class = classOf(resp.StatusCode, resp.Header, message)
		e.Detail = describe(resp.StatusCode, resp.Header, message)
	case errors.As(err, &late) && late.Timeout():
		e.Class, e.Detail = ErrNetwork, "it took too long"
	default:
		e.Class, e.Detail = ErrNetwork, printable(c.hide(reason(err)))
	}
	e.Help = help[e.Class]
	return e
}

// messageOf returns the words of an error answer.
func messageOf(err error) string {
	var plain *api.ErrorResponse
	var limit *api.RateLimitError
	var abuse *api.AbuseRateLimitError
	switch {
	case errors.As(err, &limit):
		return limit.Message
	case errors.As(err, &abuse):
		return abuse.Message
	case errors.As(err, &plain):
		parts := []string{plain.Message}
		for _, one := range plain.Errors {
			parts = append(parts, one.Message)
		}
		return strings.TrimSpace(strings.Join(parts, " "))
	}
	return ""
}

// reason drops the address from a failed connection: it is long, and GITHUB_API_URL says it.
func reason(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

// hide takes the token out of a text, should a server repeat it.
func (c *client) hide(s string) string {
	if c.token == "" {
		return s
	}
	return strings.ReplaceAll(s, string(c.token), "***")
}
