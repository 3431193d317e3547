package github

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// maxPayload bounds the event file; GitHub's own are under 1 MB.
const maxPayload = 10 << 20

// A Secret is a text that no way of printing shows.
type Secret string

// Format writes stars in place of the secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// MarshalText writes stars in place of the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// An Env is what a job of GitHub Actions says about itself.
type Env struct {
	InActions   bool
	APIURL      string // of the REST interface: https://api.github.com
	ServerURL   string // of the web pages: https://github.com
	Token       Secret
	Repository  string // owner/name, not checked yet
	Event       string // what started the run: pull_request, push
	SummaryFile string // the file whose text becomes the job summary; empty when there is none
	RunID       int64  // of the workflow run; later runs have higher ones; 0 when unknown
	Attempt     int    // of that run, from 1

	// PullRequest is its number, 0 when there is none; NoPullRequest then says why. HeadSHA is the
	// commit that the pull request pointed at when the run started, in full.
	PullRequest   int
	HeadSHA       string
	NoPullRequest string
}

// FromEnvironment gathers the Env from GitHub's variables and the event file that they name. It
// never fails: what is absent or damaged means no pull request, and NoPullRequest says so.
func FromEnvironment(getenv func(string) string, readFile func(string) ([]byte, error)) Env {
	e := Env{
		InActions:   getenv("GITHUB_ACTIONS") == "true",
		APIURL:      orElse(getenv("GITHUB_API_URL"), "https://api.github.com"),
		ServerURL:   orElse(getenv("GITHUB_SERVER_URL"), "https://github.com"),
		Token:       Secret(strings.TrimSpace(getenv("GITHUB_TOKEN"))),
		Repository:  getenv("GITHUB_REPOSITORY"),
		Event:       getenv("GITHUB_EVENT_NAME"),
		SummaryFile: getenv("GITHUB_STEP_SUMMARY"),
		Attempt:     1,
	}
	if n, err := strconv.ParseInt(getenv("GITHUB_RUN_ID"), 10, 64); err == nil && n > 0 {
		e.RunID = n
	}
	if n, err := strconv.Atoi(getenv("GITHUB_RUN_ATTEMPT")); err == nil && n > 0 {
		e.Attempt = n
	}
	e.PullRequest, e.HeadSHA, e.NoPullRequest = e.pullRequest(getenv("GITHUB_EVENT_PATH"), readFile)
	return e
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// fullHash is a commit in full, SHA-1 or SHA-256.
var fullHash = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// pullRequest finds the pull request of the event, or says why there is none.
func (e Env) pullRequest(file string, readFile func(string) ([]byte, error)) (number int, head, none string) {
	if e.Event != "pull_request" && e.Event != "pull_request_target" {
		return 0, "", fmt.Sprintf("the event %s has no pull request", orElse(printable(e.Event), "(unknown)"))
	}
	if file == "" {
		return 0, "", "the event file is not named in GITHUB_EVENT_PATH"
	}
	data, err := readFile(file)
	if err != nil {
		return 0, "", "the event file cannot be read: " + printable(err.Error())
	}
	if len(data) > maxPayload {
		return 0, "", fmt.Sprintf("the event file is longer than %d MiB", maxPayload>>20)
	}
	var payload struct {
		PullRequest struct {
			Number int `json:"number"`
			Head   struct {
				SHA string `json:"sha"`
			} `json:"head"`
		} `json:"pull_request"`
	}
	if err := json.Unmarshal(data, &payload); err != nil {
		return 0, "", "the event file is damaged: " + printable(err.Error())
	}
	number, head = payload.PullRequest.Number, payload.PullRequest.Head.SHA
	switch {
	case number <= 0:
		return 0, "", "the event file names no pull request"
	case !fullHash.MatchString(head):
		return 0, "", "the event file names no head commit of the pull request"
	}
	return number, head, ""
}

// printable returns s on one line, cut to 200 characters, for a message.
func printable(s string) string {
	out := []rune{}
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if !strconv.IsPrint(r) {
			continue
		}
		if len(out) == 199 {
			out = append(out, '…')
			break
		}
		out = append(out, r)
	}
	return string(out)
}
