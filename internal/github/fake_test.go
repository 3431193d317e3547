package github

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const token = "ghs_jobtoken0123456789"

// A fake is a GitHub with one repository, o/r, and one pull request, 7. It keeps what is sent to it
// and refuses what GitHub would.
type fake struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	comments []comment
	nextID   int64
	writer   string // login that the token writes as
	user     string // what GET /user says; empty is a refusal
	state    string
	head     string
	calls    []string
	// before, when set, may answer a request in GitHub's place, and reports whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, nextID: 1000, writer: jobLogin, state: "open", head: sha}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

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
	if f.before != nil && f.before(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		answer(w, 401, `{"message":"Bad credentials"}`)
		return
	}
	const issue = "/repos/o/r/issues/7/comments"
	const one = "/repos/o/r/issues/comments/"
	at := -1
	if id, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, one), 10, 64); err == nil {
		at = slices.IndexFunc(f.comments, func(c comment) bool { return c.id == id })
	}
	switch {
	case r.Method == "GET" && r.URL.Path == "/user" && f.user != "":
		answer(w, 200, fmt.Sprintf(`{"login":%q}`, f.user))
	case r.Method == "GET" && r.URL.Path == "/user":
		answer(w, 403, `{"message":"Resource not accessible by integration"}`)
	case r.Method == "GET" && r.URL.Path == "/repos/o/r/pulls/7":
		answer(w, 200, fmt.Sprintf(`{"number":7,"state":%q,"head":{"sha":%q}}`, f.state, f.head))
	case r.Method == "GET" && r.URL.Path == issue:
		f.list(w, r)
	case r.Method == "POST" && r.URL.Path == issue:
		if body, ok := f.body(w, r); ok {
			f.add(f.writer, body)
			answer(w, 201, f.show(f.comments[len(f.comments)-1]))
		}
	case at >= 0 && f.comments[at].author != f.writer:
		answer(w, 403, `{"message":"Resource not accessible by integration"}`)
	case r.Method == "PATCH" && at >= 0:
		if body, ok := f.body(w, r); ok {
			f.comments[at].body = body
			answer(w, 200, f.show(f.comments[at]))
		}
	case r.Method == "DELETE" && at >= 0:
		f.comments = slices.Delete(f.comments, at, at+1)
		w.WriteHeader(204)
	default:
		answer(w, 404, `{"message":"Not Found"}`)
	}
}

func (f *fake) body(w http.ResponseWriter, r *http.Request) (string, bool) {
	var in struct{ Body string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Body == "" {
		answer(w, 422, `{"message":"Validation Failed"}`)
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
	var shown []string
	for _, c := range f.comments[from:to] {
		shown = append(shown, f.show(c))
	}
	answer(w, 200, "["+strings.Join(shown, ",")+"]")
}

func (f *fake) show(c comment) string {
	body, _ := json.Marshal(c.body)
	return fmt.Sprintf(`{"id":%d,"body":%s,"html_url":"https://github.com/o/r/pull/7#issuecomment-%[1]d","user":{"login":%[3]q}}`, c.id, body, c.author)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}
