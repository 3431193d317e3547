package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

const sha = "8c1f0a7d3b5e9c2461fd0b7ae35c9d8240f6e1b3"

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
