package github

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// A sticky is the one comment of a key on a pull request, about to be brought up to date.
type sticky struct {
	client *client
	mark   marker
	mode   Mode
	number int      // of the pull request
	author string   // login of our comments
	bodies []string // with the marker, the longest first
	out    *Outcome
}

// publish updates the oldest comment of ours, or creates one. Only comments that begin with our
// marker and carry our name are ours: anybody can quote the marker.
func (s *sticky) publish(ctx context.Context) error {
	ours, err := s.ours(ctx)
	if err != nil {
		return err
	}
	if s.mode == Fresh {
		return s.fresh(ctx, ours)
	}
	if s.newer(ours) != nil {
		s.out.notDone("comment left as it is: a newer run wrote it")
		return nil
	}
	if len(ours) > 0 {
		return s.update(ctx, ours)
	}
	if s.mode == Existing {
		s.out.notDone("no comment: there is none yet, and nothing that calls for one")
		return nil
	}
	made, err := s.create(ctx)
	if err != nil {
		return err
	}
	// Another run may have created one at the same moment; and the answer tells under which name we
	// write, should that not have been known.
	if made.author != "" {
		s.author = made.author
	}
	if ours, err = s.ours(ctx); err != nil {
		s.out.done("created the comment %s", printable(made.url))
		s.out.notDone("did not look for duplicates of the comment: %v", err)
		return nil
	}
	if newer := s.newer(ours); newer != nil {
		// The newer run repairs what is older than its own comment, and has not seen what is younger.
		if newer.id < made.id {
			s.remove(ctx, []comment{made})
		}
		s.out.notDone("comment left as it is: a newer run wrote it")
		return nil
	}
	if len(ours) == 0 || ours[0].id == made.id {
		s.out.done("created the comment %s", printable(made.url))
		if len(ours) > 1 {
			s.remove(ctx, ours[1:])
		}
		return nil
	}
	return s.update(ctx, ours)
}

// fresh creates a comment, or writes anew the one that this attempt has created.
func (s *sticky) fresh(ctx context.Context, ours []comment) error {
	if i := slices.IndexFunc(ours, s.sameAttempt); i >= 0 {
		return s.update(ctx, ours[i:i+1])
	}
	made, err := s.create(ctx)
	if err != nil {
		return err
	}
	s.out.done("created the comment %s", printable(made.url))
	return nil
}

func (s *sticky) sameAttempt(c comment) bool { return strings.HasPrefix(c.body, s.mark.String()) }

// create creates the comment. Where the answer is lost, it may be there all the same: so before it is
// sent again, it is looked for.
func (s *sticky) create(ctx context.Context) (comment, error) {
	for try := 0; ; try++ {
		made, err := s.shorter(func(body string) (comment, error) { return s.client.create(ctx, s.number, body) })
		lost := errors.Is(err, ErrServer) || errors.Is(err, ErrNetwork)
		if !lost || ctx.Err() != nil || try >= maxRetries || !s.client.again.hold(ctx, s.client.again.backoff(try)) {
			return made, err
		}
		ours, listErr := s.ours(ctx)
		if listErr != nil {
			return comment{}, err
		}
		if i := slices.IndexFunc(ours, s.sameAttempt); i >= 0 {
			return ours[i], nil
		}
	}
}

// shorter writes the longest text that is not too long.
func (s *sticky) shorter(write func(body string) (comment, error)) (comment, error) {
	for i, body := range s.bodies {
		made, err := write(body)
		if errors.Is(err, ErrTooLong) && i < len(s.bodies)-1 {
			continue
		}
		if err == nil && i > 0 {
			s.out.notDone("comment in full: it is too long for GitHub, a shorter one stands in its place")
		}
		return made, err
	}
	return comment{}, nil // there is always one
}

// ours lists our comments, oldest first.
func (s *sticky) ours(ctx context.Context) ([]comment, error) {
	all, err := s.client.comments(ctx, s.number)
	if err != nil {
		return nil, err
	}
	var ours []comment
	for _, c := range all {
		if _, _, ok := s.mark.parse(c.body); ok && strings.EqualFold(c.author, s.author) {
			ours = append(ours, c)
		}
	}
	return ours, nil
}

// newer returns a comment that a newer run wrote, or nil.
func (s *sticky) newer(ours []comment) *comment {
	for i, c := range ours {
		if run, attempt, _ := s.mark.parse(c.body); s.mark.olderThan(run, attempt) {
			return &ours[i]
		}
	}
	return nil
}

// update writes the oldest of our comments anew and deletes the others.
func (s *sticky) update(ctx context.Context, ours []comment) error {
	made, err := s.shorter(func(body string) (comment, error) { return s.client.edit(ctx, ours[0].id, body) })
	if err != nil {
		return err
	}
	s.out.done("updated the comment %s", printable(made.url))
	s.remove(ctx, ours[1:])
	return nil
}

// remove deletes duplicates. The comment stands by then, so a failure is said and no error.
func (s *sticky) remove(ctx context.Context, duplicates []comment) {
	for _, c := range duplicates {
		if err := s.client.remove(ctx, c.id); err != nil {
			s.out.notDone("a duplicate of the comment stays: %v", err)
			return
		}
		s.out.done("deleted a duplicate of the comment")
	}
}
