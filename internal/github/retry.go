package github

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	callTime   = 15 * time.Second // for one attempt at a request, with its answer
	allTime    = 90 * time.Second // for one Publish, with everything that it waits for
	maxRetries = 4                // of one request
	limitPause = time.Minute      // after "too many requests" without a word on when to come back
)

// A retry sends requests again that failed for a reason that passes: too many of them, a server that
// failed, a connection that broke. It waits as long as the answer asks for, but only within the time
// that all of the delivery has; a job does not stand still until the next hour. It stands below
// go-github, which knows neither 429 nor every shape of "too many requests".
//
// A request that creates something is not sent again when its answer is lost: it may have been done.
// It is the caller who looks.
type retry struct {
	next     http.RoundTripper
	now      func() time.Time
	wait     func(context.Context, time.Duration) error
	deadline time.Time
	random   *rand.Rand // requests go one after the other
}

// realWait waits for d or the end of ctx.
func realWait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RoundTrip sends a request until it is answered for good.
func (t *retry) RoundTrip(req *http.Request) (*http.Response, error) {
	for try := 0; ; try++ {
		resp, text, err := t.once(req, try)
		d, again := t.pause(req, resp, text, err, try)
		if !again || !t.hold(req.Context(), d) {
			return resp, err
		}
	}
}

// once makes one attempt and reads the whole answer, so that a connection that breaks within it counts
// as one that broke.
func (t *retry) once(req *http.Request, try int) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(req.Context(), callTime)
	defer cancel()
	out := req.Clone(ctx)
	if try > 0 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, nil, err
		}
		out.Body = body
	}
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, text, nil
}

// pause says whether a request is worth sending again, and after how long.
func (t *retry) pause(req *http.Request, resp *http.Response, text []byte, err error, try int) (time.Duration, bool) {
	if try >= maxRetries || req.Context().Err() != nil || req.Body != nil && req.GetBody == nil {
		return 0, false
	}
	if err != nil {
		return t.backoff(try), repeatable(req) && !errors.Is(err, errOtherHost) && !errors.Is(err, errOutside)
	}
	switch classOf(resp.StatusCode, resp.Header, string(text)) {
	case ErrRateLimited:
		return t.limited(resp.Header), true
	case ErrServer:
		return max(t.backoff(try), seconds(resp.Header.Get("Retry-After"))), repeatable(req)
	}
	return 0, false
}

// repeatable reports whether a request may be done twice: a status replaces the one before.
func repeatable(req *http.Request) bool {
	return req.Method != http.MethodPost || strings.Contains(req.URL.Path, "/statuses/")
}

// backoff grows from one second, and differs from run to run: many jobs may have failed together.
func (t *retry) backoff(try int) time.Duration {
	d := time.Second << try
	return d + time.Duration(t.random.Int64N(int64(d/2)))
}

// limited says how long a limit asks to wait.
func (t *retry) limited(h http.Header) time.Duration {
	if d := seconds(h.Get("Retry-After")); d > 0 {
		return d
	}
	if reset, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64); err == nil && h.Get("X-Ratelimit-Remaining") == "0" {
		return max(time.Unix(reset, 0).Sub(t.now()), 0) + time.Second
	}
	return limitPause
}

// seconds reads a number of them; 0 where there is none.
func seconds(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 1<<20)) * time.Second
}

// hold waits for d, and reports whether it did: not when that is longer than the time that is left.
func (t *retry) hold(ctx context.Context, d time.Duration) bool {
	return !t.now().Add(d).After(t.deadline) && t.wait(ctx, d) == nil
}
