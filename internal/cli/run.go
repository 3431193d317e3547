package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/sample"
)

func runCommand(s Streams) *cli.Command {
	out := filepath.Join(outDir, headFile)
	return &cli.Command{
		Name:  "run",
		Usage: "measure head alone and write its samples; nothing is compared or judged",
		Flags: append([]cli.Flag{
			budgetsFlag(),
			suiteFlag(),
			quickFlag(),
			&cli.StringFlag{Name: "out", Value: out, Usage: "`FILE` for the samples"},
			shardFlag(),
			verboseFlag(),
		}, aloneFlags()...),
		Action: func(c *cli.Context) error {
			k, err := newChecker(c, s, outDir)
			if err != nil {
				return err
			}
			k.alone = true
			if k.budgets, k.suites, err = readSet(c); err != nil {
				return err
			}
			if err := k.divide(c); err != nil {
				return err
			}
			out := filepath.Clean(c.String("out"))
			if c.IsSet("out") {
				k.out, err = filepath.Dir(out), ready(out)
			} else {
				err = prepareOut(k.out)
			}
			if err != nil {
				return err
			}
			return k.run(c.Context, out)
		},
	}
}

// ready makes sure before anything is measured that a file can be written at its end. What is there
// stays until then.
func ready(out string) error {
	if err := makeOut(filepath.Dir(out)); err != nil {
		return err
	}
	if info, err := os.Stat(out); err == nil && !info.Mode().IsRegular() {
		return misuse("--out %s is no regular file; name one for the samples", out)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return misuse("--out: %w; name another file for the samples", err)
	}
	return nil
}

// run measures head, writes its samples and says what of the declared set is not among them.
func (k *checker) run(ctx context.Context, out string) error {
	w, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	head, _, err := k.headAlone(ctx, w, out)
	if err != nil {
		return err
	}
	sure := ""
	if head.Confidence != "" {
		sure = fmt.Sprintf("; confidence %s: no baseline", head.Confidence)
	}
	k.show.line("wrote the samples of %s to %s%s", plural(len(head.Benchmarks), "benchmark"), out, sure)
	missing := gate.Unmeasured(k.input(nil, head, runNoBase, true))
	if k.shard.Of > 0 {
		k.tellShard()
	}
	for _, text := range missing {
		k.show.line("not measured: %s", text)
	}
	if len(missing) > 0 {
		return ended(gate.ExitNotJudged)
	}
	return nil
}

const runNoBase = "run compares nothing"

// headAlone measures head with no base and writes its samples.
func (k *checker) headAlone(ctx context.Context, w *world, out string) (*sample.Set, []byte, error) {
	t, err := k.measure(ctx, w.repo, w.head, baseSource{none: runNoBase}, w.tmp)
	if err != nil {
		return nil, nil, interruptedOr(ctx, err)
	}
	if err := writeFile(out, t.head); err != nil {
		return nil, nil, notJudged(err)
	}
	head, err := parseSamples(out, t.head)
	return head, t.head, err
}
