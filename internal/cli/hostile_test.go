package cli

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

// asProgram runs this test binary as perfgate in dir. It returns what went to both streams, the exit code
// and the most memory that it had, in bytes; 0 where the system does not say.
func asProgram(t *testing.T, dir string, env []string, args ...string) (output string, code int, peak int64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "perfgate"
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append(os.Environ(), env...), &b, &b
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	usage := reflect.Indirect(reflect.ValueOf(cmd.ProcessState.SysUsage()))
	if usage.Kind() == reflect.Struct && runtime.GOOS == "linux" {
		peak = usage.FieldByName("Maxrss").Int() << 10
	}
	return b.String(), cmd.ProcessState.ExitCode(), peak
}

// longText writes benchmark text of at least so many bytes: 50 benchmarks, over and over.
func longText(t *testing.T, name string, size int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for n, i := 0, 0; n < size; i++ {
		m, err := fmt.Fprintf(w, "pair: %d\nBenchmarkLong/n=%d\t100\t%d ns/op\t%d B/op\t3 allocs/op\t7 rounds/op\nsomething that the program printed\n", i/50+1, i%50, 1000+i%7, 64)
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLongTextInBoundedMemory judges texts of which one is ten times as long as the other: what the
// program needs beyond the same text in the shorter form does not grow with the length.
func TestLongTextInBoundedMemory(t *testing.T) {
	sizes := []int{10 << 20, 100 << 20}
	if testing.Short() {
		sizes = []int{1 << 20, 10 << 20}
	}
	dir := t.TempDir()
	budgets := "version: 1\nbudgets:\n  - {id: rounds, match: Long, unit: rounds/op, better: lower, class: exact, max_rise: 0%}\n"
	if err := os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(budgets), 0o644); err != nil {
		t.Fatal(err)
	}
	var peaks []int64
	for _, size := range sizes {
		name := filepath.Join(dir, "long.txt")
		longText(t, name, size)
		output, code, peak := asProgram(t, dir, nil, "judge", "--budgets", "b.yaml", "--base", name, "--head", name, "--out", "result.json")
		if code != gate.ExitPass {
			t.Fatalf("%d MiB: exit code %d\n%s", size>>20, code, output)
		}
		if !strings.Contains(output, "50 passed") {
			t.Errorf("%d MiB: not all 50 benchmarks were judged:\n%s", size>>20, output)
		}
		peaks = append(peaks, peak)
	}
	t.Logf("peak of the resident set: %d MiB for two texts of %d MiB, %d MiB for two of %d MiB", peaks[0]>>20, sizes[0]>>20, peaks[1]>>20, sizes[1]>>20)
	if !withRace && peaks[1] > peaks[0]+32<<20 {
		t.Errorf("ten times the text takes %d MiB instead of %d", peaks[1]>>20, peaks[0]>>20)
	}
}

// hostileNames is what a pull request may call its benchmarks; white space ends a name.
var hostileNames = []string{
	"<script>document.title='x'</script>", "|--|`a`|", "[a](javascript:alert(1))", "@everyone", "#1", "&lt;b&gt;", "\u202egnp.exe", "a\x1b[31mred\x1b]0;x\x07",
	"::error::x", "%0A::add-mask::x", "</details></td></table>", "```", "<!--perfgate-->", "${{secrets.X}}", "$(id)", "';--", strings.Repeat("long", 2000), "\u2066x\u2069", "\xff\xfe", "http://example.com/",
}

// TestHostileNamesEndToEnd judges 5,000 rows whose names try to break out of what they are shown in, and
// renders and publishes the result: everything ends with the verdict's code, in files of bounded size.
func TestHostileNamesEndToEnd(t *testing.T) {
	dir := t.TempDir()
	var base, head strings.Builder
	rows := 5000
	if testing.Short() {
		rows = 300
	}
	for i := range rows {
		name := fmt.Sprintf("BenchmarkH/%s/n=%d", hostileNames[i%len(hostileNames)], i)
		fmt.Fprintf(&base, "%s\t1\t10 rounds/op\n", name)
		rounds := 10 + i%3
		if i < 3*len(hostileNames) {
			rounds *= 2 // each name is among the worst, which are shown first
		}
		fmt.Fprintf(&head, "%s\t1\t%d rounds/op\n", name, rounds)
	}
	for name, text := range map[string]string{
		"b.yaml":   "version: 1\nbudgets:\n  - {id: rounds, match: H, unit: rounds/op, better: lower, class: exact, max_rise: 5%}\n",
		"base.txt": base.String(), "head.txt": head.String(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	output, code, _ := asProgram(t, dir, nil, "judge", "--budgets", "b.yaml", "--base", "base.txt", "--head", "head.txt", "--out", "result.json")
	if code != gate.ExitFail {
		t.Fatalf("judge: exit code %d\n%.2000s", code, output)
	}
	inert(t, "judge", output)
	summary := filepath.Join(dir, "summary.md")
	for _, format := range []string{"markdown", "text", "json", "html", "junit"} {
		output, code, _ := asProgram(t, dir, nil, "report", "--result", "result.json", "--format", format)
		if code != gate.ExitFail {
			t.Errorf("report --format %s: exit code %d\n%.2000s", format, code, output)
		}
		if format == "text" {
			inert(t, format, output)
		}
	}
	env := []string{"GITHUB_ACTIONS=true", "GITHUB_EVENT_NAME=push", "GITHUB_REPOSITORY=o/r", "GITHUB_RUN_ID=1", "GITHUB_STEP_SUMMARY=" + summary, "GITHUB_TOKEN="}
	output, code, _ = asProgram(t, dir, env, "publish", "--result", "result.json")
	if code != gate.ExitFail {
		t.Errorf("publish: exit code %d\n%.2000s", code, output)
	}
	if n := strings.Count(output, "::error "); n == 0 || n > 10 {
		t.Errorf("publish wrote %d annotations, want 1 to 10", n)
	}
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "::") && !strings.HasPrefix(line, "::error file=") && !strings.HasPrefix(line, "::stop-commands") {
			t.Errorf("publish wrote a command of somebody else: %q", line)
		}
	}
	info, err := os.Stat(summary)
	if err != nil || info.Size() == 0 || info.Size() > 1<<20 {
		t.Errorf("the summary has %v bytes (%v), want 1 to 1 MiB", info, err)
	}
}

// inert reports what a terminal would act on.
func inert(t *testing.T, what, output string) {
	t.Helper()
	for _, bad := range []string{"\x1b", "\x07", "\u202e", "\u2066"} {
		if i := strings.Index(output, bad); i >= 0 {
			t.Errorf("%s: %q reaches the terminal in %q", what, bad, output[max(0, i-60):min(len(output), i+20)])
		}
	}
}
