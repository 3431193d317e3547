package budget

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Draft is a budget file that is yet to be written.
type Draft struct {
	// Comment is what stands at the top, Left what stands at the end; one line each, without the mark of a
	// comment.
	Comment, Left []string
	// Suite and Against are those of a Set; empty is left out.
	Suite, Against string
	// AgainstComment stands above Against.
	AgainstComment []string
	Sections       []Section
}

// A Section is budgets of a Draft under one comment.
type Section struct {
	Comment []string
	Budgets []Budget
}

// Bytes returns the text of the file, of which Parse makes the same budgets. Budgets that Parse could not
// have returned, such as two under one ID, make a text that it refuses.
func (d Draft) Bytes() []byte {
	var w writer
	w.comment("", d.Comment)
	w.line("version: 1")
	if d.Suite != "" {
		w.line("suite: " + Scalar(d.Suite))
	}
	if d.Against != "" {
		w.line("defaults:")
		w.comment("  ", d.AgainstComment)
		w.line("  against: " + Scalar(d.Against))
	}
	w.line("budgets:")
	for i, s := range d.Sections {
		if i > 0 {
			w.line("")
		}
		w.comment("  ", s.Comment)
		for _, b := range s.Budgets {
			w.budget(b)
		}
	}
	if len(d.Left) > 0 {
		w.line("")
		w.comment("", d.Left)
	}
	return w.b.Bytes()
}

type writer struct{ b bytes.Buffer }

func (w *writer) line(s string) { w.b.WriteString(s + "\n") }

// comment writes lines that end where they seem to: a character that ends a line, or that no reader sees,
// is a space.
func (w *writer) comment(indent string, lines []string) {
	for _, s := range lines {
		s = strings.Map(func(r rune) rune {
			if hidden(r) || r == unicode.ReplacementChar {
				return ' '
			}
			return r
		}, s)
		w.line(strings.TrimRight(indent+"# "+s, " "))
	}
}

func (w *writer) budget(b Budget) {
	mark := "  - "
	key := func(name, value string) {
		w.line(mark + name + ": " + value)
		mark = "    "
	}
	limit := func(name string, l *Limit) {
		if l == nil {
			return
		}
		if decimal.FindString(l.Text) == l.Text {
			key(name, l.Text) // as people write a number
			return
		}
		key(name, Scalar(l.Text))
	}
	key("id", Scalar(b.ID))
	key("match", Scalar(b.Match.Text))
	key("unit", Scalar(b.UnitText))
	if b.Better != Unknown {
		key("better", b.Better.String())
	}
	if b.Class != "" {
		key("class", string(b.Class))
	}
	limit("max_rise", b.MaxRise)
	limit("max_drop", b.MaxDrop)
	limit("at_most", b.AtMost)
	limit("at_least", b.AtLeast)
	limit("ignore_below", b.IgnoreBelow)
	if s := b.Scales; s != nil {
		key("scales", fmt.Sprintf("{with: %s, exponent_at_most: %v}", Scalar(s.With), s.ExponentAtMost))
	}
	if b.OnInconclusive == Warn {
		key("on_inconclusive", string(b.OnInconclusive))
	}
	if b.OnMissing == Warn {
		key("on_missing", string(b.OnMissing))
	}
	if b.Why != "" {
		key("why", Scalar(b.Why))
	}
}

// bare is a text that every reader of YAML takes as it stands, unless it is one of otherwise.
var bare = regexp.MustCompile(`^[A-Za-z0-9./][A-Za-z0-9_./=%+, ()-]*[A-Za-z0-9_./=%+)]$|^[A-Za-z.]$`)

// otherwise are words that some readers of YAML take for something else than text.
var otherwise = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// Scalar returns a text as one value of YAML, between quotes where a reader could
// take it for something else.
func Scalar(s string) string {
	_, err := strconv.ParseFloat(s, 64)
	number := err == nil || strings.HasPrefix(s, ".") && s != "." && !strings.HasPrefix(s, "./")
	if bare.MatchString(s) && !number && !slices.Contains(otherwise, strings.ToLower(s)) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case hidden(r):
			// Parse refuses it, quoted or not; so does this text stay on its line.
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
