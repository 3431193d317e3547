package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perfgate/perfgate/internal/baseline"
)

// recordHistory writes a store of a small history: times that rise at a release, a machine that changes now and
// then, an exact unit, a growth, and names that would run something if they could.
func recordHistory(t *testing.T, dir string, benchmarks, releases int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	store := baseline.Dir{Path: dir}
	for i := range releases {
		var b strings.Builder
		fmt.Fprintf(&b, "# perfgate-samples: 1\n# kind: measured\n# commit-time: 2025-%02d-10T10:00:00Z\n# go: go1.26.%d\ngoos: linux\ncpu: machine-%d\nUnit steps/op better=lower assume=exact\n", 1+i%12, i, i%5/4)
		lines := 0
		for k := range benchmarks {
			for range 6 {
				factor := math.Exp(0.01*r.NormFloat64()) * (1 + 0.2*float64(k%2*min(2*i/releases, 1)))
				fmt.Fprintf(&b, "BenchmarkSync/ops=%d/part=%d 1 %.2f ns/op %d steps/op\n", 100*(1+k%4), k/4, 1e5*float64(1+k%4)*factor, 5+k%3+3*i/releases)
				lines++
			}
		}
		fmt.Fprintf(&b, "BenchmarkEvil/a=</script><script>document.title='owned'</script>/b=<img/src=x/onerror=document.title='owned'> 1 100 ns/op 5 steps/op\n# end: %d\n", lines+1)
		name := fmt.Sprintf("v1.%d.0", i)
		if i == releases/2 {
			name = "v1.<svg/onload=document.title='owned'>"
		}
		text, err := baseline.Make(name, time.Date(2025, 1, 1+i, 0, 0, 0, 0, time.UTC), "", []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Write(context.Background(), name, text, false); err != nil {
			t.Fatal(err)
		}
	}
}

// frame is a page that shows another in a frame of so many pixels, since the window of a browser cannot be
// as narrow as a telephone, and has the answer of the probe as its title.
const frame = `<!doctype html><title>no answer</title><script>addEventListener("message", (e) => document.title = e.data)</script><iframe src="page.html" width="%d" height="%d"></iframe>`

// probe is a script that tells what there is to see in the page.
const probe = `let errors = 0;
addEventListener("error", () => errors++);
addEventListener("securitypolicyviolation", () => errors++);
addEventListener("load", () => setTimeout(() => {
	const painted = [...document.querySelectorAll("canvas")].filter((c) => c.width > 0 && new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer).some((p) => p !== 0));
	const wide = [...document.querySelectorAll("canvas")].filter((c) => c.getBoundingClientRect().right > innerWidth);
	parent.postMessage(["probe", document.title.startsWith("History of benchmarks"), errors, innerWidth, document.documentElement.scrollWidth, painted.length, document.querySelectorAll("canvas").length, wide.length, document.querySelectorAll("figure").length].join(" "), "*");
}, 2000));`

// The page is opened in a browser without a network: it draws its charts, breaks none of its own rules,
// fits a narrow screen, and runs nothing that a name holds.
func TestTrendPageInBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	dir := t.TempDir()
	budgets := filepath.Join(dir, "b.yaml")
	if err := os.WriteFile(budgets, []byte("version: 1\nbudgets:\n  - {id: sync, match: Sync, unit: ns/op, max_rise: 10%, at_most: 1ms}\n  - {id: grow, match: Sync/part=0, unit: ns/op, scales: {with: ops, exponent_at_most: 1.2}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	recordHistory(t, filepath.Join(dir, "keep"), 8, 20)
	page := filepath.Join(dir, "page.html")
	var stderr bytes.Buffer
	if code := Main(t.Context(), []string{"perfgate", "trend", "--store", "dir:" + filepath.Join(dir, "keep"), "--by-time", "--budgets", budgets, "--format", "html", "--out", page}, Streams{Out: &stderr, Err: &stderr}); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	// The probe is allowed beside the page's own scripts, by its hash as these are.
	sum := sha256.Sum256([]byte(probe))
	probed := strings.Replace(string(text), "script-src ", "script-src "+html.EscapeString("'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"' "), 1)
	probed = strings.Replace(probed, "<title>", "<script>"+probe+"</script><title>", 1)
	if err := os.WriteFile(page, []byte(probed), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{375, 9000}, {1200, 4000}} {
		framed := filepath.Join(dir, "frame.html")
		if err := os.WriteFile(framed, fmt.Appendf(nil, frame, size[0], size[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--user-data-dir="+filepath.Join(dir, "profile"),
			"--host-resolver-rules=MAP * ~NOTFOUND", fmt.Sprintf("--window-size=%d,%d", size[0]+300, size[1]+100), "--virtual-time-budget=60000", "--dump-dom", "file://"+framed)
		dom, err := cmd.Output()
		cancel()
		if err != nil {
			t.Fatalf("%v: %v", size, err)
		}
		m := regexp.MustCompile(`<title>probe (true|false) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)</title>`).FindSubmatch(dom)
		if m == nil {
			t.Fatalf("%v: the page did not answer: %s", size, regexp.MustCompile(`<title>.*</title>`).Find(dom))
		}
		var n [9]int
		for i := 2; i < len(m); i++ {
			n[i], _ = strconv.Atoi(string(m[i]))
		}
		t.Logf("%v: own title %s, %d errors, %d pixels wide of %d, %d of %d charts painted in %d figures", size, m[1], n[2], n[4], n[3], n[5], n[6], n[8])
		if string(m[1]) != "true" || n[2] != 0 {
			t.Errorf("%v: own title %s, %d errors", size, m[1], n[2])
		}
		if n[3] != size[0] || n[4] > n[3] || n[7] > 0 {
			t.Errorf("%v: the page is %d pixels wide of %d, and %d charts go beyond", size, n[4], n[3], n[7])
		}
		if n[6] < 10 || n[5] != n[6] {
			t.Errorf("%v: %d of %d charts are painted", size, n[5], n[6])
		}
	}
}
