package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/gate"
)

func outputsFlag() cli.Flag {
	return &cli.StringFlag{Name: "outputs", Usage: "append the verdict, the exit code and the counts as NAME=VALUE to `FILE`, such as \"$GITHUB_OUTPUT\""}
}

// outputs returns what a later step of a workflow may ask of a result, one NAME=VALUE per line. The values
// are words of ours and numbers: nothing that a result says of itself could begin another line.
func outputs(r gate.Result) string {
	verdict := "not judged"
	switch r.ExitCode {
	case gate.ExitPass:
		verdict = "pass"
	case gate.ExitFail:
		verdict = "fail"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "verdict=%s\nexit-code=%d\n", verdict, r.ExitCode)
	for _, c := range []struct {
		name string
		n    int
	}{
		{"passed", r.Counts.Pass}, {"failed", r.Counts.Fail}, {"inconclusive", r.Counts.Inconclusive}, {"missing", r.Counts.Missing},
		{"waived", r.Counts.Waived}, {"new", r.Counts.New}, {"improved", r.Counts.Improved},
	} {
		fmt.Fprintf(&b, "%s=%d\n", c.name, c.n)
	}
	return b.String()
}

// writeOutputs appends the outputs of a result to a file, which holds those of other commands too.
func writeOutputs(name string, r gate.Result) (err error) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the outputs: %w", err)
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("write the outputs: %w", e)
		}
	}()
	if _, err = f.WriteString(outputs(r)); err != nil {
		return fmt.Errorf("write the outputs: %w", err)
	}
	return nil
}
