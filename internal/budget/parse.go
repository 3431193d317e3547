// Package budget turns budget files into a validated Set. It takes bytes and does no I/O; it neither
// measures nor judges. It is the first stage of a check: package gate reads what it returns.
package budget

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/perf/benchunit"
	"gopkg.in/yaml.v3"
)

// The caps keep a hostile file from costing more than its size, and a report readable.
const (
	maxBytes   = 1 << 20
	maxBudgets = 5000
	maxSuites  = 500
	maxMatch   = 1000 // selectors of one suite
	maxWhy     = 500  // characters
	maxDepth   = 8    // a valid file nests 4 deep
	maxQuote   = 80   // bytes of a file that one problem repeats
)

var (
	slug        = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)
	suiteName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,99}$`)
	nameKey     = regexp.MustCompile(`^[^/=\s]+$`)
	decimal     = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?`)
	parserError = regexp.MustCompile(`^did not find expected (<document start>|node content|'-' indicator|key|',' or)`)
	yamlLine    = regexp.MustCompile(`line ([0-9]+): `)
)

// A Source is one budget file: the name that problems show, and its bytes. One whose last element is
// waivers.yaml or renames.yaml (or ends in .yml) holds waivers or renames instead of budgets.
type Source struct {
	Name string
	Data []byte
}

// Parse reads every source, sorted by name, into one Set. Its error is Problems and holds every
// problem of every file; the Set is empty then.
func Parse(sources []Source) (Set, error) {
	p := &parser{set: Set{Against: "release"}, ids: map[string]Pos{}, names: map[string]Pos{}}
	if len(sources) == 0 {
		p.problems = append(p.problems, Problem{Text: "no budget files", Help: "add a .yaml file with version: 1 and a list of budgets"})
	}
	sources = slices.Clone(sources)
	slices.SortStableFunc(sources, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
	for _, s := range sources {
		p.set.Files = append(p.set.Files, s.Name)
		p.file(s)
	}
	p.set.Digest = digest(sources)
	if len(p.problems) == 0 && len(p.set.Budgets) == 0 {
		p.problems = append(p.problems, Problem{Pos: p.first, Text: "no file has budgets", Help: "add a list of budgets, here or in another file: suites, waivers and renames alone judge nothing"})
	}
	if len(p.problems) > 0 {
		p.problems.Sort()
		return Set{}, p.problems
	}
	return p.set, nil
}

// digest tells sources apart.
func digest(sources []Source) string {
	h := sha256.New()
	for _, s := range sources {
		fmt.Fprintf(h, "%q %d\n", path.Base(s.Name), len(s.Data)) // a hash takes everything
		h.Write(s.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

type parser struct {
	name     string
	set      Set
	ids      map[string]Pos
	names    map[string]Pos // of suites
	problems Problems
	first    Pos // of what the first file declares
}

func (p *parser) pos(n *yaml.Node) Pos { return Pos{p.name, n.Line, n.Column} }

func (p *parser) bad(n *yaml.Node, help, format string, args ...any) {
	p.near(n, "", help, format, args...)
}

func (p *parser) near(n *yaml.Node, near, help, format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = shorten(s)
		}
	}
	p.problems = append(p.problems, Problem{p.pos(n), fmt.Sprintf(format, args...), near, help})
}

func shorten(s string) string {
	if len(s) <= maxQuote {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuote], "") + "..."
}

// A kind of file is known by its name.
type fileKind struct {
	shape shape
	empty string // what to write into an empty one
	read  func(p *parser, root *yaml.Node, m map[string]*yaml.Node)
}

func kindOf(name string) fileKind {
	switch strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".yaml"), ".yml") {
	case "waivers":
		return fileKind{waiversShape, "write version: 1 and a list of waivers, or delete the file with the last one", (*parser).waivers}
	case "renames":
		return fileKind{renamesShape, "write version: 1 and a list of renames, or delete the file with the last one", (*parser).renames}
	}
	return fileKind{fileShape, "write version: 1 and a list of budgets", (*parser).budgets}
}

func (p *parser) file(s Source) {
	p.name = s.Name
	kind := kindOf(s.Name)
	top := &yaml.Node{Line: 1, Column: 1}
	if len(s.Data) > maxBytes {
		p.bad(top, "split it", "file is over 1 MiB")
		return
	}
	if !p.legible(s.Data) {
		return
	}
	dec := yaml.NewDecoder(bytes.NewReader(s.Data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || err == nil && (len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null") {
		p.bad(top, kind.empty, "file is empty")
		return
	} else if err != nil {
		p.syntax(err, bytes.Count(s.Data, []byte("\n"))+1)
		return
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		p.bad(&second, "move it to a file of its own", "a second document in one file")
	} else if !errors.Is(err, io.EOF) {
		p.syntax(err, bytes.Count(s.Data, []byte("\n"))+1)
	}
	root := doc.Content[0]
	if !p.plain(root, 1) {
		return
	}
	m := p.mapping(root, kind.shape.name, kind.shape.names())
	if m == nil {
		return
	}
	if p.first.Line == 0 {
		p.first = p.pos(root)
	}
	if v := m["version"]; v == nil {
		p.bad(root, "write version: 1", "version is missing")
	} else if v.ShortTag() != "!!int" || v.Value != "1" {
		p.bad(v, "write version: 1", "version %q is not known", v.Value)
	}
	kind.read(p, root, m)
}

// policies are what a budget does about a verdict that proves nothing.
type policies struct{ inconclusive, missing Policy }

// budgets reads a file of budgets and suites.
func (p *parser) budgets(root *yaml.Node, m map[string]*yaml.Node) {
	if v := m["suite"]; v != nil {
		p.agree(v, "suite", &p.set.Suite, &p.set.SuitePos)
	}
	policy := policies{Block, Block}
	if d := m["defaults"]; d != nil {
		dm := p.mapping(d, defaultsShape.name, defaultsShape.names())
		if v := dm["against"]; v != nil {
			p.agree(v, "against", &p.set.Against, &p.set.AgainstPos)
			if _, _, err := LastReleases(v.Value); err != nil {
				p.bad(v, "write last-5-releases", "against %q does not say how many releases, from %d to %d", v.Value, minReleases, maxReleases)
			}
		}
		policy = p.policies(dm, policy)
	}
	if fileShape.lacks(m) {
		p.bad(root, "write a list of budgets", "budgets is missing")
		return
	}
	for _, n := range p.list(m["budgets"], "budgets", "write at least one budget as - id: ...") {
		if len(p.set.Budgets) >= maxBudgets {
			p.bad(n, "use wider selectors", "more than %d budgets", maxBudgets)
			return
		}
		p.budget(n, policy)
	}
	for _, n := range p.list(m["suites"], "suites", "write at least one suite as - name: ...") {
		if len(p.set.Suites) >= maxSuites {
			p.bad(n, "use wider selectors", "more than %d suites", maxSuites)
			return
		}
		p.suite(n)
	}
}

// policies reads those that a mapping states; missing ones are as in otherwise.
func (p *parser) policies(m map[string]*yaml.Node, otherwise policies) policies {
	word := func(key string, otherwise Policy) Policy {
		return Policy(p.word(m[key], key, string(otherwise), policyWords...))
	}
	return policies{word("on_inconclusive", otherwise.inconclusive), word("on_missing", otherwise.missing)}
}

// list returns the entries of a list, of which there must be some; nil where there is no list.
func (p *parser) list(n *yaml.Node, what, help string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.bad(n, help, "%s is not a list with entries", what)
		return nil
	}
	return n.Content
}

func (p *parser) syntax(err error, lines int) {
	n := &yaml.Node{Line: 1, Column: 1}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		n.Line, _ = strconv.Atoi(m[1])
		text = strings.Replace(text, m[0], "", 1)
		// The decoder counts lines from 1 in errors of its scanner, from 0 in those of its parser.
		if parserError.MatchString(text) {
			n.Line++
		}
		n.Line = min(n.Line, lines)
	}
	p.bad(n, "indent with spaces and quote special characters", "not valid YAML: %q", text)
}

// legible refuses bytes that are not UTF-8 and characters that an editor or a review does not show,
// in comments too: what a reviewer reads must be what is judged.
func (p *parser) legible(data []byte) bool {
	line, column, ok := 1, 1, true
	text := strings.TrimPrefix(string(data), "\ufeff")
	for i, r := range text {
		at := &yaml.Node{Line: line, Column: column}
		column++
		switch {
		case r == '\n':
			line, column = line+1, 1
		case r == '\t', r == '\r' && strings.HasPrefix(text[i:], "\r\n"):
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			p.bad(at, "save it as UTF-8", "file is not UTF-8")
			return false
		case hidden(r):
			// One a line: a file of nothing else would give a problem for every byte.
			if n := len(p.problems); ok || p.problems[n-1].Pos.Line != line {
				p.bad(at, "remove it", "an invisible or control character %U", r)
			}
			ok = false
		}
	}
	return ok
}

// hidden reports whether a character is invisible or changes the direction of text.
func hidden(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// plain refuses what could make a small file large or its text mislead a reader.
func (p *parser) plain(n *yaml.Node, depth int) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "" || n.ShortTag() == "!!merge":
		p.bad(n, "write the value out", "anchors, aliases and merge keys are not allowed")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		p.bad(n, "write the value alone", "the tag %s is not allowed", n.Tag)
		return false
	case depth > maxDepth:
		p.bad(n, "write budgets as a flat list", "nested more than %d deep", maxDepth)
		return false
	case n.Kind == yaml.ScalarNode && strings.ContainsFunc(n.Value, func(r rune) bool { return hidden(r) && r != '\n' && r != '\t' }):
		// A quoted scalar can hold one as an escape.
		p.bad(n, "remove it", "an invisible or control character in %q", n.Value)
		return false
	}
	ok := true
	for _, c := range n.Content {
		ok = p.plain(c, depth+1) && ok
	}
	return ok
}

func (p *parser) mapping(n *yaml.Node, what string, keys []string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		p.bad(n, "write key: value lines", "%s is not a mapping", what)
		return nil
	}
	m := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if !slices.Contains(keys, k.Value) {
			help := "the keys are " + strings.Join(keys, ", ")
			if what == "file" && (k.Value == "waivers" || k.Value == "renames") {
				help = "write it in a file called " + k.Value + ".yaml among the budget files"
			}
			p.near(k, Nearest(k.Value, keys), help, "unknown key %q in %s", k.Value, what)
			continue
		}
		if m[k.Value] != nil {
			p.bad(k, "keep one", "key %s stands twice in %s", k.Value, what)
			continue
		}
		m[k.Value] = n.Content[i+1]
	}
	return m
}

func (p *parser) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
		p.bad(n, "write a value", "%s is empty or not a single value", what)
		return ""
	}
	return n.Value
}

func (p *parser) agree(n *yaml.Node, what string, value *string, at *Pos) {
	s := p.text(n, what)
	if strings.HasPrefix(s, "-") || strings.ContainsFunc(s, unicode.IsSpace) {
		// It ends up as an argument of go or git, which would take it for an option.
		p.bad(n, "write a plain name or path", "%s %q begins with a dash or has white space", what, s)
		return
	}
	if at.Line != 0 && s != *value {
		p.bad(n, "make them the same", "%s %q differs from %q at %s:%d:%d", what, s, *value, at.File, at.Line, at.Column)
	} else if s != "" && at.Line == 0 {
		*value, *at = s, p.pos(n)
	}
}

func (p *parser) word(n *yaml.Node, what, missing string, words ...string) string {
	if n == nil {
		return missing
	}
	if n.Kind == yaml.ScalarNode && slices.Contains(words, n.Value) {
		return n.Value
	}
	p.near(n, Nearest(n.Value, words), "write "+strings.Join(words, " or "), "%s %q is not known", what, n.Value)
	return missing
}

func (p *parser) budget(n *yaml.Node, policy policies) {
	m := p.mapping(n, budgetShape.name, budgetShape.names())
	if m == nil {
		return
	}
	b := Budget{Pos: p.pos(n)}
	need := func(key string) string {
		if m[key] == nil {
			p.bad(n, "add "+key+": ...", "budget has no %s", key)
			return ""
		}
		return p.text(m[key], key)
	}
	if b.ID = need("id"); b.ID != "" {
		if !slug.MatchString(b.ID) {
			p.bad(m["id"], "use at most 100 of a-z, 0-9, dot, dash and underscore, a letter or digit first", "id %q is not a slug", b.ID)
		}
		if at, used := p.ids[b.ID]; used {
			p.bad(m["id"], "choose another", "id %s is used already at %s:%d:%d", b.ID, at.File, at.Line, at.Column)
		} else {
			p.ids[b.ID] = p.pos(m["id"])
		}
	}
	if s := need("match"); s != "" {
		var err error
		b.MatchPos = p.pos(m["match"])
		if b.Match, err = ParseSelector(s); err != nil {
			p.bad(m["match"], "write Name/key=value/...", "match: %s", err.Error())
		}
	}
	b.UnitText = need("unit")
	if b.UnitText != "" {
		b.UnitPos = p.pos(m["unit"])
		if strings.ContainsFunc(b.UnitText, unicode.IsSpace) {
			p.bad(m["unit"], "write it as the benchmark prints it", "white space in unit %q", b.UnitText)
		}
		_, b.Unit = benchunit.Tidy(1, b.UnitText)
	}
	b.MaxRise, b.MaxDrop = p.relative(m, "max_rise"), p.relative(m, "max_drop")
	b.AtMost, b.AtLeast = p.absolute(m, "at_most", b), p.absolute(m, "at_least", b)
	b.IgnoreBelow = p.absolute(m, "ignore_below", b)
	p.scales(m["scales"], &b)
	rise, drop := m["max_rise"], m["max_drop"]
	if budgetShape.lacks(m) {
		p.bad(n, "add max_rise, max_drop, at_most, at_least or scales", "budget has no limit")
	}
	if rise != nil && drop != nil {
		p.bad(drop, "keep the one that is worse for this unit", "both max_rise and max_drop")
	}
	if m["ignore_below"] != nil && rise == nil && drop == nil {
		p.bad(m["ignore_below"], "remove it or add max_rise or max_drop", "ignore_below without a relative limit")
	}
	if b.AtMost != nil && b.AtLeast != nil && b.AtLeast.Value > b.AtMost.Value {
		p.bad(m["at_least"], "exchange them", "at_least %s is greater than at_most %s", b.AtLeast.Text, b.AtMost.Text)
	}
	b.Better = map[string]Direction{"lower": Lower, "higher": Higher}[p.word(m["better"], "better", "", betterWords...)]
	if m["better"] != nil {
		b.BetterPos = p.pos(m["better"])
	}
	known := map[string]Direction{"sec/op": Lower, "B/op": Lower, "allocs/op": Lower, "B/s": Higher}[b.Unit]
	if known != Unknown && b.Better != Unknown && known != b.Better {
		p.bad(m["better"], "write better: "+known.String(), "%s is better when %s", b.UnitText, known)
	}
	if known == Unknown {
		known = b.Better
	}
	if known == Higher && rise != nil {
		p.bad(rise, "write max_drop", "max_rise on a unit that is better when higher")
	}
	if known == Lower && drop != nil {
		p.bad(drop, "write max_rise", "max_drop on a unit that is better when lower")
	}
	b.Class = Class(p.word(m["class"], "class", "", classWords...))
	if m["class"] != nil {
		b.ClassPos = p.pos(m["class"])
	}
	policy = p.policies(m, policy)
	b.OnInconclusive, b.OnMissing = policy.inconclusive, policy.missing
	b.Why = p.why(m["why"])
	p.set.Budgets = append(p.set.Budgets, b)
}

// why returns a reason, where there is one.
func (p *parser) why(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	p.text(n, "why")
	return p.sentence(n, "why")
}

// sentence returns a reason folded to one line, since it is shown in tables.
func (p *parser) sentence(n *yaml.Node, what string) string {
	s := strings.Join(strings.Fields(n.Value), " ")
	if utf8.RuneCountInString(s) > maxWhy {
		p.bad(n, "shorten it", "%s is over %d characters", what, maxWhy)
	}
	return s
}

func (p *parser) suite(n *yaml.Node) {
	m := p.mapping(n, suiteShape.name, suiteShape.names())
	if m == nil {
		return
	}
	s := Suite{Pos: p.pos(n), Why: p.why(m["why"])}
	if m["name"] == nil {
		p.bad(n, "add name: ...", "suite has no name")
	} else if s.Name = p.text(m["name"], "name"); s.Name != "" {
		if !suiteName.MatchString(s.Name) {
			p.bad(m["name"], "use at most 100 of a-z, 0-9 and dash, a letter or digit first", "name %q is no name of a suite", s.Name)
		}
		if at, used := p.names[s.Name]; used {
			p.bad(m["name"], "choose another, or put the selectors together", "suite %s is declared already at %s:%d:%d", s.Name, at.File, at.Line, at.Column)
		} else {
			p.names[s.Name] = p.pos(m["name"])
		}
	}
	if m["match"] == nil {
		p.bad(n, "add match: [Name/key=value, ...]", "suite has no match")
	}
	seen := map[string]bool{}
	for _, e := range p.list(m["match"], "match", "write selectors as [Name/key=value, ...]") {
		if len(s.Match) >= maxMatch {
			p.bad(e, "use wider selectors", "more than %d selectors in a suite", maxMatch)
			break
		}
		text := p.text(e, "match")
		if text == "" {
			continue
		}
		sel, err := ParseSelector(text)
		if err != nil {
			p.bad(e, "write Name/key=value/...", "match: %s", err.Error())
			continue
		}
		if seen[text] {
			p.bad(e, "keep one", "selector %s stands twice in a suite", text)
		}
		seen[text] = true
		s.Match = append(s.Match, Match{sel, p.pos(e)})
	}
	p.set.Suites = append(p.set.Suites, s)
}

// number splits a leading finite number, zero or more, from its suffix.
func number(s string) (float64, string, bool) {
	d := decimal.FindString(s)
	v, err := strconv.ParseFloat(d, 64)
	return v, s[len(d):], err == nil && v >= 0 && !math.Signbit(v)
}

func (p *parser) relative(m map[string]*yaml.Node, key string) *Limit {
	n := m[key]
	if n == nil {
		return nil
	}
	v, suffix, ok := number(n.Value)
	if !ok || suffix != "%" || key == "max_drop" && v >= 100 {
		p.bad(n, "write a percentage such as 20%, and under 100% for max_drop", "%s %q is not a usable percentage", key, n.Value)
		return nil
	}
	return &Limit{v / 100, n.Value, p.pos(n)}
}

// numerator returns what a unit counts: sec for p99-sec and sec/op, B for wire-B/op.
func numerator(unit string) string {
	u, _, _ := strings.Cut(unit, "/")
	return u[strings.LastIndexByte(u, '-')+1:]
}

// times and sizes hold the suffixes in seconds and bytes. A unit may be named by one of times too:
// benchunit tidies ns alone and leaves p99-ms as it is.
var times = map[string]float64{"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "sec": 1}
var sizes = map[string]float64{"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

func (p *parser) absolute(m map[string]*yaml.Node, key string, b Budget) *Limit {
	n := m[key]
	if n == nil || b.Unit == "" {
		return nil
	}
	v, suffix, ok := number(n.Value)
	factor, help := 1.0, "write a plain number, zero or more"
	switch u, measure := b.Unit, numerator(b.Unit); {
	case times[measure] != 0:
		help = "write 15ns, 15us, 15ms or 15s"
		f, has := times[suffix]
		factor, ok = f/times[measure], ok && has
	case measure == "B":
		help = "write a number of bytes, or 15kB, 15MB, 15KiB, 15MiB"
		if strings.HasSuffix(u, "/s") {
			suffix = strings.TrimSuffix(suffix, "/s")
		}
		f, has := sizes[suffix]
		if b.UnitText != u && suffix == "" {
			// The file says MB/s: a plain number is in that unit, not in the tidied one.
			f, _ = benchunit.Tidy(1, b.UnitText)
		}
		factor, ok = f, ok && has
	default:
		// Tidy may scale a unit of other kinds too.
		factor, _ = benchunit.Tidy(1, b.UnitText)
		ok = ok && suffix == ""
	}
	if !ok || math.IsInf(v*factor, 0) {
		p.bad(n, help, "%s %q is not a value in %s", key, n.Value, b.UnitText)
		return nil
	}
	return &Limit{v * factor, n.Value, p.pos(n)}
}

func (p *parser) scales(n *yaml.Node, b *Budget) {
	if n == nil {
		return
	}
	m := p.mapping(n, scalesShape.name, scalesShape.names())
	if m == nil {
		return
	}
	if m["with"] == nil || m["exponent_at_most"] == nil {
		p.bad(n, "write {with: key, exponent_at_most: 1.1}", "scales needs with and exponent_at_most")
		return
	}
	key := p.text(m["with"], "with")
	if key != "" && !nameKey.MatchString(key) {
		p.bad(m["with"], "write the key alone, such as ops", "with %q is not a key of a benchmark's name", key)
	}
	v, rest, ok := number(m["exponent_at_most"].Value)
	if !ok || rest != "" || v == 0 {
		p.bad(m["exponent_at_most"], "write a number over 0", "exponent_at_most %q is not a positive number", m["exponent_at_most"].Value)
	}
	if b.Match.Fixes(key) {
		p.bad(m["with"], "take it out of match", "match fixes the key %s that scales varies", key)
	}
	b.Scales = &Scales{key, v, p.pos(n)}
}
