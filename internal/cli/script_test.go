package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary serve as perfgate in the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"perfgate": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(Main(ctx, os.Args, Streams{Out: os.Stdout, Err: os.Stderr}))
		},
	})
}

// TestScripts runs the stories in testdata/script. Beyond the usual commands they have:
//
//	exits N PROG ARGS   run, and require exit code N
//	repo DIR            make DIR a git repository whose files are its first commit
//	commit DIR          commit what changed
//	waitfile FILE       wait until FILE is there
//	waitfail PROG ARGS  run again and again until it fails
//	sub FILE OLD NEW    replace text that must be in the file
//	module DIR M@V      make DIR a copy of version V of the public module M, or skip the story
func TestScripts(t *testing.T) {
	for _, prog := range []string{"git", "go"} {
		if _, err := exec.LookPath(prog); err != nil {
			t.Skip("needs " + prog)
		}
	}
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOTOOLCHAIN").Output()
	if err != nil {
		t.Fatal(err)
	}
	recordings, err := filepath.Abs("../replay/testdata")
	if err != nil {
		t.Fatal(err)
	}
	goenv := strings.Split(strings.TrimSpace(string(out)), "\n")
	git := func(ts *testscript.TestScript, dir string, args ...string) {
		args = append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)
		ts.Check(ts.Exec("git", args...))
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values["t"] = env.T()
			env.Setenv("RECORDINGS", recordings)
			env.Setenv("NEXTWEEK", day(time.Now().AddDate(0, 0, 7))) // for what has to hold today
			env.Setenv("GOCACHE", goenv[0])
			env.Setenv("GOMODCACHE", goenv[1])
			env.Setenv("GOTOOLCHAIN", goenv[2])
			env.Setenv("GOFLAGS", "-mod=mod")
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits N prog args...")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				got := 0
				if err := ts.Exec(args[1], args[2:]...); err != nil {
					var ee *exec.ExitError
					if !errors.As(err, &ee) {
						ts.Fatalf("%v", err)
					}
					got = ee.ExitCode()
				}
				if got != want {
					ts.Fatalf("exit code %d, want %d", got, want)
				}
			},
			"repo": func(ts *testscript.TestScript, _ bool, args []string) {
				git(ts, args[0], "init", "--quiet", "--initial-branch=main")
				git(ts, args[0], "add", "-A")
				git(ts, args[0], "commit", "--quiet", "-m", "first")
			},
			"commit": func(ts *testscript.TestScript, _ bool, args []string) {
				git(ts, args[0], "add", "-A")
				git(ts, args[0], "commit", "--quiet", "--allow-empty", "-m", "next")
			},
			"waitfile": func(ts *testscript.TestScript, _ bool, args []string) {
				name := ts.MkAbs(args[0])
				for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
					if _, err := os.Stat(name); err == nil {
						return
					}
					if time.Now().After(deadline) {
						ts.Fatalf("%s did not appear", args[0])
					}
				}
			},
			"waitfail": func(ts *testscript.TestScript, _ bool, args []string) {
				for deadline := time.Now().Add(2 * time.Minute); ts.Exec(args[0], args[1:]...) == nil; time.Sleep(100 * time.Millisecond) {
					if time.Now().After(deadline) {
						ts.Fatalf("%v still succeeds", args)
					}
				}
			},
			"module": func(ts *testscript.TestScript, _ bool, args []string) {
				if err := copyModule(ts.MkAbs(args[0]), args[1]); err != nil {
					ts.Value("t").(testscript.T).Skip("needs " + args[1] + ": " + err.Error())
				}
			},
			"sub": func(ts *testscript.TestScript, _ bool, args []string) {
				name := ts.MkAbs(args[0])
				data, err := os.ReadFile(name)
				ts.Check(err)
				if !strings.Contains(string(data), args[1]) {
					ts.Fatalf("%s does not contain %q", args[0], args[1])
				}
				ts.Check(os.WriteFile(name, []byte(strings.ReplaceAll(string(data), args[1], args[2])), 0o644))
			},
		},
	})
}

// copyModule makes a directory a copy of a version of a public module, which comes from the cache of modules or
// as the go command is told to fetch them here.
func copyModule(dir, module string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = filepath.Dir(dir) // in no module
	var got struct{ Dir, Error string }
	out, err := cmd.Output()
	if err := json.Unmarshal(out, &got); err == nil && got.Error != "" {
		return errors.New(got.Error)
	}
	if err != nil {
		return err
	}
	return os.CopyFS(dir, os.DirFS(got.Dir))
}

// A file that is being written is seen whole or not at all.
func TestWriteFileLeavesWholeFiles(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	if err := writeFile(name, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(filepath.Join(dir, "no", "f"), []byte("x")); err == nil {
		t.Error("a missing directory is no error")
	}
	// The target cannot be replaced: what was written for it must go, and what stands stay.
	if err := os.MkdirAll(filepath.Join(dir, "d", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(filepath.Join(dir, "d"), []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	if err := writeFile(name, []byte("new")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(name)
	if len(entries) != 2 || string(data) != "new" {
		t.Errorf("%d entries, content %q", len(entries), data)
	}
}
