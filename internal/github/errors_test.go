package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var classes = []error{ErrNoToken, ErrEnvironment, ErrSummary, ErrTooLong, ErrUnauthorized, ErrForbidden, ErrNotFound,
	ErrRateLimited, ErrRefused, ErrServer, ErrNetwork, ErrRedirect}

// wantClass fails unless err is of this class, and of no other, and its sentence holds the texts.
func wantClass(t *testing.T, err, class error, texts ...string) {
	t.Helper()
	for _, c := range classes {
		if errors.Is(err, c) != (c == class) {
			t.Errorf("%v\nis of class %q: %v", err, c, errors.Is(err, c))
		}
	}
	if err == nil {
		return
	}
	for _, text := range append(texts, "; ") {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v\ndoes not say %q", err, text)
		}
	}
	if strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 900 {
		t.Errorf("not fit to print: %q", err)
	}
}

// What GitHub answers to the request that creates the comment, and what comes of it.
func TestAnswers(t *testing.T) {
	const docs = `"documentation_url":"https://docs.github.com/x`
	for _, c := range []struct {
		name   string
		status int
		header string // NAME: VALUE
		body   string
		class  error
		says   []string
	}{
		{"token refused", 401, "", `{"message":"Bad credentials"}`, ErrUnauthorized, []string{"401", "Bad credentials", "expired"}},
		{"second factor", 401, "X-GitHub-OTP: required; app", `{"message":"Must specify two-factor"}`, ErrUnauthorized, []string{"401"}},
		{"read-only", 403, "X-Accepted-GitHub-Permissions: issues=write; pull_requests=write", `{"message":"Resource not accessible by integration"}`, ErrForbidden,
			[]string{"it needs issues=write; pull_requests=write", "pull-requests: write", "fork", "Dependabot", "job summary"}},
		{"read-only, silent", 403, "", ``, ErrForbidden, []string{"HTTP 403", "pull-requests: write"}},
		{"limit as 403", 403, "X-RateLimit-Remaining: 0", `{"message":"wait"}`, ErrRateLimited, nil},
		{"secondary limit, known page", 403, "", `{"message":"You have exceeded a secondary rate limit.",` + docs + `#secondary-rate-limits"}`, ErrRateLimited, []string{"secondary"}},
		{"secondary limit, other page", 403, "", `{"message":"You have exceeded a secondary rate limit.",` + docs + `"}`, ErrRateLimited, nil},
		{"limit told by Retry-After", 403, "Retry-After: 60", `{"message":"Slow down"}`, ErrRateLimited, []string{"seconds: 60"}},
		{"limit as 429", 429, "X-RateLimit-Remaining: 0", `{"message":"API rate limit exceeded"}`, ErrRateLimited, []string{"again later"}},
		{"secondary limit as 429", 429, "Retry-After: 7", `{"message":"x"}`, ErrRateLimited, []string{"seconds: 7"}},
		{"gone", 404, "", `{"message":"Not Found"}`, ErrNotFound, []string{"gone"}},
		{"gone for good", 410, "", `{"message":"This issue was deleted"}`, ErrNotFound, nil},
		{"too long", 422, "", `{"message":"Validation Failed","errors":[{"code":"unprocessable","field":"data","message":"Body is too long (maximum is 65536 characters)"}]}`, ErrTooLong, []string{"shorter"}},
		{"too long for the server", 413, "", ``, ErrTooLong, nil},
		{"otherwise invalid", 422, "", `{"message":"Validation Failed","errors":["locked"]}`, ErrRefused, []string{"locked"}},
		{"unknown", 418, "", `{"message":"teapot"}`, ErrRefused, []string{"418", "teapot"}},
		{"server", 500, "", `{"message":"oops"}`, ErrServer, []string{"500"}},
		{"gateway", 502, "", `<html>Bad Gateway</html>`, ErrServer, []string{"502", "githubstatus"}},
		{"page in place of an answer", 200, "", `<html>log in</html>`, ErrServer, []string{"not what GitHub sends"}},
		{"empty answer", 201, "", ``, ErrServer, []string{"not what GitHub sends"}},
		{"null", 201, "", `null`, ErrServer, []string{"not what GitHub sends"}},
		{"another shape", 200, "", `[1]`, ErrServer, []string{"not what GitHub sends"}},
		{"token repeated", 400, "", `{"message":"` + token + ` \n\u001b[31mis odd"}`, ErrRefused, []string{"*** [31mis odd"}},
		{"long message", 400, "", `{"message":"` + strings.Repeat("x", 5000) + `"}`, ErrRefused, []string{"…"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != "POST" {
					return false
				}
				if name, value, ok := strings.Cut(c.header, ": "); ok {
					w.Header().Set(name, value)
				}
				answer(w, c.status, c.body)
				return true
			}
			out, err := f.publish(f.env(), Options{})
			wantClass(t, err, c.class, append(c.says, "create the comment")...)
			said(t, out.NotDone, "create the comment")
			// What may pass is tried again, with the reason for it in between, but not beyond 90 seconds.
			posts := 1
			switch {
			case c.class == ErrServer, c.header == "Retry-After: 7":
				posts = 1 + maxRetries
			case c.class == ErrRateLimited:
				posts = 2
			}
			if f.count("POST") != posts || f.clock.at.Sub(f.began) > allTime {
				t.Errorf("after %v, requests: %q", f.clock.waited, f.calls)
			}
		})
	}
}

// Each request may be the one that fails.
func TestEachRequestMayFail(t *testing.T) {
	for _, c := range []struct {
		request, doing string
		there          []string // comments before
	}{
		{"GET /repos/o/r/pulls/7", "look up the pull request", nil},
		{"GET /user", "look up whose token it is", nil},
		{"GET /repos/o/r/issues/7/comments", "list the comments", nil},
		{"PATCH", "update the comment", []string{ours(1, 1, "old")}},
	} {
		f := newFake(t)
		for _, body := range c.there {
			f.add(jobLogin, body)
		}
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			personal(r)
			if !strings.HasPrefix(r.Method+" "+r.URL.Path, c.request) {
				return false
			}
			answer(w, 503, `{}`)
			return true
		}
		e := f.env()
		e.Token = "ghp_person"
		_, err := f.publish(e, Options{})
		wantClass(t, err, ErrServer, c.doing)
	}
	// A duplicate that cannot be deleted is said, and the comment stands.
	f := newFake(t)
	f.add(jobLogin, ours(1, 1, "one"))
	f.add(jobLogin, ours(2, 1, "two"))
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "DELETE" {
			answer(w, 403, `{}`)
		}
		return r.Method == "DELETE"
	}
	out, err := f.publish(f.env(), Options{})
	if err != nil {
		t.Error(err)
	}
	said(t, out.Done, "updated")
	said(t, out.NotDone, "a duplicate of the comment stays")
	// One that somebody else deleted meanwhile is no failure.
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "DELETE" {
			answer(w, 404, `{}`)
		}
		return r.Method == "DELETE"
	}
	if out, err = f.publish(f.env(), Options{}); err != nil || len(out.NotDone) != 0 {
		t.Errorf("%q, %v", out.NotDone, err)
	}
}

func TestTokenDoesNotFollowARedirect(t *testing.T) {
	arrived := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived++
		answer(w, 200, `{"state":"open","head":{"sha":"`+sha+`"}}`)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		for _, method := range []string{"GET", "POST"} {
			f := newFake(t)
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == method {
					http.Redirect(w, r, other.URL+r.URL.Path, status)
				}
				return r.Method == method
			}
			_, err := f.publish(f.env(), Options{})
			wantClass(t, err, ErrRedirect, "GITHUB_API_URL")
		}
	}
	if arrived != 0 {
		t.Errorf("%d requests reached the other host", arrived)
	}
	// Two things keep it: redirects are checked, and the guard looks at the host of every request.
	for _, address := range []string{"https://h.evil.example/", "http://h.example/", "https://h.example:444/"} {
		from, to := httptest.NewRequest("GET", "https://h.example/", nil), httptest.NewRequest("GET", address, nil)
		if err := sameHost(to, []*http.Request{from}); !errors.Is(err, errOtherHost) {
			t.Errorf("redirect to %s: %v", address, err)
		}
	}
	c, err := newClient(newFake(t).env(), Publisher{})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", other.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.api.Client().CheckRedirect == nil {
		t.Error("redirects are not checked")
	}
	if _, err := c.api.Client().Transport.(*retry).next.RoundTrip(req); !errors.Is(err, errOtherHost) || arrived != 0 {
		t.Errorf("the guard let it through: %v", err)
	}
}

func TestRedirectOnTheSameHostIsFollowed(t *testing.T) {
	f := newFake(t)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		path, moved := strings.CutPrefix(r.URL.Path, "/repos/old/name/")
		if moved {
			http.Redirect(w, r, f.server.URL+"/repos/o/r/"+path+"?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		}
		return moved
	}
	e := f.env()
	e.Repository = "old/name"
	if _, err := f.publish(e, Options{}); err != nil {
		t.Fatal(err)
	}
	f.want(jobLogin + ": [500.1] the report")
}

func TestSettings(t *testing.T) {
	f := newFake(t)
	for _, repo := range []string{"", "o", "o/", "/r", "o/r/x", "../r", "o/..", "o/.", "o/r?x", "o/r#x", "o/r%2f", "o r/x", "-o/r", "o/r\n", "o\\r", "a/" + strings.Repeat("x", 101)} {
		e := f.env()
		e.Repository = repo
		_, err := f.publish(e, Options{})
		wantClass(t, err, ErrEnvironment, "OWNER/NAME")
	}
	for _, address := range []string{"", "api.github.com", "http://api.github.com", "ftp://x", "https://", "https://u:p@x", "https://x?y", "https://x#y", "://", "http://127.0.0.1.evil.example"} {
		e := f.env()
		e.APIURL = address
		_, err := f.publish(e, Options{})
		wantClass(t, err, ErrEnvironment, "GITHUB_API_URL")
	}
	if len(f.calls) != 0 {
		t.Errorf("requests: %q", f.calls)
	}
	// With a path, as an own server has it, and with or without a slash at the end.
	for _, end := range []string{"/api/v3", "/api/v3/"} {
		f := newFake(t)
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			path, ok := strings.CutPrefix(r.URL.Path, "/api/v3")
			if !ok || strings.HasPrefix(path, "//") {
				answer(w, 404, `{}`)
				return true
			}
			r.URL.Path = path
			return false
		}
		e := f.env()
		e.APIURL += end
		if _, err := f.publish(e, Options{}); err != nil {
			t.Errorf("%s: %v", end, err)
		}
	}
}

func TestCommentLength(t *testing.T) {
	f := newFake(t)
	room := MaxComment - len([]rune(ours(500, 1, "")))
	if _, err := f.publish(f.env(), Options{Comments: []string{strings.Repeat("é", room+1)}}); err == nil {
		t.Error("a character too long: no error")
	} else {
		wantClass(t, err, ErrTooLong, "65537 characters")
	}
	if len(f.calls) != 0 {
		t.Errorf("requests: %q", f.calls)
	}
	if _, err := f.publish(f.env(), Options{Comments: []string{strings.Repeat("é", room)}}); err != nil {
		t.Error(err)
	}
}

func TestEndlessAnswers(t *testing.T) {
	f := newFake(t)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/comments") {
			w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=2>; rel="next"`, f.server.URL, r.URL.Path))
			answer(w, 200, `[]`)
			return true
		}
		return false
	}
	_, err := f.publish(f.env(), Options{})
	wantClass(t, err, ErrServer, "more than 100 pages")
	if n := f.count("GET /repos/o/r/issues"); n != maxPages {
		t.Errorf("%d pages asked for", n)
	}
	// One answer without end is cut, whatever its status.
	for status, class := range map[int]error{200: ErrServer, 400: ErrRefused} {
		body := &spaces{}
		c, err := newClient(f.env(), Publisher{Transport: endless{status, body}, Now: f.clock.now, Wait: f.clock.wait})
		if err != nil {
			t.Fatal(err)
		}
		const most = 1 << 20
		g := c.again.next.(guard)
		if g.most != maxAnswer {
			t.Errorf("an answer may have %d bytes", g.most)
		}
		g.most = most
		c.again.next = g
		_, err = c.pull(context.Background(), 7)
		wantClass(t, err, class)
		if body.read > most+64<<10 {
			t.Errorf("%d bytes read", body.read)
		}
	}
}

// endless answers with a body of its own.
type endless struct {
	status int
	body   *spaces
}

func (e endless) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: e.status, Header: http.Header{}, Body: io.NopCloser(e.body), Request: r}, nil
}

// spaces is a body of more than a client should read, and an end only to spare the memory.
type spaces struct{ read int }

func (s *spaces) Read(p []byte) (int, error) {
	if s.read > 8<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	s.read += len(p)
	return len(p), nil
}

func TestNoAnswer(t *testing.T) {
	f := newFake(t)
	f.server.Close()
	_, err := f.publish(f.env(), Options{})
	wantClass(t, err, ErrNetwork, "GITHUB_API_URL")

	f = newFake(t)
	ctx, cancel := context.WithCancel(context.Background())
	f.before = func(http.ResponseWriter, *http.Request) bool { cancel(); return false }
	_, err = (Publisher{}).Publish(ctx, f.env(), Options{Comments: []string{"c"}})
	wantClass(t, err, ErrNetwork, "interrupted")
	if !errors.Is(err, context.Canceled) {
		t.Error("an interrupt cannot be told")
	}

	ctx, cancel = context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	_, err = (Publisher{}).Publish(ctx, newFake(t).env(), Options{Comments: []string{"c"}})
	wantClass(t, err, ErrNetwork, "it took too long")
}
