package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The classes of a failed delivery; errors.Is tells them apart. Each error says in a sentence what
// to do about it.
var (
	ErrNoToken      = errors.New("no token")
	ErrEnvironment  = errors.New("unusable setting")         // a repository or address that is none
	ErrSummary      = errors.New("summary not written")      // the file of the job summary
	ErrTooLong      = errors.New("too long")                 // found out here, or 422
	ErrUnauthorized = errors.New("token refused")            // 401
	ErrForbidden    = errors.New("token may not")            // 403
	ErrNotFound     = errors.New("not found")                // 404, 410
	ErrRateLimited  = errors.New("too many requests")        // 429, and 403 that means it
	ErrRefused      = errors.New("request refused")          // any other 4xx
	ErrServer       = errors.New("server failed")            // 5xx, and answers that are not GitHub's
	ErrNetwork      = errors.New("no answer")                // no connection, time-out
	ErrRedirect     = errors.New("redirect to another host") // not followed: the token would go there
)

// An Error is one failed delivery.
type Error struct {
	Class  error  // one of the Err values
	Doing  string // what was being done
	Detail string // what was found or answered; may be empty
	Help   string // the next step
	cause  error
}

// Error says what was being done, what came of it and what to do next.
func (e *Error) Error() string {
	s := e.Doing + ": " + e.Class.Error()
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s + "; " + e.Help
}

// Unwrap returns the class and what caused the error.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Class}
	}
	return []error{e.Class, e.cause}
}

// help is the next step for each class of answer.
var help = map[error]string{
	ErrUnauthorized: "the token is invalid or has expired: give the job's own token in GITHUB_TOKEN",
	ErrForbidden: "add `permissions: pull-requests: write` to the job; for a pull request from a fork or by Dependabot " +
		"the token is read-only whatever the workflow says: the job summary has the report, and docs/github.md the second workflow that may comment",
	ErrNotFound:    "the pull request is gone, or the token cannot see the repository",
	ErrTooLong:     "give a shorter comment",
	ErrRateLimited: "run the job again later; the job summary has the report",
	ErrRefused:     "this may be a defect of perfgate: report it with this message",
	ErrServer:      "run the job again later; https://www.githubstatus.com says whether GitHub is down",
	ErrNetwork:     "check that the runner reaches the host of GITHUB_API_URL",
	ErrEnvironment: "check GITHUB_REPOSITORY and GITHUB_API_URL",
	ErrRedirect:    "correct GITHUB_API_URL: the token is not sent to another host",
}

// classOf returns the class of an answer that is an error. GitHub says "too many requests" with 403
// as well as with 429, and go-github recognises not all of them.
func classOf(status int, header http.Header, message string) error {
	m := strings.ToLower(message)
	limited := header.Get("Retry-After") != "" || header.Get("X-Ratelimit-Remaining") == "0" ||
		strings.Contains(m, "rate limit") || strings.Contains(m, "abuse detection")
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && limited:
		return ErrRateLimited
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusNotFound, status == http.StatusGone:
		return ErrNotFound
	case status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity && strings.Contains(m, "too long"):
		return ErrTooLong
	case status >= 500:
		return ErrServer
	}
	return ErrRefused
}

// describe says what the answer was: its number, its words, the permission that it asks for, and
// when to come back.
func describe(status int, header http.Header, message string) string {
	parts := []string{fmt.Sprintf("HTTP %d", status)}
	for _, p := range []struct{ before, text string }{
		{"", message},
		{"it needs ", header.Get("X-Accepted-Github-Permissions")},
		{"retry after, in seconds: ", header.Get("Retry-After")},
	} {
		if text := printable(p.text); text != "" {
			parts = append(parts, p.before+text)
		}
	}
	return strings.Join(parts, ", ")
}
