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
	// RunID is the workflow run that tested; later runs have higher ones; 0 when unknown. Attempt is that
	// of the run, from 1. In a workflow_run job both are of the run that it follows.
	RunID   int64
	Attempt int

	// PullRequest is its number, 0 when it is not known; NoPullRequest then says why.
	PullRequest   int
	NoPullRequest string
	// HeadSHA is the commit, in full, that the pull request pointed at when the run started; without a
	// pull request the commit that the run is of. Statuses go to it. MergeSHA is the commit that GitHub
	// made of it and the base to test them. Either may be empty.
	HeadSHA  string
	MergeSHA string
	// HeadOwner and HeadBranch say where a pull request is from whose number the event does not tell,
	// as in a workflow_run job after one from a fork; it has to be looked up.
	HeadOwner, HeadBranch string
}

// RunURL returns the address of the page of the run, or "" where there is none.
func (e Env) RunURL() string {
	owner, repo, ok := repository(e.Repository)
	if !ok || e.RunID <= 0 || !webAddress.MatchString(e.ServerURL) {
		return ""
	}
	return fmt.Sprintf("%s/%s/%s/actions/runs/%d", strings.TrimSuffix(e.ServerURL, "/"), owner, repo, e.RunID)
}

// webAddress is one that can stand in a report as it is.
var webAddress = regexp.MustCompile(`^https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9._/-]*)?$`)

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
	if hash := getenv("GITHUB_SHA"); fullHash.MatchString(hash) {
		e.HeadSHA = hash
	}
	file := getenv("GITHUB_EVENT_PATH")
	switch e.Event {
	case "pull_request", "pull_request_target":
		e.ofPullRequest(file, readFile)
		if m := mergeRef.FindStringSubmatch(getenv("GITHUB_REF")); e.PullRequest == 0 && e.Event == "pull_request" && m != nil && e.MergeSHA != "" {
			e.PullRequest, _ = strconv.Atoi(m[1]) // the pattern keeps it in range
			e.NoPullRequest = ""
		}
	case "workflow_run":
		e.ofWorkflowRun(file, readFile)
	default:
		e.NoPullRequest = fmt.Sprintf("the event %s has no pull request", orElse(printable(e.Event), "(unknown)"))
	}
	return e
}

// mergeRef is the name of what a job on a pull request checks out.
var mergeRef = regexp.MustCompile(`^refs/pull/([1-9]\d{0,8})/merge$`)

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// fullHash is a commit in full, SHA-1 or SHA-256.
var fullHash = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// readEvent reads the event file, or says what is wrong with it.
func readEvent(file string, readFile func(string) ([]byte, error), into any) (wrong string) {
	if file == "" {
		return "the event file is not named in GITHUB_EVENT_PATH"
	}
	data, err := readFile(file)
	if err != nil {
		return "the event file cannot be read: " + printable(err.Error())
	}
	if len(data) > maxPayload {
		return fmt.Sprintf("the event file is longer than %d MiB", maxPayload>>20)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return "the event file is damaged: " + printable(err.Error())
	}
	return ""
}

// A proposal is a pull request as event files name it.
type proposal struct {
	Number int `json:"number"`
	Head   struct {
		SHA string `json:"sha"`
	} `json:"head"`
	Base struct {
		Repo struct {
			ID int64 `json:"id"`
		} `json:"repo"`
	} `json:"base"`
}

// ofPullRequest finds the pull request of an event that is about one.
func (e *Env) ofPullRequest(file string, readFile func(string) ([]byte, error)) {
	// GITHUB_SHA is then no commit of the pull request, but the merge, or a commit of the base.
	if e.Event == "pull_request" {
		e.MergeSHA = e.HeadSHA
	}
	e.HeadSHA = ""
	var p struct {
		PullRequest proposal `json:"pull_request"`
	}
	if e.NoPullRequest = readEvent(file, readFile, &p); e.NoPullRequest != "" {
		return
	}
	number, head := p.PullRequest.Number, p.PullRequest.Head.SHA
	switch {
	case number <= 0:
		e.NoPullRequest = "the event file names no pull request"
	case !fullHash.MatchString(head):
		e.NoPullRequest = "the event file names no head commit of the pull request"
	default:
		e.PullRequest, e.HeadSHA = number, head
	}
}

// ofWorkflowRun finds the pull request of the run that this one follows. All of it is from the event,
// which GitHub wrote, and nothing from what the run left behind. Of a pull request from a fork GitHub
// tells the branch and the commit, and no number.
func (e *Env) ofWorkflowRun(file string, readFile func(string) ([]byte, error)) {
	e.HeadSHA = "" // GITHUB_SHA is the newest commit of the default branch
	var p struct {
		Repository struct {
			ID int64 `json:"id"`
		} `json:"repository"`
		Run struct {
			ID             int64  `json:"id"`
			Attempt        int    `json:"run_attempt"`
			Event          string `json:"event"`
			HeadSHA        string `json:"head_sha"`
			HeadBranch     string `json:"head_branch"`
			HeadRepository struct {
				Owner struct {
					Login string `json:"login"`
				} `json:"owner"`
			} `json:"head_repository"`
			PullRequests []proposal `json:"pull_requests"`
		} `json:"workflow_run"`
	}
	if e.NoPullRequest = readEvent(file, readFile, &p); e.NoPullRequest != "" {
		return
	}
	run := p.Run
	if run.ID <= 0 || !fullHash.MatchString(run.HeadSHA) {
		e.NoPullRequest = "the event file names no run and head commit"
		return
	}
	e.RunID, e.Attempt, e.HeadSHA = run.ID, max(run.Attempt, 1), run.HeadSHA
	if run.Event != "pull_request" {
		e.NoPullRequest = fmt.Sprintf("the run that this one follows is of the event %s, which has no pull request", orElse(printable(run.Event), "(unknown)"))
		return
	}
	// The list may hold pull requests of other repositories, such as from here to where this was forked.
	var here []proposal
	for _, one := range run.PullRequests {
		if one.Number > 0 && one.Head.SHA == run.HeadSHA && one.Base.Repo.ID == p.Repository.ID {
			here = append(here, one)
		}
	}
	owner := run.HeadRepository.Owner.Login
	switch {
	case len(here) == 1:
		e.PullRequest = here[0].Number
	case !accountName.MatchString(owner) || run.HeadBranch == "":
		e.NoPullRequest = "the event file names neither one pull request nor where it is from"
	default:
		e.HeadOwner, e.HeadBranch = owner, run.HeadBranch
		e.NoPullRequest = "the event names none"
	}
}

// accountName is the name of an account, which cannot be read as more than that.
var accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

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
