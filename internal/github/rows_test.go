package github

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What may go wrong with a delivery, row by row as docs/github.md lists it, and what comes of it. Where no
// class is named the delivery ends well, with the comment or without. The summary is there in every row,
// before anything that needs the network.
func TestRows(t *testing.T) {
	const forked = "0123456789abcdef0123456789abcdef01234567"
	fork := func(f *fake, e *Env) {
		f.pulls = append(f.pulls, fakePull{number: 12, state: "open", head: forked, from: "stranger:topic"})
		e.PullRequest, e.HeadSHA, e.HeadOwner, e.HeadBranch = 0, forked, "stranger", "topic"
	}
	for _, c := range []struct {
		row     string
		edit    func(f *fake, e *Env, o *Options)
		class   error
		says    string   // in what was not done
		comment string   // what stands there in the end; empty for nothing
		calls   []string // the last request, and none when empty
	}{
		{"no token", func(_ *fake, e *Env, _ *Options) { e.Token = "" }, ErrNoToken, "github.token", "", nil},
		{"read-only token", func(f *fake, _ *Env, _ *Options) { f.readOnly = true }, ErrForbidden,
			"it needs issues=write; pull_requests=write); add `permissions: pull-requests: write` to the job; for a pull request from a fork", "", []string{"POST /repos/o/r/issues/7/comments"}},
		{"read-only token, status", func(f *fake, _ *Env, o *Options) {
			f.readOnly, o.Comments, o.Status = true, []string{}, Status{State: "success"}
		}, ErrForbidden, "permissions: statuses: write", "", []string{"POST /repos/o/r/statuses/" + sha}},
		{"401", func(_ *fake, e *Env, _ *Options) { e.Token = "ghs_expired" }, ErrUnauthorized, "invalid or has expired", "", []string{"GET /repos/o/r/pulls/7"}},
		{"404 on comment", func(f *fake, _ *Env, _ *Options) { f.failing("POST", 1, status(404)) }, ErrNotFound, "the pull request is gone", "", []string{"POST /repos/o/r/issues/7/comments"}},
		{"404 on the pull request", func(f *fake, _ *Env, _ *Options) { f.pulls = nil }, ErrNotFound, "the pull request is gone", "", []string{"GET /repos/o/r/pulls/7"}},
		{"API down", func(f *fake, _ *Env, _ *Options) { f.failing("", -1, status(503)) }, ErrServer, "githubstatus", "", []string{"GET /repos/o/r/pulls/7"}},
		{"limited beyond 90 s", func(f *fake, _ *Env, _ *Options) { f.failing("", -1, status(403, "Retry-After", "3600")) }, ErrRateLimited, "again later", "", []string{"GET /repos/o/r/pulls/7"}},
		{"body too long", func(f *fake, _ *Env, o *Options) {
			f.longest, o.Comments = 200, []string{strings.Repeat("x", MaxComment+1), strings.Repeat("y", 1000), "counts alone"}
		}, nil, "a shorter one stands in its place", "[500.1] counts alone", []string{"GET /repos/o/r/issues/7/comments"}},
		{"body too long, with one there", func(f *fake, _ *Env, o *Options) {
			f.add(jobLogin, ours(1, 1, "old"))
			f.longest, o.Comments = 200, []string{strings.Repeat("y", 1000), "counts alone"}
		}, nil, "a shorter one stands in its place", "[500.1] counts alone", []string{"PATCH /repos/o/r/issues/comments/1001"}},
		{"body too long on every rung", func(f *fake, _ *Env, o *Options) { f.longest = 10 }, ErrTooLong, "too long", "", []string{"POST /repos/o/r/issues/7/comments"}},
		{"no pull request", func(_ *fake, e *Env, _ *Options) {
			e.PullRequest, e.Token, e.NoPullRequest = 0, "", "the event push has no pull request"
		}, nil, "the event push has no pull request", "", nil},
		{"pull request closed", func(f *fake, _ *Env, _ *Options) {
			f.add(jobLogin, ours(1, 1, "old"))
			f.pulls[0].state = "closed"
		}, nil, "pull request 7 is closed", "[1.1] old", []string{"GET /repos/o/r/pulls/7"}},
		{"head moved", func(f *fake, _ *Env, _ *Options) {
			f.add(jobLogin, ours(1, 1, "old"))
			f.pulls[0].head = forked
		}, nil, "has moved on to 0123456789ab, this run tested 8c1f0a7d3b5e", "[1.1] old", []string{"GET /repos/o/r/pulls/7"}},
		{"fork", func(f *fake, e *Env, _ *Options) {
			fork(f, e)
			f.pulls[1].number = 7 // whose comments the fake keeps
			f.pulls = f.pulls[1:]
		}, nil, "", "[500.1] the report", []string{"GET /repos/o/r/issues/7/comments"}},
		{"fork, head moved", func(f *fake, e *Env, _ *Options) {
			fork(f, e)
			f.pulls[1].head = sha
		}, nil, "no open pull request points at 0123456789ab", "", []string{"GET /repos/o/r/pulls"}},
		{"fork, branch renamed", func(f *fake, e *Env, _ *Options) {
			fork(f, e)
			f.pulls = []fakePull{{number: 7, state: "open", head: forked, from: "stranger:renamed"}}
		}, nil, "", "[500.1] the report", []string{"GET /repos/o/r/issues/7/comments"}},
		{"fork, closed", func(f *fake, e *Env, _ *Options) {
			fork(f, e)
			f.pulls[1].state = "closed"
		}, nil, "no open pull request points at", "", []string{"GET /repos/o/r/commits/" + forked + "/pulls"}},
		{"several pull requests for one commit", func(f *fake, e *Env, _ *Options) {
			fork(f, e)
			f.pulls = append(f.pulls, fakePull{number: 13, state: "open", head: forked, from: "stranger:topic"})
		}, nil, "2 open pull requests point at 0123456789ab, and the event does not say which", "", []string{"GET /repos/o/r/pulls"}},
		{"several, one of them closed", func(f *fake, e *Env, _ *Options) {
			fork(f, e)
			f.pulls = []fakePull{{number: 6, state: "closed", head: forked, from: "stranger:topic"}, {number: 7, state: "open", head: forked, from: "stranger:topic"}}
		}, nil, "", "[500.1] the report", []string{"GET /repos/o/r/issues/7/comments"}},
		{"tested commit is the merge", func(_ *fake, e *Env, o *Options) {
			e.MergeSHA, o.Status = mergeSHA, Status{State: "failure", Description: "1 failed"}
		}, nil, "", "[500.1] the report", []string{"POST /repos/o/r/statuses/" + sha}},
		{"payload broken, merge current", func(_ *fake, e *Env, _ *Options) { e.HeadSHA, e.MergeSHA = "", mergeSHA }, nil, "", "[500.1] the report", []string{"GET /repos/o/r/issues/7/comments"}},
		{"payload broken, merge moved", func(_ *fake, e *Env, _ *Options) { e.HeadSHA, e.MergeSHA = "", forked }, nil, "has moved on", "", []string{"GET /repos/o/r/pulls/7"}},
		{"re-run of the same commit", func(f *fake, e *Env, _ *Options) {
			f.add(jobLogin, ours(500, 1, "first attempt"))
			e.Attempt = 2
		}, nil, "", "[500.2] the report", []string{"PATCH /repos/o/r/issues/comments/1001"}},
		{"re-run of an older run", func(f *fake, e *Env, _ *Options) { f.add(jobLogin, ours(501, 1, "newer")) }, nil, "a newer run wrote it", "[501.1] newer", []string{"GET /repos/o/r/issues/7/comments"}},
		{"pull_request_target", func(_ *fake, e *Env, _ *Options) { e.Event = "pull_request_target" }, nil, "", "[500.1] the report", []string{"GET /repos/o/r/issues/7/comments"}},
		{"existing alone, none there", func(_ *fake, _ *Env, o *Options) { o.Mode = Existing }, nil, "nothing that calls for one", "", []string{"GET /repos/o/r/issues/7/comments"}},
		{"existing alone, one there", func(f *fake, _ *Env, o *Options) {
			f.add(jobLogin, ours(1, 1, "red"))
			o.Mode = Existing
		}, nil, "", "[500.1] the report", []string{"PATCH /repos/o/r/issues/comments/1001"}},
	} {
		t.Run(c.row, func(t *testing.T) {
			f := newFake(t)
			e, o := f.env(), Options{Summaries: []string{"the summary\n"}, Comments: []string{"the report"}}
			e.SummaryFile = filepath.Join(t.TempDir(), "summary")
			c.edit(f, &e, &o)
			out, err := f.publish(e, o)
			if c.class != nil {
				wantClass(t, err, c.class)
			} else if err != nil {
				t.Error(err)
			}
			said(t, out.NotDone, c.says)
			if c.comment == "" {
				f.want()
			} else {
				f.want(jobLogin + ": " + c.comment)
			}
			last := strings.Join(c.calls, "")
			if got := f.calls; len(got) == 0 && last != "" || len(got) > 0 && got[len(got)-1] != last {
				t.Errorf("requests %q, the last is not %q", got, last)
			}
			text, err := os.ReadFile(e.SummaryFile)
			if err != nil || !strings.HasPrefix(string(text), "the summary\n") {
				t.Errorf("%q, %v", text, err)
			}
			// Whoever misses the comment finds out why.
			left := strings.Contains(c.says, "moved on") || strings.Contains(c.says, "closed") || strings.Contains(c.says, "point")
			if left != (c.says != "" && strings.Contains(string(text), c.says)) || !left && string(text) != "the summary\n" {
				t.Errorf("the summary is %q", text)
			}
		})
	}
}

func TestMergeIsInTheMarker(t *testing.T) {
	f := newFake(t)
	e := f.env()
	e.MergeSHA = mergeSHA
	for range 2 { // a marker with it is ours as well
		if _, err := f.publish(e, Options{Status: Status{State: "failure", Description: "1 failed"}}); err != nil {
			t.Fatal(err)
		}
	}
	want := "<!-- perfgate:default run=500 attempt=1 head=" + sha + " merge=" + mergeSHA + " -->\nthe report"
	if len(f.comments) != 1 || f.comments[0].body != want {
		t.Errorf("comments %+v", f.comments)
	}
	// Where only the merge is known, the commit that the pull request points at comes from GitHub.
	f.comments, e.HeadSHA = nil, ""
	if _, err := f.publish(e, Options{}); err != nil || len(f.comments) != 1 || f.comments[0].body != want {
		t.Errorf("%v, comments %+v", err, f.comments)
	}
	if len(f.statuses) != 2 || f.statuses[0] != sha+" perfgate failure 1 failed" {
		t.Errorf("statuses %q", f.statuses)
	}
}

// Fresh comments stay, whoever comes after them, and an attempt that publishes twice has one.
func TestFresh(t *testing.T) {
	f := newFake(t)
	e := f.env()
	fresh := func(run int64, attempt int, text string) {
		e.RunID, e.Attempt = run, attempt
		if _, err := f.publish(e, Options{Mode: Fresh, Comments: []string{text}}); err != nil {
			t.Fatal(err)
		}
	}
	fresh(500, 1, "one")
	fresh(500, 2, "two")
	fresh(500, 2, "two again")
	fresh(499, 1, "late")
	e.RunID = 501
	for _, text := range []string{"sticky", "sticky again"} {
		if _, err := f.publish(e, Options{Comments: []string{text}}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, c := range f.comments {
		mark, text, _ := strings.Cut(c.body, "\n")
		got = append(got, strings.Fields(mark)[1]+" "+text)
	}
	want := "[perfgate-new:default one perfgate-new:default two again perfgate-new:default late perfgate:default sticky again]"
	if fmt.Sprint(got) != want || f.count("DELETE") != 0 {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestStatus(t *testing.T) {
	f := newFake(t)
	e := f.env()
	e.ServerURL = "https://github.com"
	for _, key := range []string{"", "linux", "Linux x64"} {
		if _, err := f.publish(e, Options{Comments: []string{}, Key: key, Status: Status{State: "error", Description: strings.Repeat("é", 150)}}); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("é", 139) + "…"
	for i, name := range []string{"perfgate", "perfgate/linux", "perfgate/linux-x64-"} {
		if !strings.HasPrefix(f.statuses[i], sha+" "+name) || !strings.HasSuffix(f.statuses[i], " error "+long) {
			t.Errorf("status %d is %q", i, f.statuses[i])
		}
	}
	if f.count("GET") != 0 {
		t.Errorf("requests: %q", f.calls)
	}
	e.HeadSHA = ""
	out, err := f.publish(e, Options{Comments: []string{}, Status: Status{State: "error"}})
	if err != nil || len(f.statuses) != 3 {
		t.Error(err)
	}
	said(t, out.NotDone, "which commit was tested")
	// GitHub that answers with something else has not set it.
	f.failing("POST", -1, func(w http.ResponseWriter, _ *http.Request) { answer(w, 201, `{"state":"pending"}`) })
	e.HeadSHA = sha
	if _, err := f.publish(e, Options{Comments: []string{}, Status: Status{State: "error"}}); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
}

// The longest summary that fits beside what the step wrote before is written.
func TestSummaryRungs(t *testing.T) {
	name := filepath.Join(t.TempDir(), "summary")
	if err := os.WriteFile(name, []byte(strings.Repeat("x", MaxSummary-100)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Publisher{}.Publish(t.Context(), Env{InActions: true, SummaryFile: name}, Options{Summaries: []string{strings.Repeat("y", 99), strings.Repeat("z", 98), "w"}})
	text, readErr := os.ReadFile(name)
	if err != nil || readErr != nil || !strings.HasSuffix(string(text), "x\n\n"+strings.Repeat("z", 98)) {
		t.Errorf("%v, %v, %d bytes", err, readErr, len(text))
	}
}
