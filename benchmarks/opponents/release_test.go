package opponents

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Releases are builds of one small program: the old one, one in which a constant is another, and one
// that needs a package more.
type releases struct{ old, constant, dependency []byte }

// The program is a server, so that most of a build is the standard library, as in most builds.
const program = `package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	IMPORT
)

const greeting = "GREETING"

func main() {
	USE
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"greeting": greeting, "path": r.URL.Path})
	})
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		fmt.Println(err)
	}
}
`

var built *releases

// build compiles the releases, the same bytes wherever and whenever it does with one version of Go.
func build(tb testing.TB) *releases {
	if built != nil {
		return built
	}
	if _, err := exec.LookPath("go"); err != nil {
		tb.Skip("needs the go command")
	}
	one := func(greeting, path, use string) []byte {
		dir := tb.TempDir()
		source := strings.NewReplacer("GREETING", greeting, "IMPORT", path, "USE", use).Replace(program)
		for name, text := range map[string]string{"main.go": source, "go.mod": "module example.com/server\n\ngo 1.26\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				tb.Fatal(err)
			}
		}
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-buildid=", "-o", "server", ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=", "GOWORK=off", "GOPROXY=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("go build: %v\n%s", err, out)
		}
		b, err := os.ReadFile(filepath.Join(dir, "server"))
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	built = &releases{
		old:        one("hello", "", ""),
		constant:   one("good morning", "", ""),
		dependency: one("hello", `"archive/zip"`, `zip.NewWriter(os.Stdout).Close()`),
	}
	return built
}

// A change is from the old release to a new one.
type change struct {
	name string
	to   func(*releases) []byte
}

var changes = []change{
	{"constant", func(r *releases) []byte { return r.constant }},
	{"dependency", func(r *releases) []byte { return r.dependency }},
}
