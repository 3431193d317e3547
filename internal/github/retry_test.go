package github

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// failing answers the first n requests of a kind in the way given, and lets the others through.
func (f *fake) failing(kind string, n int, how http.HandlerFunc) {
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if n == 0 || !strings.HasPrefix(r.Method+" "+r.URL.Path, kind) {
			return false
		}
		n--
		how(w, r)
		return true
	}
}

func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		answer(w, code, `{"message":"x"}`)
	}
}

// hangUp ends the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// What passes is waited for, as long as it asks and no longer.
func TestRetry(t *testing.T) {
	reset := func(in time.Duration) string {
		return strconv.FormatInt(time.Unix(1_800_000_000, 0).Add(in).Unix(), 10)
	}
	for _, c := range []struct {
		name  string
		kind  string
		n     int
		how   http.HandlerFunc
		least time.Duration // waited in all
		most  time.Duration
		class error // nil when the comment arrives
	}{
		{"server, once", "GET /repos/o/r/pulls", 1, status(502), time.Second, 2 * time.Second, nil},
		{"server, four times", "GET /repos/o/r/pulls", 4, status(500), 15 * time.Second, 23 * time.Second, nil},
		{"server, five times", "GET /repos/o/r/pulls", 5, status(500), 15 * time.Second, 23 * time.Second, ErrServer},
		{"server that says when", "GET /repos/o/r/pulls", 1, status(503, "Retry-After", "20"), 20 * time.Second, 20 * time.Second, nil},
		{"no answer", "GET /repos/o/r/issues", 2, hangUp, time.Second, 5 * time.Second, nil},
		{"limit that says when", "POST", 1, status(403, "Retry-After", "30"), 30 * time.Second, 30 * time.Second, nil},
		{"limit by 429", "POST", 2, status(429, "Retry-After", "30"), time.Minute, time.Minute, nil},
		{"limit until a time", "POST", 1, status(403, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset(41*time.Second)), 42 * time.Second, 42 * time.Second, nil},
		{"limit until a time that is over", "POST", 1, status(429, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset(-time.Hour)), time.Second, time.Second, nil},
		{"limit that does not say when", "POST", 1, status(429), time.Minute, time.Minute, nil},
		{"limit beyond the time that there is", "POST", 1, status(403, "Retry-After", "91"), 0, 0, ErrRateLimited},
		{"limit until the next hour", "POST", 1, status(403, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", reset(time.Hour)), 0, 0, ErrRateLimited},
		{"limit beyond what is left", "POST", 2, status(429, "Retry-After", "50"), 50 * time.Second, 50 * time.Second, ErrRateLimited},
		{"nonsense for a time", "POST", 1, status(429, "Retry-After", "-5"), time.Minute, time.Minute, nil},
		{"a refusal", "POST", 1, status(403), 0, 0, ErrForbidden},
		{"not found", "GET /repos/o/r/pulls", 1, status(404), 0, 0, ErrNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t)
			f.failing(c.kind, c.n, c.how)
			_, err := f.publish(f.env(), Options{})
			if c.class != nil {
				wantClass(t, err, c.class)
			} else if err != nil {
				t.Fatal(err)
			} else {
				f.want(jobLogin + ": [500.1] the report")
			}
			if waited := f.clock.at.Sub(f.began); waited < c.least || waited > c.most {
				t.Errorf("waited %v in all (%v), want %v to %v", waited, f.clock.waited, c.least, c.most)
			}
		})
	}
}

// The answer to a comment that is created gets lost: it may be there or not, and is there once in the end.
func TestLostCreate(t *testing.T) {
	for _, c := range []struct {
		name  string
		there bool // although the answer is lost
		how   http.HandlerFunc
		posts int
	}{
		{"created, connection lost", true, hangUp, 1},
		{"created, gateway failed", true, status(502), 1},
		{"created, empty answer", true, func(w http.ResponseWriter, _ *http.Request) { answer(w, 201, "") }, 1},
		{"not created, connection lost", false, hangUp, 2},
		{"not created, gateway failed", false, status(502), 2},
	} {
		for _, mode := range []Mode{Sticky, Fresh} {
			t.Run(c.name, func(t *testing.T) {
				f := newFake(t)
				mark := marker{key: "default", run: 500, attempt: 1, head: sha, fresh: mode == Fresh}
				f.failing("POST", 1, func(w http.ResponseWriter, r *http.Request) {
					if c.there {
						f.add(jobLogin, mark.String()+"\nthe report")
					}
					c.how(w, r)
				})
				out, err := f.publish(f.env(), Options{Mode: mode})
				if err != nil {
					t.Fatal(err)
				}
				if len(f.comments) != 1 || f.count("POST") != c.posts || !strings.HasPrefix(f.comments[0].body, mark.String()) {
					t.Errorf("%d comments after %q", len(f.comments), f.calls)
				}
				said(t, out.Done, "the comment")
			})
		}
	}
}

// The time is of the whole delivery, not of each request.
func TestTimeOfAll(t *testing.T) {
	f := newFake(t)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		// Each first try fails, and asks for half a minute.
		if f.countLocked(r.Method+" "+r.URL.Path)%2 == 1 {
			status(503, "Retry-After", "30")(w, r)
			return true
		}
		return false
	}
	_, err := f.publish(f.env(), Options{Status: Status{State: "success"}})
	if !errors.Is(err, ErrServer) {
		t.Error(err)
	}
	if waited := f.clock.at.Sub(f.began); waited < allTime*2/3 || waited > allTime {
		t.Errorf("waited %v", f.clock.waited)
	}
}

// Jobs that failed together do not come back together; the same attempt of the same run waits the same.
func TestJitter(t *testing.T) {
	waits := func(run int64, attempt int) []time.Duration {
		f := newFake(t)
		f.failing("GET /repos/o/r/pulls", 4, status(500))
		e := f.env()
		e.RunID, e.Attempt = run, attempt
		if _, err := f.publish(e, Options{}); err != nil {
			t.Fatal(err)
		}
		return f.clock.waited
	}
	first := waits(1, 1)
	if !slices.Equal(first, waits(1, 1)) || slices.Equal(first, waits(2, 1)) || slices.Equal(first, waits(1, 2)) {
		t.Errorf("waited %v, %v, %v", first, waits(2, 1), waits(1, 2))
	}
	for i, d := range first {
		if least := time.Second << i; d < least || d >= least*3/2 {
			t.Errorf("wait %d is %v", i, d)
		}
	}
}

// An interrupt ends the waiting.
func TestInterruptedWait(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(context.Background())
	f.failing("GET", 5, status(500))
	p := f.publisher()
	p.Wait = func(ctx context.Context, d time.Duration) error { cancel(); return realWait(ctx, d) }
	_, err := p.Publish(ctx, f.env(), Options{Comments: []string{"c"}})
	if !errors.Is(err, ErrServer) && !errors.Is(err, ErrNetwork) || len(f.calls) != 1 {
		t.Errorf("%v after %q", err, f.calls)
	}
}

// A name that leads out of the repository is refused here, and not sent.
func TestPathsStayInTheRepository(t *testing.T) {
	f := newFake(t)
	c, err := newClient(f.env(), f.publisher())
	if err != nil {
		t.Fatal(err)
	}
	for _, hostile := range []string{"../../../../user/repos", "..", "v1/../../../x/y", "%2e%2e/%2e%2e", "v1.0.0?x=y", "v1#x", "a/b", ""} {
		if err := c.setStatus(t.Context(), hostile, "perfgate", "", Status{State: "success"}); !errors.Is(err, ErrEnvironment) {
			t.Errorf("status of %q: %v", hostile, err)
		}
		if _, err := c.pullsOf(t.Context(), hostile); !errors.Is(err, ErrEnvironment) {
			t.Errorf("pull requests of %q: %v", hostile, err)
		}
	}
	// go-github builds such an address from a tag; the guard looks at what is built.
	for _, tag := range []string{"../../../../user/repos", "../../../../orgs/o"} {
		_, resp, err := c.api.Repositories.GetReleaseByTag(t.Context(), "o", "r", tag)
		wantClass(t, c.failure("get a release", resp, err), ErrEnvironment, "outside of the repository")
	}
	if len(f.calls) != 0 {
		t.Errorf("requests: %q", f.calls)
	}
}
