package budget

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Rename says that a benchmark of base has another name in head, and with it all of its
// sub-benchmarks. It stands in a file called renames.yaml among the budget files.
type Rename struct {
	Pos     Pos
	From    string // in base: a function without the word Benchmark, with or without parts
	FromPos Pos
	To      string // in head
	ToPos   Pos
}

// Name returns what a benchmark of base is called in head, and whether the rename is about it.
func (r Rename) Name(base string) (head string, ok bool) {
	// The new name may be a part of the old one: Sync became Sync/mode=all. What has it already stays.
	if !within(base, r.From) || within(r.To, r.From) && within(base, r.To) {
		return base, false
	}
	return r.To + base[len(r.From):], true
}

// within reports whether a benchmark is the named one or a sub-benchmark of it.
func within(name, of string) bool { return name == of || strings.HasPrefix(name, of+"/") }

const maxRenames = 1000

// renames reads a file of renames.
func (p *parser) renames(root *yaml.Node, m map[string]*yaml.Node) {
	if m["renames"] == nil {
		p.bad(root, "write a list of renames, or delete the file with the last one", "renames is missing")
		return
	}
	for _, n := range p.list(m["renames"], "renames", "write at least one rename as - {from: Old, to: New}, or delete the file with the last one") {
		if len(p.set.Renames) >= maxRenames {
			p.bad(n, "rename the function, which renames all below it", "more than %d renames", maxRenames)
			return
		}
		p.rename(n)
	}
}

func (p *parser) rename(n *yaml.Node) {
	m := p.mapping(n, renameShape.name, renameShape.names())
	if m == nil {
		return
	}
	r := Rename{Pos: p.pos(n)}
	for _, side := range []struct {
		key  string
		name *string
		pos  *Pos
	}{{"from", &r.From, &r.FromPos}, {"to", &r.To, &r.ToPos}} {
		if m[side.key] == nil {
			p.bad(n, "add "+side.key+": ...", "rename has no %s", side.key)
			continue
		}
		s := p.text(m[side.key], side.key)
		if s == "" {
			continue
		}
		*side.name, *side.pos = strings.TrimPrefix(s, "Benchmark"), p.pos(m[side.key])
		if err := benchmarkName(*side.name); err != nil {
			p.bad(m[side.key], "write the name of a benchmark, whole or from the function on: Name/key=value", "%s: %s", side.key, err.Error())
			*side.name = ""
		}
	}
	if r.From == "" || r.To == "" {
		return
	}
	if r.From == r.To {
		p.bad(m["to"], "write the name that it has in head", "from and to are the same")
		return
	}
	for _, o := range p.set.Renames {
		at := fmt.Sprintf("%s:%d:%d", o.Pos.File, o.Pos.Line, o.Pos.Column)
		switch {
		case within(r.From, o.From) || within(o.From, r.From):
			p.bad(m["from"], "keep one: a rename holds for all sub-benchmarks", "from %s is renamed already at %s", r.From, at)
		case r.To == o.To:
			p.bad(m["to"], "two benchmarks cannot become one: keep the one that is its past", "to %s is what %s renames to", r.To, at)
		case within(r.From, o.To) || within(o.To, r.From):
			p.bad(m["from"], "write one rename from the name in base to the name in head", "from %s is what %s renames to: renames are not followed from one to the next", r.From, at)
		case within(r.To, o.From) || within(o.From, r.To):
			p.bad(m["to"], "write one rename from the name in base to the name in head", "to %s is what %s renames from: renames are not followed from one to the next", r.To, at)
		}
	}
	p.set.Renames = append(p.set.Renames, r)
}

// benchmarkName says what keeps a text from being the name of a benchmark.
func benchmarkName(s string) error {
	if len(s) > maxSelector {
		return fmt.Errorf("longer than %d bytes", maxSelector)
	}
	if strings.ContainsAny(s, " \t\r\n") {
		return fmt.Errorf("white space in %q", s)
	}
	for _, part := range strings.Split(s, "/") {
		if part == "" {
			return fmt.Errorf("an empty part in %q", s)
		}
	}
	return nil
}
