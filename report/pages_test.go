package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"

	"github.com/perfgate/perfgate/internal/gate"
)

// picturesKey names a directory for pictures of all pages, to be looked at:
//
//	PERFGATE_PICTURES=/tmp/pictures go test ./report -run Pages
const picturesKey = "PERFGATE_PICTURES"

// A browser shows pages that lie in a directory. It reaches no network.
type browser struct {
	program, dir string
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	return browser{program, t.TempDir()}
}

// run starts the browser on a page and returns what it prints.
func (b browser) run(t *testing.T, page string, width, height int, flags ...string) []byte {
	t.Helper()
	// A browser that hangs is no browser.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1", "--user-data-dir=" + filepath.Join(b.dir, "profile"),
		"--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--no-first-run", fmt.Sprintf("--window-size=%d,%d", width, height),
	}, flags...)
	cmd := exec.CommandContext(ctx, b.program, append(args, "file://"+filepath.Join(b.dir, page))...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium on %s: %v\n%.2000s", page, err, stderr.String())
	}
	return out
}

func (b browser) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A probe is what a page says of itself once it is there.
type probe struct {
	Page                     string
	Title, Wide              string
	Scroll, Inner, Height    int
	Requests, Rows           int
	Hacked                   bool
	FilterHidden, Filterable bool
}

const probeScript = `addEventListener("load", function () {
  var d = document, e = d.scrollingElement, wide = "";
  d.querySelectorAll("body *").forEach(function (x) { if (!wide && x.getBoundingClientRect().right > innerWidth + 1) wide = x.outerHTML.slice(0, 200); });
  var f = d.getElementById("filter"), all = d.getElementById("all"), filterable = false;
  var height = e.scrollHeight;
  d.querySelectorAll("details").forEach(function (x) { x.open = true; });
  var scroll = e.scrollWidth;
  if (f) {
    f.elements.text.value = "no such benchmark";
    f.elements.text.dispatchEvent(new Event("input"));
    filterable = Array.prototype.every.call(all.tBodies[0].rows, function (r) { return r.hidden; });
    f.elements.text.value = "";
    f.elements.text.dispatchEvent(new Event("input"));
  }
  parent.postMessage({ Page: location.pathname.split("/").pop(), Title: d.title, Wide: wide, Scroll: scroll, Inner: innerWidth, Height: height,
    Requests: performance.getEntriesByType("resource").length, Rows: all ? all.tBodies[0].rows.length : 0, Hacked: !!window.hacked, FilterHidden: f ? f.hidden : false, Filterable: filterable }, "*");
});`

// probed returns a page with the probe in it, which the policy of the page lets run.
func probed(page string) string {
	sum := sha256.Sum256([]byte(probeScript))
	page = strings.Replace(page, "script-src '", "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"' '", 1)
	return strings.Replace(page, "</head>", "<script>"+probeScript+"</script></head>", 1)
}

// probe shows pages, by file name, at a width, and returns what each says of itself.
func (b browser) probe(t *testing.T, pages map[string]string, width int) map[string]probe {
	t.Helper()
	frames := `<!DOCTYPE html><meta charset="utf-8"><script>
var got = [];
addEventListener("message", function (e) { got.push(e.data); document.getElementById("out").textContent = JSON.stringify(got); });
</script><pre id="out"></pre>`
	for name, page := range pages {
		b.write(t, name, probed(page))
		frames += fmt.Sprintf(`<iframe src="%s" width="%d" height="800" style="border:0"></iframe>`, name, width)
	}
	b.write(t, "frames.html", frames)
	dom := b.run(t, "frames.html", 1200, 900, "--dump-dom", "--virtual-time-budget=20000")
	m := regexp.MustCompile(`(?s)<pre id="out">(.*?)</pre>`).FindSubmatch(dom)
	if m == nil {
		t.Fatalf("the frames said nothing: %.300s", dom)
	}
	var all []probe
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &all); err != nil {
		t.Fatalf("%v in %.300s", err, m[1])
	}
	out := map[string]probe{}
	for _, p := range all {
		out[p.Page] = p
	}
	for name := range pages {
		if _, ok := out[name]; !ok {
			t.Errorf("%s said nothing", name)
		}
	}
	return out
}

// picture takes a picture of a page and returns it with its file.
func (b browser) picture(t *testing.T, page, name string, width, height int, dark bool) (image.Image, string) {
	t.Helper()
	file := filepath.Join(b.dir, name+".png")
	scheme := "--blink-settings=preferredColorScheme=1"
	if dark {
		scheme = "--blink-settings=preferredColorScheme=0"
	}
	b.run(t, page, width, height, "--screenshot="+file, scheme)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return img, file
}

// comment returns a page that shows Markdown about as a comment on GitHub does.
func comment(t *testing.T, md string) string {
	t.Helper()
	style, err := os.ReadFile("testdata/comment.css")
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	g := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(goldmarkhtml.WithUnsafe()))
	if err := g.Convert([]byte(md), &body); err != nil {
		t.Fatal(err)
	}
	return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>comment</title><style>` + string(style) + `</style></head><body><main>` + body.String() + `</main></body></html>`
}

// An intruder is a name that would run a script wherever it got out of its place.
const intruder = `"'></td></table></style></title></script><script>window.hacked=1;document.title="hacked"</script><img src="x" onerror="window.hacked=1;document.title='hacked'"><svg onload=window.hacked=1>`

// pictured are the results that pages are made of.
func pictured(t *testing.T) map[string]gate.Result {
	out := map[string]gate.Result{"huge": crowd(t, 5000), "intruder": hostile(intruder)}
	for _, name := range names(t) {
		out[name] = load(t, name)
	}
	return out
}

// No page is wider than a telephone, loads anything, or runs what a name holds.
func TestPagesAtNarrowWidth(t *testing.T) {
	b := newBrowser(t)
	pages := map[string]string{}
	for name, r := range pictured(t) {
		pages[name+".html"] = htmlText(t, r)
		// What makes the page safe holds without its policy as well.
		pages[name+"-open.html"] = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(htmlText(t, r), "")
		pages[name+"-comment.html"] = comment(t, markdown(t, r, CommentLimit))
	}
	delete(pages, "huge-open.html")
	for _, width := range []int{375, 860} {
		for name, p := range b.probe(t, pages, width) {
			if p.Inner != width || p.Scroll > p.Inner {
				t.Errorf("%s is %d wide in %d: %s", name, p.Scroll, p.Inner, p.Wide)
			}
			if want := "perfgate: "; p.Hacked || p.Title != "comment" && !strings.HasPrefix(p.Title, want) {
				t.Errorf("%s ran what a name holds: its title is %q", name, p.Title)
			}
			if p.Requests != 0 {
				t.Errorf("%s asked for %d things", name, p.Requests)
			}
			if !strings.HasSuffix(name, "-comment.html") && p.Rows > 0 && (p.FilterHidden || !p.Filterable) {
				t.Errorf("%s cannot be filtered", name)
			}
		}
	}
}

// The policy alone keeps a foreign script from running, were there one.
func TestPagesPolicy(t *testing.T) {
	b := newBrowser(t)
	foreign := `<script>window.hacked=1</script><img src="x.png" onerror="window.hacked=1">`
	page := strings.Replace(htmlText(t, load(t, "pass")), "<main>", "<main>"+foreign, 1)
	open := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAllString(page, "")
	got := b.probe(t, map[string]string{"closed.html": page, "open.html": open}, 860)
	if got["closed.html"].Hacked {
		t.Error("a script ran that the policy forbids")
	}
	if !got["open.html"].Hacked {
		t.Error("without a policy the script does not run either: this test sees nothing")
	}
}

// What is printed has all verdicts, which on the screen are folded away.
func TestPagesInPrint(t *testing.T) {
	b := newBrowser(t)
	pages := func(name, text string) int {
		b.write(t, name+".html", text)
		file := filepath.Join(b.dir, name+".pdf")
		b.run(t, name+".html", 860, 1000, "--print-to-pdf="+file, "--no-pdf-header-footer", "--blink-settings=preferredColorScheme=0")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv(picturesKey); dir != "" {
			keep(t, file, dir)
		}
		return len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(data, -1))
	}
	whole := htmlText(t, load(t, "many"))
	without := regexp.MustCompile(`(?s)<details><summary>All.*?</details>`).ReplaceAllString(whole, "")
	noScript := regexp.MustCompile(`(?s)<script>.*?</script>`).ReplaceAllString(whole, "")
	few, all, plain := pages("many-without", without), pages("many-print", whole), pages("many-noscript", noScript)
	if few < 2 || all < few+3 || plain != all {
		t.Errorf("%d pages, without the table of all %d, without the script %d", all, few, plain)
	}
}

// keep copies a file into a directory.
func keep(t *testing.T, file, dir string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Pages show something, by light and by dark. With a directory for pictures, those of every result are
// left there.
func TestPagesPictures(t *testing.T) {
	b := newBrowser(t)
	dir := os.Getenv(picturesKey)
	results := pictured(t)
	wanted := []string{"fail"}
	if dir != "" {
		wanted = []string{"pass", "fail", "inconclusive", "missing", "waived", "improved", "growth", "huge", "hostile", "intruder", "many", "part", "beyond"}
	}
	pages := map[string]string{}
	for _, name := range wanted {
		r := results[name]
		pages[name+"-page.html"], pages[name+"-comment.html"] = htmlText(t, r), comment(t, markdown(t, r, CommentLimit))
	}
	for _, width := range []int{860, 375} {
		said := b.probe(t, pages, width)
		for file := range pages {
			// The page as it is, no taller than can be looked at.
			b.write(t, file, pages[file])
			height := min(max(said[file].Height, 400), 3000)
			for _, dark := range []bool{false, true} {
				name := fmt.Sprintf("%s-%d-light", strings.TrimSuffix(file, ".html"), width)
				if dark {
					name = strings.Replace(name, "light", "dark", 1)
				}
				if dark && width == 375 {
					continue
				}
				img, at := b.picture(t, file, name, width, height, dark)
				colours, mean := look(img)
				if img.Bounds().Dx() != width || colours < 30 || dark != (mean < .5) {
					t.Errorf("%s: %v, %d colours, mean lightness %.2f", name, img.Bounds(), colours, mean)
				}
				if dir != "" {
					keep(t, at, dir)
				}
			}
		}
	}
}

// look returns how many colours a picture has, and how light it is, from 0 to 1.
func look(img image.Image) (colours int, mean float64) {
	seen := map[[3]uint32]bool{}
	sum, n := 0.0, 0
	r := img.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			red, green, blue, _ := img.At(x, y).RGBA()
			seen[[3]uint32{red, green, blue}] = true
			sum += float64(red+green+blue) / (3 * 65535)
			n++
		}
	}
	return len(seen), sum / float64(n)
}
