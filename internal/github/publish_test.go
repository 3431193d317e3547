package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// publish delivers a comment and returns the outcome.
func (f *fake) publish(e Env, o Options) (Outcome, error) {
	if o.Comments == nil {
		o.Comments = []string{"the report"}
	}
	return f.publisher().Publish(context.Background(), e, o)
}

// want fails unless the comments are these, as "author: text" with the marker's run in front.
func (f *fake) want(want ...string) {
	f.t.Helper()
	var got []string
	for _, c := range f.comments {
		text := c.body
		if run, attempt, ok := (marker{key: "default"}).parse(c.body); ok {
			_, after, _ := strings.Cut(c.body, "\n")
			text = fmt.Sprintf("[%d.%d] %s", run, attempt, after)
		}
		got = append(got, c.author+": "+text)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		f.t.Errorf("comments are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// said fails unless one of the lines holds the text.
func said(t *testing.T, lines []string, text string) {
	t.Helper()
	if !strings.Contains(strings.Join(lines, "\n"), text) {
		t.Errorf("%q is not said: %q", text, lines)
	}
}

func TestCreateThenUpdate(t *testing.T) {
	f := newFake(t)
	f.add("alice", "hello")
	out, err := f.publish(f.env(), Options{Comments: []string{"first"}})
	if err != nil {
		t.Fatal(err)
	}
	said(t, out.Done, "created the comment https://github.com/o/r/pull/7#issuecomment-1002")
	f.want("alice: hello", jobLogin+": [500.1] first")
	if got := f.comments[1].body; !strings.HasPrefix(got, "<!-- perfgate:default run=500 attempt=1 head="+sha+" -->\n") {
		t.Errorf("the comment begins with %.120q", got)
	}
	e := f.env()
	e.RunID = 501
	out, err = f.publish(e, Options{Comments: []string{"second"}})
	if err != nil {
		t.Fatal(err)
	}
	said(t, out.Done, "updated the comment")
	f.want("alice: hello", jobLogin+": [501.1] second")
	if len(out.NotDone) != 0 {
		t.Errorf("not done: %q", out.NotDone)
	}
	// The same attempt may write again, and a job's token is not asked whose it is.
	if _, err := f.publish(e, Options{Comments: []string{"third"}}); err != nil {
		t.Fatal(err)
	}
	f.want("alice: hello", jobLogin+": [501.1] third")
	if n := f.count("GET /user"); n != 0 {
		t.Errorf("%d requests for the user", n)
	}
}

func TestCommentOnALaterPage(t *testing.T) {
	for others, pages := range map[int]int{99: 2, 130: 2, 230: 3} {
		f := newFake(t)
		for i := range others {
			f.add("alice", fmt.Sprint("comment ", i))
		}
		f.add(jobLogin, ours(400, 1, "old"))
		f.add("bob", "last")
		if _, err := f.publish(f.env(), Options{}); err != nil {
			t.Fatal(err)
		}
		if f.count("POST") != 0 || f.count("GET /repos/o/r/issues/7/comments") != pages {
			t.Errorf("%d other comments: requests: %q", others, f.calls)
		}
		f.comments = f.comments[others:]
		f.want(jobLogin+": [500.1] the report", "bob: last")
	}
}

func TestDuplicatesOfOursAreDeleted(t *testing.T) {
	f := newFake(t)
	f.add(jobLogin, ours(300, 1, "one"))
	f.add("alice", ours(300, 1, "a quotation"))
	f.add(jobLogin, ours(400, 2, "two"))
	f.add(jobLogin, "no marker")
	f.add(jobLogin, "<!-- perfgate:other run=1 attempt=1 head= -->\nother key")
	f.add(jobLogin, "<!-- perfgate:default2 run=1 attempt=1 head= -->\nlonger key")
	f.add(jobLogin, "> "+ours(1, 1, "marker not in front"))
	f.add(jobLogin, "<!-- perfgate:default damaged -->\nthree")
	out, err := f.publish(f.env(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	said(t, out.Done, "deleted a duplicate")
	f.want(
		jobLogin+": [500.1] the report",
		"alice: [300.1] a quotation",
		jobLogin+": no marker",
		jobLogin+": <!-- perfgate:other run=1 attempt=1 head= -->\nother key",
		jobLogin+": <!-- perfgate:default2 run=1 attempt=1 head= -->\nlonger key",
		jobLogin+": > "+ours(1, 1, "marker not in front"),
	)
}

func TestForeignMarkerIsLeftAlone(t *testing.T) {
	f := newFake(t)
	f.add("mallory", ours(999, 9, "planted"))
	if _, err := f.publish(f.env(), Options{}); err != nil {
		t.Fatal(err)
	}
	f.want("mallory: [999.9] planted", jobLogin+": [500.1] the report")
	if f.count("PATCH") != 0 || f.count("DELETE") != 0 {
		t.Errorf("requests: %q", f.calls)
	}
}

// Whose comments are ours: by the token's user, by what the caller knows, by what the first comment
// shows.
func TestAuthor(t *testing.T) {
	t.Run("person", func(t *testing.T) {
		f := newFake(t)
		f.user, f.writer = "carol", "carol"
		f.before = func(_ http.ResponseWriter, r *http.Request) bool { personal(r); return false }
		f.add("carol", ours(1, 1, "old"))
		f.add(jobLogin, ours(999, 1, "of a job"))
		e := f.env()
		e.Token = "ghp_person"
		if _, err := f.publish(e, Options{}); err != nil {
			t.Fatal(err)
		}
		f.want("carol: [500.1] the report", jobLogin+": [999.1] of a job")
	})
	t.Run("app named by the caller", func(t *testing.T) {
		f := newFake(t)
		f.writer = "app[bot]"
		f.add("app[bot]", ours(1, 1, "old"))
		if _, err := f.publish(f.env(), Options{Author: "App[bot]"}); err != nil {
			t.Fatal(err)
		}
		f.want("app[bot]: [500.1] the report")
		if f.count("POST") != 0 {
			t.Errorf("requests: %q", f.calls)
		}
	})
	t.Run("app not named", func(t *testing.T) {
		f := newFake(t)
		f.writer = "app[bot]"
		f.add("app[bot]", ours(1, 1, "old"))
		if _, err := f.publish(f.env(), Options{}); err != nil {
			t.Fatal(err)
		}
		f.want("app[bot]: [500.1] the report")
	})
}

// personal makes the token of a person pass for the one that the fake knows.
func personal(r *http.Request) {
	if r.Header.Get("Authorization") == "Bearer ghp_person" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
}

func TestStale(t *testing.T) {
	for _, c := range []struct {
		name    string
		run     int64 // of the comment that is there
		attempt int
		edit    func(*fake)
		want    string // said; empty when the comment is updated
	}{
		{"older run", 499, 5, nil, ""},
		{"same run, same attempt", 500, 2, nil, ""},
		{"same run, later attempt", 500, 3, nil, "a newer run wrote it"},
		{"later run", 501, 1, nil, "a newer run wrote it"},
		{"closed", 1, 1, func(f *fake) { f.pulls[0].state = "closed" }, "pull request 7 is closed"},
		{"head moved", 1, 1, func(f *fake) { f.pulls[0].head = strings.Repeat("b", 40) }, "moved on to bbbbbbbbbbbb, this run tested 8c1f0a7d3b5e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.add(jobLogin, ours(c.run, c.attempt, "old"))
			if c.edit != nil {
				c.edit(f)
			}
			e := f.env()
			e.Attempt = 2
			out, err := f.publish(e, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				f.want(jobLogin + ": [500.2] the report")
				return
			}
			f.want(fmt.Sprintf("%s: [%d.%d] old", jobLogin, c.run, c.attempt))
			said(t, out.NotDone, c.want)
			if len(out.Done) != 0 || f.count("POST")+f.count("PATCH")+f.count("DELETE") != 0 {
				t.Errorf("done %q, requests %q", out.Done, f.calls)
			}
		})
	}
}

// Another run creates its comment at the same moment: just before ours, or just after.
func TestRace(t *testing.T) {
	for _, c := range []struct {
		name   string
		run    int64 // of the other
		before bool
		want   []string
	}{
		{"older before", 400, true, []string{jobLogin + ": [500.1] the report"}},
		{"older after", 400, false, []string{jobLogin + ": [500.1] the report"}},
		{"newer before: it has not seen ours", 600, true, []string{jobLogin + ": [600.1] other"}},
		{"newer after: it will repair", 600, false, []string{jobLogin + ": [500.1] the report", jobLogin + ": [600.1] other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			raced := false
			f.before = func(w http.ResponseWriter, r *http.Request) bool {
				// Ours is there when the list is asked for the second time.
				second := r.Method == "GET" && strings.HasSuffix(r.URL.Path, "/comments") && len(f.comments) == 1
				if !raced && (c.before && r.Method == "POST" || !c.before && second) {
					raced = true
					f.add(jobLogin, ours(c.run, 1, "other"))
				}
				return false
			}
			if _, err := f.publish(f.env(), Options{}); err != nil {
				t.Fatal(err)
			}
			if !raced {
				t.Fatal("there was no race")
			}
			f.want(c.want...)
		})
	}
}

func TestNothingToDo(t *testing.T) {
	f := newFake(t)
	outside := f.env()
	outside.InActions = false
	push := f.env()
	push.PullRequest, push.HeadSHA, push.NoPullRequest = 0, "", "the event push has no pull request"
	push.Token = "" // not needed then
	for _, c := range []struct {
		name string
		env  Env
		want string
	}{
		{"not in Actions", outside, "no job of GitHub Actions"},
		{"no pull request", push, "no comment: the event push has no pull request"},
	} {
		out, err := f.publish(c.env, Options{})
		if err != nil || len(out.Done) != 0 {
			t.Errorf("%s: done %q, error %v", c.name, out.Done, err)
		}
		said(t, out.NotDone, c.want)
	}
	noToken := f.env()
	noToken.Token = ""
	out, err := f.publish(noToken, Options{})
	if !errors.Is(err, ErrNoToken) {
		t.Errorf("no token: %v", err)
	}
	said(t, out.NotDone, "github.token")
	if len(f.calls) != 0 {
		t.Errorf("requests: %q", f.calls)
	}
}

func TestSummary(t *testing.T) {
	name := filepath.Join(t.TempDir(), "summary")
	e := Env{InActions: true, SummaryFile: name, NoPullRequest: "the event push has no pull request"}
	run := func(summary string) (Outcome, error) {
		return (Publisher{}).Publish(context.Background(), e, Options{Summaries: []string{summary}})
	}
	read := func() string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	out, err := run("one\n")
	if err != nil || read() != "one\n" {
		t.Fatalf("%v, %q", err, read())
	}
	said(t, out.Done, "wrote the job summary")
	if _, err := run("two\n"); err != nil || read() != "one\n\n\ntwo\n" {
		t.Fatalf("%v, %q", err, read())
	}
	room := MaxSummary - len(read()) - 2
	out, err = run(strings.Repeat("x", room+1))
	if !errors.Is(err, ErrTooLong) || read() != "one\n\n\ntwo\n" {
		t.Fatalf("a byte too long: %v, %d bytes", err, len(read()))
	}
	said(t, out.NotDone, "too long")
	if _, err := run(strings.Repeat("x", room)); err != nil || len(read()) != MaxSummary {
		t.Fatalf("as long as may be: %v, %d bytes", err, len(read()))
	}
	e.SummaryFile = t.TempDir() // a directory
	if _, err := run("x"); !errors.Is(err, ErrSummary) {
		t.Errorf("no file: %v", err)
	}
	e.SummaryFile = ""
	if out, err := run("x"); err != nil {
		t.Error(err)
	} else {
		said(t, out.NotDone, "GITHUB_STEP_SUMMARY")
	}
}

// A summary that fails does not keep the comment back, nor the other way round.
func TestBothAreTried(t *testing.T) {
	f := newFake(t)
	e := f.env()
	e.SummaryFile = t.TempDir()
	out, err := f.publish(e, Options{Summaries: []string{"s"}, Comments: []string{"c"}})
	if !errors.Is(err, ErrSummary) {
		t.Error(err)
	}
	said(t, out.Done, "created the comment")
	f.server.Close()
	e.SummaryFile = filepath.Join(t.TempDir(), "summary")
	out, err = f.publish(e, Options{Summaries: []string{"s"}, Comments: []string{"c"}})
	if !errors.Is(err, ErrNetwork) {
		t.Error(err)
	}
	said(t, out.Done, "wrote the job summary")
}
