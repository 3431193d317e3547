package github

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

const token = "ghs_jobtoken0123456789"

// A fake is a GitHub with one repository, o/r, and a few pull requests, first of all 7. It keeps what is
// sent to it and refuses what GitHub would. Every request, and every answer of its own, is held against
// GitHub's description of its interface.
type fake struct {
	t      *testing.T
	server *httptest.Server
	spec   *description

	mu       sync.Mutex
	comments []comment // of 7
	nextID   int64
	writer   string // login that the token writes as
	user     string // what GET /user says; empty is a refusal
	pulls    []fakePull
	statuses []string // "COMMIT CONTEXT STATE DESCRIPTION"
	longest  int      // of a comment, in characters; 0 is as GitHub has it
	readOnly bool     // the token may not write
	calls    []string
	clock    *testClock
	began    time.Time // by the clock
	// before, when set, may answer a request in GitHub's place, and reports whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool
}

// A fakePull is a pull request.
type fakePull struct {
	number      int
	state       string
	head, merge string
	from        string // OWNER:BRANCH
}

// A testClock goes on only when somebody waits.
type testClock struct {
	at     time.Time
	waited []time.Duration
}

func (c *testClock) now() time.Time { return c.at }

func (c *testClock) wait(ctx context.Context, d time.Duration) error {
	c.at = c.at.Add(d)
	c.waited = append(c.waited, d)
	return ctx.Err()
}

func newFake(t *testing.T) *fake {
	f := &fake{
		t: t, spec: described(t), nextID: 1000, writer: jobLogin, clock: &testClock{at: time.Unix(1_800_000_000, 0)},
		pulls: []fakePull{{number: 7, state: "open", head: sha, merge: mergeSHA, from: "o:topic"}},
	}
	f.began = f.clock.at
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

// publisher sends to the fake by its clock.
func (f *fake) publisher() Publisher { return Publisher{Now: f.clock.now, Wait: f.clock.wait} }

// env is that of a job on the pull request.
func (f *fake) env() Env {
	return Env{InActions: true, APIURL: f.server.URL, Token: token, Repository: "o/r", Event: "pull_request",
		RunID: 500, Attempt: 1, PullRequest: 7, HeadSHA: sha}
}

// add puts a comment there.
func (f *fake) add(author, body string) int64 {
	f.nextID++
	f.comments = append(f.comments, comment{id: f.nextID, author: author, body: body})
	return f.nextID
}

// ours returns the text that a run of ours wrote.
func ours(run int64, attempt int, text string) string {
	return marker{key: "default", run: run, attempt: attempt, head: sha}.String() + "\n" + text
}

// count returns how many requests began with a method and path.
func (f *fake) count(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.countLocked(prefix)
}

func (f *fake) countLocked(prefix string) int {
	n := 0
	for _, c := range f.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	done := f.before != nil && f.before(w, r)
	asked := r
	if rest, ok := strings.CutPrefix(r.URL.Path, "/repos/old/name/"); ok {
		asked = r.Clone(r.Context())
		asked.URL.Path = "/repos/o/r/" + rest
	}
	if err := f.spec.request(asked, body); err != nil {
		f.t.Errorf("%s %s is no request that GitHub describes: %v", r.Method, r.URL, err)
	}
	if done {
		return
	}
	rec := httptest.NewRecorder()
	f.handle(rec, r, body)
	if err := f.spec.answer(r, rec.Code, rec.Header(), rec.Body.Bytes()); err != nil {
		f.t.Errorf("the fake's answer to %s %s is none that GitHub describes: %v", r.Method, r.URL, err)
	}
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func (f *fake) handle(w http.ResponseWriter, r *http.Request, body []byte) {
	const issue = "/repos/o/r/issues/7/comments"
	const one = "/repos/o/r/issues/comments/"
	refuse := func(status int, message string) {
		f.reply(w, status, "basic-error", map[string]any{"message": message})
	}
	at := -1
	if id, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, one), 10, 64); err == nil {
		at = slices.IndexFunc(f.comments, func(c comment) bool { return c.id == id })
	}
	commit, ofCommit := strings.CutPrefix(r.URL.Path, "/repos/o/r/commits/")
	status, ofStatus := strings.CutPrefix(r.URL.Path, "/repos/o/r/statuses/")
	number, ofPull := strings.CutPrefix(r.URL.Path, "/repos/o/r/pulls/")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		refuse(401, "Bad credentials")
	case r.Method == "GET" && r.URL.Path == "/user" && f.user != "":
		f.reply(w, 200, "public-user", map[string]any{"login": f.user})
	case r.Method == "GET" && r.URL.Path == "/user":
		refuse(403, "Resource not accessible by integration")
	case r.Method == "GET" && ofPull:
		for _, p := range f.pulls {
			if strconv.Itoa(p.number) == number {
				f.reply(w, 200, "pull-request", p.fields())
				return
			}
		}
		refuse(404, "Not Found")
	case r.Method == "GET" && r.URL.Path == "/repos/o/r/pulls":
		q := r.URL.Query()
		f.listPulls(w, func(p fakePull) bool { return p.state == q.Get("state") && p.from == q.Get("head") })
	case r.Method == "GET" && ofCommit:
		f.listPulls(w, func(p fakePull) bool { return p.head+"/pulls" == commit })
	case r.Method == "GET" && r.URL.Path == issue:
		f.list(w, r)
	case r.Method != "GET" && f.readOnly:
		w.Header().Set("X-Accepted-GitHub-Permissions", "issues=write; pull_requests=write")
		refuse(403, "Resource not accessible by integration")
	case r.Method == "POST" && ofStatus:
		var in struct{ State, Context, Description string }
		_ = json.Unmarshal(body, &in)
		f.statuses = append(f.statuses, strings.Join([]string{status, in.Context, in.State, in.Description}, " "))
		f.reply(w, 201, "status", map[string]any{
			"state": in.State, "context": in.Context, "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
		})
	case r.Method == "POST" && r.URL.Path == issue:
		if text, ok := f.body(w, body); ok {
			f.add(f.writer, text)
			f.reply(w, 201, "issue-comment", f.show(f.comments[len(f.comments)-1]))
		}
	case at >= 0 && f.comments[at].author != f.writer:
		refuse(403, "Resource not accessible by integration")
	case r.Method == "PATCH" && at >= 0:
		if text, ok := f.body(w, body); ok {
			f.comments[at].body = text
			f.reply(w, 200, "issue-comment", f.show(f.comments[at]))
		}
	case r.Method == "DELETE" && at >= 0:
		f.comments = slices.Delete(f.comments, at, at+1)
		w.WriteHeader(204)
	default:
		refuse(404, "Not Found")
	}
}

// body reads the text of a comment, and refuses one that is too long in GitHub's words.
func (f *fake) body(w http.ResponseWriter, body []byte) (string, bool) {
	var in struct{ Body string }
	_ = json.Unmarshal(body, &in)
	most := f.longest
	if most == 0 {
		most = MaxComment
	}
	if n := utf8.RuneCountInString(in.Body); n == 0 || n > most {
		f.reply(w, 422, "validation-error", map[string]any{"message": "Validation Failed", "errors": []any{map[string]any{
			"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": fmt.Sprintf("Body is too long (maximum is %d characters)", most),
		}}})
		return "", false
	}
	return in.Body, true
}

// list answers a page, oldest first and thirty to a page unless asked otherwise, as GitHub does.
func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	per, page := 30, 1
	if n, err := strconv.Atoi(r.URL.Query().Get("per_page")); err == nil {
		per = min(n, 100)
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil {
		page = n
	}
	from, to := min((page-1)*per, len(f.comments)), min(page*per, len(f.comments))
	if to < len(f.comments) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="next"`, f.server.URL, r.URL.Path, per, page+1))
	}
	shown := []any{}
	for _, c := range f.comments[from:to] {
		shown = append(shown, f.spec.sample(&schema{Ref: "#/components/schemas/issue-comment"}, f.show(c)))
	}
	f.write(w, 200, shown)
}

func (f *fake) listPulls(w http.ResponseWriter, include func(fakePull) bool) {
	shown := []any{}
	for _, p := range f.pulls {
		if include(p) {
			shown = append(shown, f.spec.sample(&schema{Ref: "#/components/schemas/pull-request-simple"}, p.fields()))
		}
	}
	f.write(w, 200, shown)
}

func (f *fake) show(c comment) map[string]any {
	return map[string]any{
		"id": c.id, "body": c.body, "html_url": fmt.Sprintf("https://github.com/o/r/pull/7#issuecomment-%d", c.id),
		"user": map[string]any{"login": c.author},
	}
}

func (p fakePull) fields() map[string]any {
	return map[string]any{
		"number": p.number, "state": p.state, "merge_commit_sha": p.merge, "head": map[string]any{"sha": p.head, "label": p.from},
	}
}

// reply answers with what a schema describes.
func (f *fake) reply(w http.ResponseWriter, status int, name string, with map[string]any) {
	f.write(w, status, f.spec.sample(&schema{Ref: "#/components/schemas/" + name}, with))
}

func (f *fake) write(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		f.t.Error(err)
	}
	answer(w, status, string(data))
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}
