package budget

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/perf/benchunit"
	"gopkg.in/yaml.v3"
)

// A Waiver is a reviewed permission for a benchmark to be beyond its limits in one unit, up to a
// ceiling and for a time. It stands in a file called waivers.yaml among the budget files.
type Waiver struct {
	Pos Pos

	Match    Selector
	MatchPos Pos

	// Unit is tidied as that of a Budget is; UnitText is what the file says.
	Unit     string
	UnitText string
	UnitPos  Pos

	// Ceiling is a fraction by which head may be worse than base where Relative is true, and a value in
	// the tidied unit otherwise.
	Ceiling  Limit
	Relative bool

	// Until is the last day on which the waiver holds, as 2026-12-31.
	Until    string
	UntilPos Pos

	// Reason is one line of at most 500 characters, and Link an https URL; neither is empty.
	Reason string
	Link   string
}

// Waiver returns the first waiver for a benchmark, named as Selector.Match takes it, in a tidied unit;
// nil where there is none.
func (s Set) Waiver(name, unit string) *Waiver {
	for i := range s.Waivers {
		if w := &s.Waivers[i]; w.Unit == unit && w.Match.Match(name) {
			return w
		}
	}
	return nil
}

var httpsURL = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?#@!$&*+,;=%-]*)?$`)

const (
	maxWaivers = 1000
	maxLink    = 300 // characters
)

// waivers reads a file of waivers.
func (p *parser) waivers(root *yaml.Node, m map[string]*yaml.Node) {
	if m["waivers"] == nil {
		p.bad(root, "write a list of waivers, or delete the file with the last one", "waivers is missing")
		return
	}
	for _, n := range p.list(m["waivers"], "waivers", "write at least one waiver as - benchmark: ..., or delete the file with the last one") {
		if len(p.set.Waivers) >= maxWaivers {
			p.bad(n, "raise the limits instead", "more than %d waivers", maxWaivers)
			return
		}
		p.waiver(n)
	}
}

func (p *parser) waiver(n *yaml.Node) {
	m := p.mapping(n, waiverShape.name, waiverShape.names())
	if m == nil {
		return
	}
	w := Waiver{Pos: p.pos(n)}
	text := map[string]string{}
	for _, key := range waiverShape.names() {
		if m[key] == nil {
			p.bad(n, "add "+key+": ...", "waiver has no %s", key)
			continue
		}
		text[key] = p.text(m[key], key)
	}
	if s := text["benchmark"]; s != "" {
		var err error
		w.MatchPos = p.pos(m["benchmark"])
		if w.Match, err = ParseSelector(s); err != nil {
			p.bad(m["benchmark"], "write Name/key=value/...", "benchmark: %s", err.Error())
		}
	}
	if w.UnitText = text["unit"]; w.UnitText != "" {
		w.UnitPos = p.pos(m["unit"])
		if strings.ContainsFunc(w.UnitText, unicode.IsSpace) {
			p.bad(m["unit"], "write it as the benchmark prints it", "white space in unit %q", w.UnitText)
		}
		_, w.Unit = benchunit.Tidy(1, w.UnitText)
	}
	if s := text["ceiling"]; s != "" {
		p.ceiling(m, &w)
	}
	if s := text["until"]; s != "" {
		w.Until, w.UntilPos = s, p.pos(m["until"])
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			p.bad(m["until"], "write the last day on which it holds as YEAR-MM-DD, such as 2026-12-31", "until %q is not a day", s)
		}
	}
	if m["reason"] != nil {
		w.Reason = p.sentence(m["reason"], "reason")
	}
	if s := text["link"]; s != "" {
		w.Link = s
		if !httpsURL.MatchString(s) || utf8.RuneCountInString(s) > maxLink {
			p.bad(m["link"], "write where it was agreed, as https://HOST/PATH of at most 300 characters", "link %q is not an https URL", s)
		}
	}
	for i := range p.set.Waivers {
		if o := &p.set.Waivers[i]; w.Unit != "" && o.Unit == w.Unit && w.Match.Name != "" && o.Match.Text == w.Match.Text {
			p.bad(n, "keep one", "%s %s is waived already at %s:%d:%d", w.Match.Text, w.UnitText, o.Pos.File, o.Pos.Line, o.Pos.Column)
		}
	}
	p.set.Waivers = append(p.set.Waivers, w)
}

// ceiling reads a percentage or a value in the unit.
func (p *parser) ceiling(m map[string]*yaml.Node, w *Waiver) {
	var l *Limit
	if w.Relative = strings.HasSuffix(m["ceiling"].Value, "%"); w.Relative {
		l = p.relative(m, "ceiling")
	} else if l = p.absolute(m, "ceiling", Budget{Unit: w.Unit, UnitText: w.UnitText}); l == nil && w.Unit != "" {
		p.problems[len(p.problems)-1].Help += ", or a percentage of change such as 25%"
	}
	if l != nil {
		w.Ceiling = *l
	}
}
