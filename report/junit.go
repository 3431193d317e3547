package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/perfgate/perfgate/internal/gate"
)

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	junitTotals
	Suite junitSuite `xml:"testsuite"`
}

type junitTotals struct {
	Name     string `xml:"name,attr"`
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Skipped  int    `xml:"skipped,attr"`
}

type junitSuite struct {
	junitTotals
	Timestamp  string          `xml:"timestamp,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes the result as JUnit XML: one test case for each verdict. A fail is a failure; what is
// missing or inconclusive is an error where it blocks and skipped where it does not; a waived fail is
// skipped. A result that does not pass for another reason has a test case of its own that is in error,
// so that no reader takes it for a pass. The error is one of w.
func JUnit(w io.Writer, r gate.Result) error {
	s := junitSuite{junitTotals: junitTotals{Name: "perfgate"}, Timestamp: junitTime(r.Compared.Head.Measured)}
	property := func(name, value string) {
		if value = clean(value, maxText); value != "" {
			s.Properties = append(s.Properties, junitProperty{name, value})
		}
	}
	property("outcome", outcome(r).text)
	property("exit_code", fmt.Sprint(r.ExitCode))
	property("judged", part(r, plainName))
	property("confidence", r.Confidence)
	for _, side := range []struct {
		name string
		gate.Side
	}{{"base", r.Compared.Base}, {"head", r.Compared.Head}} {
		property(side.name+".kind", side.Kind)
		property(side.name+".ref", side.Ref)
		property(side.name+".commit", side.Commit)
		property(side.name+".measured", side.Measured)
	}
	property("repeat", reproduce(r))
	property("shards", textShards(r))
	for i, n := range r.Notes[:min(len(r.Notes), maxNotes)] {
		property(fmt.Sprintf("note.%d", i+1), n)
	}
	for _, v := range worstFirst(r.Verdicts) {
		s.Cases = append(s.Cases, newJUnitCase(r, v))
	}
	for _, c := range s.Cases {
		s.count(c)
	}
	if r.ExitCode != gate.ExitPass && s.Failures+s.Errors == 0 {
		c := junitCase{Class: "perfgate", Name: "the whole check", Error: &junitMessage{Message: outcome(r).meaning, Type: outcome(r).text, Text: junitText(r.Problems...)}}
		s.Cases = append(s.Cases, c)
		s.count(c)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{junitTotals: s.junitTotals, Suite: s}); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	b.WriteString("\n")
	_, err := w.Write(b.Bytes())
	return err
}

func (s *junitSuite) count(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func newJUnitCase(r gate.Result, v gate.Verdict) junitCase {
	c := junitCase{Class: plainName(v.Package), Name: plainName(v.Benchmark) + " " + plainName(v.Unit) + " (" + plainName(v.ID) + ")"}
	if c.Class == "" {
		c.Class = "perfgate"
	}
	base, head := centres(v)
	facts := []string{v.Reason}
	if v.Base != nil || v.Head != nil {
		facts = append(facts, "base "+base+", head "+head+" "+change(v))
	}
	facts = append(facts, strings.Join(limits(v), ", "), evidence(v), v.Why)
	if v.RenamedFrom != "" {
		facts = append(facts, "in base "+v.RenamedFrom)
	}
	if v.At != "" {
		facts = append(facts, "budget "+v.ID+" in "+v.At)
	}
	if failed(v) {
		facts = append(facts, reproduceOne(r, v))
	}
	facts = append(facts, v.Warnings...)
	m := &junitMessage{Message: plainText(v.Reason), Type: wordOf(v).text, Text: junitText(facts...)}
	switch {
	case excused(v):
		m.Message = fmt.Sprintf("waived until %s: %s", plainName(v.Waived.Until), plainText(v.Waived.Reason))
		c.Skipped = m
	case v.Verdict == gate.Fail:
		c.Failure = m
	case v.Verdict != gate.Pass && v.Blocks:
		c.Error = m
	case v.Verdict != gate.Pass:
		c.Skipped = m
	default:
		c.Out = m.Text
	}
	return c
}

// junitText puts facts under one another, without those that are empty.
func junitText(facts ...string) string {
	var out []string
	for _, s := range facts[:min(len(facts), 50)] {
		if s = clean(s, maxText); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n")
}

// junitTime returns an RFC 3339 time in UTC as JUnit has it, without the zone; "" of anything else.
func junitTime(s string) string {
	const form = "0000-00-00T00:00:00Z"
	if len(s) != len(form) {
		return ""
	}
	for i, r := range s {
		digit := form[i] == '0'
		if digit && (r < '0' || r > '9') || !digit && byte(r) != form[i] {
			return ""
		}
	}
	return strings.TrimSuffix(s, "Z")
}
