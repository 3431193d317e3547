package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

const (
	sha      = "8c1f0a7d3b5e9c2461fd0b7ae35c9d8240f6e1b3"
	mergeSHA = "19d2f40b6a7c3e5d8190a2b4c6d8e0f213579bdf"
)

func vars(pairs ...string) func(string) string {
	m := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": "/event.json"}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(k string) string { return m[k] }
}

func file(s string) func(string) ([]byte, error) {
	return func(string) ([]byte, error) { return []byte(s), nil }
}

func payload(number any, head string) string {
	return fmt.Sprintf(`{"action":"synchronize","number":%v,"pull_request":{"number":%[1]v,"state":"open","head":{"sha":%q}}}`, number, head)
}

func TestFromEnvironment(t *testing.T) {
	e := FromEnvironment(vars("GITHUB_API_URL", "https://ghe.example/api/v3", "GITHUB_SERVER_URL", "https://ghe.example", "GITHUB_TOKEN", " secret\n",
		"GITHUB_REPOSITORY", "o/r", "GITHUB_STEP_SUMMARY", "/s", "GITHUB_RUN_ID", "12345678901", "GITHUB_RUN_ATTEMPT", "3"), file(payload(7, sha)))
	want := Env{InActions: true, APIURL: "https://ghe.example/api/v3", ServerURL: "https://ghe.example", Token: "secret", Repository: "o/r",
		Event: "pull_request", SummaryFile: "/s", RunID: 12345678901, Attempt: 3, PullRequest: 7, HeadSHA: sha}
	if e != want {
		t.Errorf("got %+v", e)
	}
	e = FromEnvironment(func(string) string { return "" }, nil)
	if e.InActions || e.APIURL != "https://api.github.com" || e.Attempt != 1 || e.PullRequest != 0 || e.NoPullRequest == "" {
		t.Errorf("nothing set: %+v", e)
	}
}

func TestNoPullRequest(t *testing.T) {
	for _, c := range []struct {
		name   string
		getenv func(string) string
		read   func(string) ([]byte, error)
		want   string
	}{
		{"push", vars("GITHUB_EVENT_NAME", "push"), file(payload(7, sha)), "push has no pull request"},
		{"merge queue", vars("GITHUB_EVENT_NAME", "merge_group"), file(payload(7, sha)), "merge_group has no pull request"},
		{"no event", vars("GITHUB_EVENT_NAME", ""), file(payload(7, sha)), "(unknown) has no pull request"},
		{"no path", vars("GITHUB_EVENT_PATH", ""), file(payload(7, sha)), "not named in GITHUB_EVENT_PATH"},
		{"no file", vars(), func(string) ([]byte, error) { return nil, errors.New("no such file") }, "no such file"},
		{"cut off", vars(), file(payload(7, sha)[:40]), "damaged"},
		{"number of text", vars(), file(payload(`"7"`, sha)), "damaged"},
		{"number too large", vars(), file(payload("1e99", sha)), "damaged"},
		{"no number", vars(), file(payload(0, sha)), "names no pull request"},
		{"number under zero", vars(), file(payload(-7, sha)), "names no pull request"},
		{"no head", vars(), file(payload(7, "")), "names no head commit"},
		{"head is no hash", vars(), file(payload(7, "../../x")), "names no head commit"},
		{"short head", vars(), file(payload(7, sha[:39])), "names no head commit"},
		{"another shape", vars(), file(`[]`), "damaged"},
		{"null", vars(), file(`null`), "names no pull request"},
		{"too long", vars(), file(payload(7, sha) + strings.Repeat(" ", maxPayload)), "longer than 10 MiB"},
	} {
		e := FromEnvironment(c.getenv, c.read)
		if e.PullRequest != 0 || e.HeadSHA != "" || !strings.Contains(e.NoPullRequest, c.want) {
			t.Errorf("%s: %+v, want %q", c.name, e, c.want)
		}
	}
	if e := FromEnvironment(vars("GITHUB_EVENT_NAME", "pull_request_target"), file(payload(7, sha))); e.PullRequest != 7 {
		t.Errorf("pull_request_target: %+v", e)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	e := Env{Token: "hush"}
	j, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(e), fmt.Sprintf("%v %+v %#v %s %q %x %d", e, e, e, e.Token, e.Token, e.Token, e.Token), string(j)} {
		if strings.Contains(s, "hush") || strings.Contains(s, "68757368") || !strings.Contains(s, "***") {
			t.Errorf("printed as %s", s)
		}
	}
}

func FuzzFromEnvironment(f *testing.F) {
	for _, s := range []string{payload(7, sha), payload(-1, ""), "null", "[]", `{"pull_request":null}`, "\x00\xff", `{"pull_request":{"number":7,"head":null}}`} {
		f.Add([]byte(s), "pull_request", "1", "1")
	}
	f.Fuzz(func(t *testing.T, data []byte, event, run, attempt string) {
		e := FromEnvironment(vars("GITHUB_EVENT_NAME", event, "GITHUB_RUN_ID", run, "GITHUB_RUN_ATTEMPT", attempt), file(string(data)))
		found := e.PullRequest > 0 && fullHash.MatchString(e.HeadSHA) && e.NoPullRequest == ""
		none := e.PullRequest == 0 && e.HeadSHA == "" && e.NoPullRequest != ""
		if found == none || e.RunID < 0 || e.Attempt < 1 {
			t.Fatalf("%+v", e)
		}
		if found && event != "pull_request" && event != "pull_request_target" {
			t.Fatalf("a pull request of the event %q", event)
		}
		if len([]rune(e.NoPullRequest)) > 300 || strings.ContainsFunc(e.NoPullRequest, unicode.IsControl) {
			t.Fatalf("not fit to print: %q", e.NoPullRequest)
		}
	})
}

func workflowRun(event, head, branch, owner, pulls string) string {
	return fmt.Sprintf(`{"action":"completed","repository":{"id":1},"workflow_run":{"id":900,"run_attempt":2,"event":%q,"head_sha":%q,"head_branch":%q,
		"head_repository":{"owner":{"login":%q}},"pull_requests":%s}}`, event, head, branch, owner, pulls)
}

// The run that a workflow_run job follows is told by its event alone.
func TestWorkflowRun(t *testing.T) {
	own := `[{"number":7,"head":{"sha":"` + sha + `"},"base":{"repo":{"id":1}}}]`
	for _, c := range []struct {
		name, payload string
		want          Env // of what is looked at
		none          string
	}{
		{"branch of the repository", workflowRun("pull_request", sha, "topic", "o", own), Env{PullRequest: 7, HeadSHA: sha, RunID: 900, Attempt: 2}, ""},
		{"fork: the list is empty", workflowRun("pull_request", sha, "topic", "stranger", "[]"), Env{HeadSHA: sha, RunID: 900, Attempt: 2, HeadOwner: "stranger", HeadBranch: "topic"}, "the event names none"},
		{"no list", workflowRun("pull_request", sha, "topic", "stranger", "null"), Env{HeadSHA: sha, RunID: 900, Attempt: 2, HeadOwner: "stranger", HeadBranch: "topic"}, "the event names none"},
		{"pull request of another commit", workflowRun("pull_request", mergeSHA, "topic", "o", own), Env{HeadSHA: mergeSHA, RunID: 900, Attempt: 2, HeadOwner: "o", HeadBranch: "topic"}, "the event names none"},
		{"pull request of another repository", workflowRun("pull_request", sha, "topic", "o", strings.Replace(own, `"id":1`, `"id":2`, 1)), Env{HeadSHA: sha, RunID: 900, Attempt: 2, HeadOwner: "o", HeadBranch: "topic"}, "the event names none"},
		{"two pull requests", workflowRun("pull_request", sha, "topic", "o", "["+own[1:len(own)-1]+","+own[1:]), Env{HeadSHA: sha, RunID: 900, Attempt: 2, HeadOwner: "o", HeadBranch: "topic"}, "the event names none"},
		{"run of a push", workflowRun("push", sha, "main", "o", "[]"), Env{HeadSHA: sha, RunID: 900, Attempt: 2}, "of the event push, which has no pull request"},
		{"owner that is none", workflowRun("pull_request", sha, "topic", "../x", "[]"), Env{HeadSHA: sha, RunID: 900, Attempt: 2}, "nor where it is from"},
		{"no branch", workflowRun("pull_request", sha, "", "stranger", "[]"), Env{HeadSHA: sha, RunID: 900, Attempt: 2}, "nor where it is from"},
		{"no commit", workflowRun("pull_request", "abc", "topic", "o", own), Env{RunID: 55, Attempt: 1}, "names no run and head commit"},
		{"damaged", "{", Env{RunID: 55, Attempt: 1}, "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// GITHUB_SHA is of the default branch, and no commit of the run.
			e := FromEnvironment(vars("GITHUB_EVENT_NAME", "workflow_run", "GITHUB_SHA", strings.Repeat("d", 40), "GITHUB_RUN_ID", "55", "GITHUB_REF", "refs/pull/9/merge"), file(c.payload))
			if !strings.Contains(e.NoPullRequest, c.none) || (c.none == "") != (e.NoPullRequest == "") {
				t.Errorf("no pull request: %q, want %q", e.NoPullRequest, c.none)
			}
			got := Env{PullRequest: e.PullRequest, HeadSHA: e.HeadSHA, MergeSHA: e.MergeSHA, RunID: e.RunID, Attempt: e.Attempt, HeadOwner: e.HeadOwner, HeadBranch: e.HeadBranch}
			if got != c.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// Without an event file, what a job on a pull request checks out says which one it is.
func TestPullRequestFromRef(t *testing.T) {
	broken := file("{")
	for _, c := range []struct {
		event, ref, hash string
		number           int
	}{
		{"pull_request", "refs/pull/7/merge", mergeSHA, 7},
		{"pull_request", "refs/pull/7/merge", "", 0},
		{"pull_request", "refs/pull/7/merge", "abc", 0},
		{"pull_request", "refs/pull/07/merge", mergeSHA, 0},
		{"pull_request", "refs/pull/99999999999999999999/merge", mergeSHA, 0},
		{"pull_request", "refs/heads/refs/pull/7/merge", mergeSHA, 0},
		// There GITHUB_SHA and GITHUB_REF are those of the base.
		{"pull_request_target", "refs/pull/7/merge", mergeSHA, 0},
		{"push", "refs/pull/7/merge", mergeSHA, 0},
	} {
		e := FromEnvironment(vars("GITHUB_EVENT_NAME", c.event, "GITHUB_REF", c.ref, "GITHUB_SHA", c.hash), broken)
		if e.PullRequest != c.number || (e.NoPullRequest == "") != (c.number > 0) {
			t.Errorf("%+v: pull request %d, %q", c, e.PullRequest, e.NoPullRequest)
		}
	}
	if e := FromEnvironment(vars("GITHUB_EVENT_NAME", "push", "GITHUB_SHA", sha), broken); e.HeadSHA != sha || e.MergeSHA != "" {
		t.Errorf("push: %+v", e)
	}
	if e := FromEnvironment(vars("GITHUB_SHA", mergeSHA), file(payload(7, sha))); e.HeadSHA != sha || e.MergeSHA != mergeSHA {
		t.Errorf("pull request: %+v", e)
	}
}

func TestRunURL(t *testing.T) {
	for _, c := range []struct {
		server, repo string
		run          int64
		want         string
	}{
		{"https://github.com", "o/r", 5, "https://github.com/o/r/actions/runs/5"},
		{"https://ghe.example:8443/", "o/r", 5, "https://ghe.example:8443/o/r/actions/runs/5"},
		{"https://github.com", "o/r", 0, ""},
		{"https://github.com", "../r", 5, ""},
		{"https://github.com/)![x](", "o/r", 5, ""},
		{"javascript:alert(1)", "o/r", 5, ""},
	} {
		if got := (Env{ServerURL: c.server, Repository: c.repo, RunID: c.run}).RunURL(); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
