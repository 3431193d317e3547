// Command perfgate is a performance-regression gate for Go projects.
//
// It wires the process's streams, arguments and signals to package cli, which does the work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/perfgate/perfgate/internal/cli"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: stop restores the default once the first has come.
	context.AfterFunc(ctx, stop)
	return cli.Main(ctx, os.Args, cli.Streams{Out: os.Stdout, Err: os.Stderr, Terminal: isTerminal(os.Stderr), Colour: isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == ""})
}

// isTerminal reports whether progress may rewrite its line.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "" && os.Getenv("TERM") != "dumb" && os.Getenv("CI") == ""
}
