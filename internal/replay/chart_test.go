package replay

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestChart(t *testing.T) {
	s := shown(t)
	s.Rows[0].Machine = "a<b"
	var b strings.Builder
	if err := Chart(&b, s); err != nil {
		t.Fatal(err)
	}
	texts, numbers := chartTexts(t, b.String())
	for i, r := range s.Rows[1:22] {
		if !strings.Contains(texts, r.title()) {
			t.Errorf("rule %d, %s, is not in the legend", i, r.title())
		}
	}
	if !strings.Contains(texts, "Machine a<b") {
		t.Error("a name with a bracket is lost")
	}
	if numbers == 0 || strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") || strings.Contains(b.String(), "<script") {
		t.Error("the chart holds no numbers, or what is none, or a script")
	}
	var again strings.Builder
	if err := Chart(&again, s); err != nil || again.String() != b.String() {
		t.Errorf("drawn again it is another (%v)", err)
	}
	for _, empty := range []Scores{{}, Evaluate(read(t, byHand), Options{}), Evaluate(read(t, small), Options{Decide: fixed(3)})} {
		b.Reset()
		if err := Chart(&b, empty); err != nil {
			t.Error(err)
		}
		chartTexts(t, b.String())
		if strings.Contains(b.String(), "NaN") {
			t.Errorf("not a number in %s", b.String())
		}
	}
}

// chartTexts reads a chart as XML and returns its texts.
func chartTexts(t *testing.T, svg string) (all string, n int) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, n
		}
		if err != nil {
			t.Fatalf("the chart is no XML: %v", err)
		}
		if c, ok := token.(xml.CharData); ok {
			all += string(c) + "\n"
			n++
		}
	}
}

// TestLabelsKeepApart lets no two labels of a plot lie on one another.
func TestLabelsKeepApart(t *testing.T) {
	var b strings.Builder
	var taken []rect
	for i := range 12 {
		p := spot{x: 300, y: 200, numbers: []int{i}, kind: "stored"}
		var at []spot
		for y := 100.0; y < 300; y += 5 {
			at = append(at, spot{x: 310, y: y})
		}
		name(&b, p, at, &taken, leftX, leftWidth)
	}
	if len(taken) != 12 {
		t.Errorf("%d labels found a place", len(taken))
	}
	for i, r := range taken {
		for _, o := range taken[:i] {
			if r.meets(o) {
				t.Errorf("%v meets %v", r, o)
			}
		}
	}
	if got := (spot{numbers: []int{1, 2, 4, 5, 6, 9}}).label(); got != "1 2 4–6 9" {
		t.Errorf("label %s", got)
	}
	if (rect{0, 0, 2, 2}).meets(rect{2, 0, 1, 1}) {
		t.Error("neighbours meet")
	}
}
