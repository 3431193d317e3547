package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/perfgate/perfgate/internal/gate"
	"github.com/perfgate/perfgate/internal/measure"
	"github.com/perfgate/perfgate/internal/sample"
)

const (
	shardFlagName  = "shard"
	shardsFlagName = "shards"
)

func shardFlag() cli.Flag {
	return &cli.StringFlag{Name: shardFlagName, Usage: "measure only part `I/N` of the benchmarks, counted from 1; perfgate judge --shards judges them all"}
}

func shardsFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: shardsFlagName, Usage: "judge the shards below `DIR`, instead of two files; may be given more than once"}
}

// divide reads the flag --shard.
func (k *checker) divide(c *cli.Context) error {
	if !c.IsSet(shardFlagName) {
		return nil
	}
	var err error
	if k.shard, err = gate.ParseShard(c.String(shardFlagName)); err != nil {
		return misuse("--shard: %w", err)
	}
	for _, name := range []string{"profile", "allow-no-base"} {
		if c.Bool(name) {
			return misuse("--%s is about what is judged, and a shard judges nothing: leave it out", name)
		}
	}
	var words []string
	for _, name := range []string{"quick", "pairs", "layouts", "run-time", "cpu"} {
		if v := c.Value(name); v != nil {
			words = append(words, fmt.Sprintf("%s=%v", name, v))
		}
	}
	k.options = c.Command.Name + " " + strings.Join(words, " ")
	return nil
}

// share returns the functions of the shard out of all that are to be measured, and has the samples say
// which shard they are.
func (k *checker) share(wanted []string, base texts) []string {
	var functions, mine []string
	for _, f := range wanted {
		functions = append(functions, strings.TrimPrefix(f, "Benchmark"))
	}
	in := gate.Assign(functions, k.shard.Of)
	k.part = []string{}
	for i, f := range functions {
		if in[i] == k.shard.Number {
			k.part, mine = append(k.part, f), append(mine, wanted[i])
		}
	}
	h := k.header(base)
	h.Functions, h.In = functions, in
	k.session.Environment = append(k.session.Environment, h.Provenance()...)
	k.show.line("shard %v: %d of %d benchmark functions", k.shard, len(mine), len(wanted))
	return mine
}

// header is what the samples of the shard say of themselves.
func (k *checker) header(base texts) gate.ShardHeader {
	h := gate.ShardHeader{Shard: k.shard, Budgets: k.budgets.Digest, IDs: k.only.ids, Options: k.options}
	for _, s := range k.suites {
		h.Suites = append(h.Suites, s.Name)
	}
	switch {
	case base.base != nil:
		h.BaseFile = digestOf(base.base)
	case k.session.Base == nil:
		h.NoBase = base.none
	}
	if k.stored != nil {
		h.Baseline = digestOf(k.storedText)
	}
	return h
}

// unbuilt is the provenance of a head that does not build.
func (k *checker) unbuilt(v measure.Version, base texts) [][2]string {
	if base.none == "" {
		base.none = "the benchmarks of head do not build"
	}
	commit := v.Commit
	if commit != "" && v.Dirty {
		commit += "+dirty"
	}
	return append(k.header(base).Provenance(), [2]string{"kind", "measured"}, [2]string{"ref", v.Ref}, [2]string{"commit", commit})
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// tellShard says that nothing is judged yet.
func (k *checker) tellShard() {
	k.show.line("this is shard %v; perfgate judge --shards DIR judges all of them together", k.shard)
}

// leave writes the samples of a shard and judges nothing. What failed in them is for the judgement of all to
// tell: only where nothing could be measured at all this is no success.
func (k *checker) leave(t texts) error {
	if err := k.writeSamples(t); err != nil {
		return err
	}
	head, err := parseSamples(filepath.Join(k.out, headFile), t.head)
	if err != nil {
		return err
	}
	k.show.line("wrote the samples of %s to %s", plural(len(head.Benchmarks), "benchmark"), k.out)
	if len(k.part) > 0 || len(head.Failures) > 0 {
		for _, text := range gate.Unmeasured(k.input(nil, head, runNoBase, true)) {
			k.show.line("not measured: %s", text)
		}
	}
	k.tellShard()
	if k.session.Head == nil {
		return ended(gate.ExitNotJudged)
	}
	return nil
}

// judgeShards judges all shards as one.
func judgeShards(c *cli.Context, s Streams) error {
	for _, flag := range []string{"head", "base", "baseline"} {
		if c.IsSet(flag) {
			return misuse("--%s and --shards both say what is judged: give one of them", flag)
		}
	}
	today, err := todayOr(c.String("today"))
	if err != nil {
		return err
	}
	set, suites, part, err := readPart(c)
	if err != nil {
		return err
	}
	var dirs []string
	for _, dir := range c.StringSlice(shardsFlagName) {
		found, err := shardDirs(dir)
		if err != nil {
			return err
		}
		dirs = append(dirs, found...)
	}
	var shards []gate.ShardSamples
	for _, dir := range dirs {
		shard, err := readShard(dir)
		if err != nil {
			return err
		}
		shards = append(shards, shard)
	}
	in := judgeInput(set, suites, nil, nil, "", c.Bool("allow-no-base"))
	in.Today = today
	in.IDs, in.Declared = part.ids, part.declared
	in, err = gate.MergeShards(in, shards)
	if err != nil {
		return misuse("merge the shards: %w", err)
	}
	result, err := judge(withRecorded(in))
	if err != nil {
		return err
	}
	return deliver(s, result, c.String("out"))
}

// shardDirs lists the directories from dir on that have samples of head, in order.
func shardDirs(dir string) ([]string, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, misuse("--shards: %w", err)
	} else if !info.IsDir() {
		return nil, misuse("--shards %s is no directory", dir)
	}
	var out []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == headFile && !d.IsDir() {
			out = append(out, filepath.Dir(name))
		}
		return err
	})
	if err != nil {
		return nil, notJudged(fmt.Errorf("look for shards: %w", err))
	}
	return out, nil
}

// readShard reads what a shard left in a directory.
func readShard(dir string) (gate.ShardSamples, error) {
	out := gate.ShardSamples{Name: filepath.ToSlash(dir)}
	for _, f := range []struct {
		name   string
		set    **sample.Set
		digest *string
	}{{headFile, &out.Head, &out.HeadDigest}, {baseFile, &out.Base, &out.BaseDigest}, {storedFile, &out.Baseline, &out.BaselineDigest}} {
		name := filepath.Join(dir, f.name)
		file, err := openFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return out, notJudged(fmt.Errorf("read a shard: %w", err))
		}
		h := sha256.New()
		*f.set, err = sample.Read(io.TeeReader(file, h), filepath.ToSlash(name))
		_ = file.Close()
		if err != nil {
			return out, notJudged(fmt.Errorf("read %s: %w", name, err))
		}
		*f.digest = hex.EncodeToString(h.Sum(nil))
	}
	return out, nil
}
