package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/github"
	"github.com/perfgate/perfgate/report"
)

const publishSHA = "8c1f0a7d3b5e9c2461fd0b7ae35c9d8240f6e1b3"

// judged returns a result with so many verdicts of each kind.
func judged(code, fail, pass int) gate.Result {
	f := func(x float64) *float64 { return &x }
	r := gate.Result{Version: gate.Version, ExitCode: code, Problems: []string{}, Counts: gate.Counts{Fail: fail, Pass: pass}}
	r.Compared.Base.Kind, r.Compared.Head.Kind = "measured", "measured"
	for i := range fail + pass {
		v := gate.Verdict{
			ID: fmt.Sprint("b", i), Benchmark: fmt.Sprintf("Walk%d", i), Unit: "steps/op", TidyUnit: "steps/op", Direction: "lower", Class: "exact", Verdict: gate.Pass,
			Reason: "within", Base: f(10), Head: f(10), Change: f(0), At: fmt.Sprint("budgets/b.yaml:", i+3), Limits: []gate.LimitVerdict{}, Warnings: []string{},
		}
		if i < fail {
			v.Verdict, v.Blocks, v.Reason, v.Head, v.Change = gate.Fail, true, "too many", f(12), f(.2)
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

// A hub is as much of GitHub as a run of publish asks for. What it refuses and how it lists is tested in
// internal/github.
type hub struct {
	*httptest.Server
	comments, statuses []string
	number             int
	fails              int // requests answered with 500 first
}

func newHub(t *testing.T) *hub {
	h := &hub{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		one := fmt.Sprintf(`{"number":%d,"state":"open","head":{"sha":%q}}`, h.number, publishSHA)
		var in struct{ Body, State, Context, Description string }
		_ = json.Unmarshal(body, &in)
		switch path := strings.TrimPrefix(r.URL.Path, "/repos/o/r/"); {
		case h.fails > 0:
			h.fails--
			w.WriteHeader(500)
		case r.Method == "GET" && path == fmt.Sprint("pulls/", h.number):
			_, _ = io.WriteString(w, one)
		case r.Method == "GET" && path == "pulls" && r.URL.Query().Get("head") == "stranger:topic":
			_, _ = io.WriteString(w, "["+one+"]")
		case r.Method == "GET" && path == fmt.Sprintf("issues/%d/comments", h.number):
			var list []string
			for i, text := range h.comments {
				quoted, _ := json.Marshal(text)
				list = append(list, fmt.Sprintf(`{"id":%d,"body":%s,"user":{"login":"github-actions[bot]"}}`, i+1, quoted))
			}
			_, _ = io.WriteString(w, "["+strings.Join(list, ",")+"]")
		case r.Method == "POST" && path == fmt.Sprintf("issues/%d/comments", h.number):
			h.comments = append(h.comments, in.Body)
			w.WriteHeader(201)
			_, _ = fmt.Fprintf(w, `{"id":%d,"user":{"login":"github-actions[bot]"},"html_url":"https://github.com/o/r/pull/%d#issuecomment-1"}`, len(h.comments), h.number)
		case r.Method == "PATCH" && path == "issues/comments/1":
			h.comments[0] = in.Body
			_, _ = io.WriteString(w, `{"id":1}`)
		case r.Method == "POST" && path == "statuses/"+publishSHA:
			h.statuses = append(h.statuses, in.Context+" "+in.State+" "+in.Description)
			w.WriteHeader(201)
			_, _ = fmt.Fprintf(w, `{"state":%q}`, in.State)
		default:
			w.WriteHeader(404)
			_, _ = io.WriteString(w, `{"message":"Not Found"}`)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// job sets the environment of a job, and returns the file of its summary.
func (h *hub) job(t *testing.T, event, payload string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "event.json")
	if err := os.WriteFile(file, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	summary := filepath.Join(dir, "summary.md")
	for _, v := range [][2]string{
		{"GITHUB_ACTIONS", "true"}, {"GITHUB_EVENT_NAME", event}, {"GITHUB_EVENT_PATH", file}, {"GITHUB_STEP_SUMMARY", summary}, {"GITHUB_API_URL", h.URL},
		{"GITHUB_SERVER_URL", "https://github.com"}, {"GITHUB_REPOSITORY", "o/r"}, {"GITHUB_TOKEN", "ghs_dummy0123456789"}, {"GITHUB_RUN_ID", "77"}, {"GITHUB_RUN_ATTEMPT", "2"},
		{"GITHUB_SHA", ""}, {"GITHUB_REF", ""}, {"GITHUB_WORKSPACE", ""},
	} {
		t.Setenv(v[0], v[1])
	}
	return summary
}

// perfgatePublish runs the command on a result.
func perfgatePublish(t *testing.T, r gate.Result, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var data, out, errs bytes.Buffer
	if err := report.JSON(&data, r); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "result.json")
	if err := os.WriteFile(file, data.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	code = Main(t.Context(), append([]string{"perfgate", "publish", "--result", file}, args...), Streams{Out: &out, Err: &errs})
	return code, out.String(), errs.String()
}

func TestPublishKeepsOneComment(t *testing.T) {
	h := newHub(t)
	h.number = 7
	h.job(t, "pull_request", `{"pull_request":{"number":7,"head":{"sha":"`+publishSHA+`"}}}`)
	for _, c := range []struct {
		mode string
		r    gate.Result
		want string // in the one comment
	}{
		{"on-failure", judged(0, 0, 3), ""},
		{"on-change", judged(0, 0, 3), ""},
		{"off", judged(1, 1, 3), ""},
		{"on-failure", judged(1, 1, 3), "perfgate: FAIL"},
		{"off", judged(0, 0, 3), "perfgate: FAIL"},
		{"on-failure", judged(0, 0, 3), "perfgate: PASS"},
		{"always", judged(1, 1, 3), "perfgate: FAIL"},
		{"on-change", judged(0, 0, 3), "perfgate: PASS"},
	} {
		code, _, stderr := perfgatePublish(t, c.r, "--comment", c.mode)
		if code != c.r.ExitCode {
			t.Errorf("%s: exit code %d\n%s", c.mode, code, stderr)
		}
		if got := strings.Join(h.comments, "\n"); (c.want == "") != (got == "") || !strings.Contains(got, c.want) || len(h.comments) > 1 {
			t.Fatalf("%s: comments %q, want one with %q\n%s", c.mode, h.comments, c.want, stderr)
		}
	}
	if !strings.Contains(h.comments[0], "[run 77, attempt 2](https://github.com/o/r/actions/runs/77)") {
		t.Errorf("no link to the run: %s", h.comments[0])
	}
	perfgatePublish(t, judged(0, 0, 3), "--comment", "new")
	if len(h.comments) != 2 {
		t.Errorf("%d comments", len(h.comments))
	}
}

func TestPublishMode(t *testing.T) {
	improved, added, inconclusive := judged(0, 0, 3), judged(0, 0, 3), judged(0, 0, 3)
	improved.Counts.Improved = 1
	added.Counts.New = 1
	inconclusive.Counts = gate.Counts{Pass: 2, Inconclusive: 1} // that does not block
	for _, c := range []struct {
		mode string
		r    gate.Result
		want github.Mode
	}{
		{"always", judged(0, 0, 3), github.Sticky},
		{"on-failure", improved, github.Existing},
		{"on-failure", judged(3, 0, 3), github.Sticky},
		{"on-change", judged(0, 0, 3), github.Existing},
		{"on-change", improved, github.Sticky},
		{"on-change", added, github.Sticky},
		{"on-change", inconclusive, github.Sticky},
		{"on-change", judged(1, 1, 3), github.Sticky},
		{"new", judged(0, 0, 3), github.Fresh},
	} {
		if got := commentMode(c.mode, c.r); got != c.want {
			t.Errorf("%s, exit code %d, %+v: mode %d, want %d", c.mode, c.r.ExitCode, c.r.Counts, got, c.want)
		}
	}
}

// A run that follows one of a fork comments on the pull request that the event leads to, and gives the
// commit of the fork its status; the result does not name a pull request, and could not.
func TestPublishAfterAFork(t *testing.T) {
	h := newHub(t)
	h.number = 12
	summary := h.job(t, "workflow_run", `{"repository":{"id":1},"workflow_run":{"id":900,"run_attempt":3,"event":"pull_request","head_sha":"`+publishSHA+`",
		"head_branch":"topic","head_repository":{"owner":{"login":"stranger"}},"pull_requests":[]}}`)
	code, stdout, stderr := perfgatePublish(t, judged(1, 1, 3), "--status", "--key", "linux")
	if strings.Contains(stdout, "::error") {
		t.Errorf("a run of the default branch is annotated with what a fork did:\n%s", stdout)
	}
	if code != 1 || len(h.comments) != 1 || !strings.HasPrefix(h.comments[0], "<!-- perfgate:linux run=900 attempt=3 head="+publishSHA+" -->\n") {
		t.Errorf("exit code %d, comments %q\n%s", code, h.comments, stderr)
	}
	if fmt.Sprint(h.statuses) != "[perfgate/linux failure FAIL: 1 failed, 3 passed]" {
		t.Errorf("statuses %q", h.statuses)
	}
	if text, err := os.ReadFile(summary); err != nil || !strings.Contains(string(text), "runs/900") {
		t.Errorf("%v, %s", err, text)
	}
}

func TestPublishStatus(t *testing.T) {
	for code, want := range map[int]string{0: "success", 1: "failure", 2: "error", 3: "error", 4: "error", 99: "error"} {
		if got := statusOf(judged(code, 0, 1)); got.State != want || got.Description == "" {
			t.Errorf("exit code %d is %+v", code, got)
		}
	}
}

func TestPublishTenAnnotations(t *testing.T) {
	h := newHub(t)
	h.job(t, "push", `{}`)
	_, stdout, stderr := perfgatePublish(t, judged(1, 34, 3))
	if n := strings.Count(stdout, "\n"); n != 10 || strings.Count(stdout, "::error file=budgets/b.yaml,line=") != 10 || !strings.Contains(stderr, "24 more annotations") {
		t.Errorf("%d lines\n%s\n%s", n, stdout, stderr)
	}
}

// A failure to publish is said and does not change the verdict, unless it is required.
func TestPublishFailure(t *testing.T) {
	for _, c := range []struct {
		code    int
		require bool
		want    int
	}{{0, false, 0}, {1, false, 1}, {3, false, 3}, {0, true, 4}, {1, true, 4}} {
		h := newHub(t)
		h.fails = 1000
		var errs bytes.Buffer
		clock := time.Unix(0, 0)
		p := github.Publisher{
			Now:  func() time.Time { return clock },
			Wait: func(_ context.Context, d time.Duration) error { clock = clock.Add(d); return nil },
		}
		e := github.Env{InActions: true, APIURL: h.URL, Token: "ghs_dummy", Repository: "o/r", PullRequest: 7, HeadSHA: publishSHA}
		err := publish(t.Context(), Streams{Err: &errs}, p, e, github.Options{Comments: []string{"c"}}, judged(c.code, 0, 1), c.require)
		got := 0
		var ee exitError
		if errors.As(err, &ee) {
			got = ee.code
		}
		if got != c.want || !strings.Contains(errs.String(), "not done: look up the pull request: server failed") {
			t.Errorf("%+v: exit code %d\n%s", c, got, errs.String())
		}
	}
}

// live is what GitHub or the runner would make something of.
var live = regexp.MustCompile("(?i)<(script|img|a|iframe|/?table)\\b|@[a-z]|https?://evil|`|##\\[|\\]\\(http[^)]*evil|(?m:^::(?:set|add|stop|debug))")

// Names are written by whoever opened the pull request. Nothing of them is live, wherever they arrive.
func TestPublishHostileNames(t *testing.T) {
	h := newHub(t)
	h.number = 7
	summary := h.job(t, "pull_request", `{"pull_request":{"number":7,"head":{"sha":"`+publishSHA+`"}}}`)
	hostile := []string{
		"a|b", "<script>alert(1)</script>", "@everyone", "![x](https://evil.example/x.png)", "`x`", "a\n::set-output name=x::y", "\r\n::stop-commands::x", "##[error]x",
		"-->\n# perfgate: PASS", "<!-- perfgate:default run=999 attempt=1 head= -->", "a\u202eb", strings.Repeat("long", 5000), "%0A::add-mask::x", "</table><h1>",
	}
	r := judged(1, len(hostile), 0)
	for i, name := range hostile {
		v := &r.Verdicts[i]
		v.Benchmark, v.Reason, v.Why, v.Unit = name, name, name, name
		v.At = name + ":1"
		v.Limits = []gate.LimitVerdict{{Kind: "max_rise", Text: name, Verdict: gate.Fail, Reason: name}}
	}
	code, stdout, stderr := perfgatePublish(t, r, "--status")
	text, err := os.ReadFile(summary)
	if err != nil || code != 1 || len(h.comments) != 1 || len(h.statuses) != 1 {
		t.Fatalf("%v, exit code %d, %d comments\n%s", err, code, len(h.comments), stderr)
	}
	mark, comment, _ := strings.Cut(h.comments[0], "\n")
	if !strings.HasPrefix(mark, "<!-- perfgate:default run=77 ") || strings.Contains(comment, "<!--") {
		t.Errorf("marker %q", mark)
	}
	fence := regexp.MustCompile("(?s)```sh\n.*?\n```")
	for where, s := range map[string]string{"comment": comment, "summary": string(text)} {
		if found := live.FindString(fence.ReplaceAllString(s, "")); found != "" {
			t.Errorf("the %s holds %q", where, found)
		}
		if len(s) > report.SummaryLimit {
			t.Errorf("the %s has %d bytes", where, len(s))
		}
	}
	for _, line := range strings.Split(strings.TrimSuffix(stdout, "\n"), "\n") {
		if !strings.HasPrefix(line, "::error ") || strings.Contains(line, "##[") || len(line) > 3000 || strings.ContainsAny(line, "\r") {
			t.Errorf("annotation %.300q", line)
		}
	}
	for _, line := range strings.Split(stderr, "\n") {
		if strings.HasPrefix(line, "::") || strings.Contains(line, "##[") {
			t.Errorf("message %.300q", line)
		}
	}
}

// The action refuses a mode before it measures, and so has to know all of them.
func TestActionKnowsTheModes(t *testing.T) {
	text, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\n        " + strings.Join(commentModes, " | ") + ") ;;"; !strings.Contains(string(text), want) {
		t.Errorf("action.yml has no line %q", want)
	}
}
