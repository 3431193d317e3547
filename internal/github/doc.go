// Package github delivers a rendered report to GitHub: into the job summary and as annotations, which
// need no token, as one comment on the pull request, which later runs keep up to date, and as the status
// of a commit.
//
// It renders nothing and judges nothing; it takes finished text. A delivery that fails is an error
// of a class that says what to do, never a change of verdict.
//
// The token goes to the host of the interface that the job names and to no other: redirects to
// another host are refused. A comment is written only for the newest run on the commit that the pull
// request points at, and only a comment of our own is ever changed.
//
// It was tested against a stand-in for GitHub that keeps state and holds every exchange, in both
// directions, against GitHub's published description of its interface; not against github.com.
//
// Position in the flow: report renders, github delivers, cli says what was delivered.
package github
