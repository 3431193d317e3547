package cli

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/perfgate/perfgate/internal/measure"
)

// A show tells a person how far a command is: on a terminal in one line that is rewritten, else in
// one line per stage, and in one per minute of a long one.
type show struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	open     bool // a rewritten line stands on the terminal
	began    time.Time
	drawn    time.Time // when the terminal's line was, or without a terminal the last line
	now      func() time.Time
}

func newShow(s Streams) *show {
	return &show{w: s.Err, terminal: s.Terminal, now: time.Now}
}

// line prints a whole line.
func (p *show) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *show) clear() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}

// stage begins a stage that has no steps; the function that it returns ends it.
func (p *show) stage(name string) func(format string, args ...any) {
	began := p.now()
	if p.terminal {
		p.mu.Lock()
		p.clear()
		fmt.Fprint(p.w, name+" ...")
		p.open = true
		p.mu.Unlock()
	}
	return func(format string, args ...any) {
		p.line("%s: %s in %s", name, fmt.Sprintf(format, args...), seconds(p.now().Sub(began)))
	}
}

// stageNames says in words what package measure calls its stages.
var stageNames = map[string]string{"find": "run each benchmark once", "measure": "measure"}

// progress is told of each step of a stage that has steps.
func (p *show) progress(m measure.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := stageNames[m.Stage]
	now := p.now()
	if m.Done == 0 && m.Runs == 0 {
		p.began, p.drawn = now, now
	}
	elapsed := now.Sub(p.began)
	if m.Done >= m.Total {
		p.clear()
		fmt.Fprintf(p.w, "%s: %d runs in %s\n", name, m.Runs, seconds(elapsed))
		return
	}
	if !p.terminal {
		if now.Sub(p.drawn) >= time.Minute {
			p.drawn = now
			fmt.Fprintf(p.w, "%s: %d of %d done, %d runs in %s so far\n", name, m.Done, m.Total, m.Runs, seconds(elapsed))
		}
		return
	}
	if m.Done > 0 && now.Sub(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn = now
	left := ""
	if m.Done > 0 && elapsed > 2*time.Second {
		left = fmt.Sprintf(", about %s left", seconds(elapsed*time.Duration(m.Total-m.Done)/time.Duration(m.Done)))
	}
	what := m.What
	if len(what) > 40 {
		what = strings.ToValidUTF8(what[:40], "")
	}
	p.clear()
	fmt.Fprintf(p.w, "%s: %d of %d%s  %s", name, m.Done, m.Total, left, what)
	p.open = true
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// Write writes whole lines of a log, past a line that is being rewritten.
func (p *show) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.w.Write(b)
}

// maxLogged bounds the values of one line of the log, in bytes: a function may have many benchmarks.
const maxLogged = 2000

// logger returns what logs a run: the keys of a line are always stage, benchmark, arm, pair, seconds and
// values, in this order, and error after those where it failed.
func (p *show) logger() func(measure.Run) {
	log := slog.New(slog.NewTextHandler(p, nil))
	return func(r measure.Run) {
		values := r.Values
		if len(values) > maxLogged {
			values = strings.ToValidUTF8(values[:maxLogged], "") + " ..."
		}
		args := []any{
			"stage", r.Stage, "benchmark", r.Benchmark, "arm", r.Arm, "pair", r.Pair,
			"seconds", math.Round(1000*r.Took.Seconds()) / 1000, "values", values,
		}
		if r.Err != nil {
			args = append(args, "error", r.Err)
		}
		log.Info("run", args...)
	}
}

// plural says how many there are of what: "1 function", "2 functions".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
