package github

import "testing"

func TestAnnotation(t *testing.T) {
	for _, c := range []struct {
		a    Annotation
		want string
	}{
		{Annotation{Fail: true, File: "budgets/a.yaml", Line: 12, Title: "FAIL: Walk", Text: "20% more: 10, 12"}, "::error file=budgets/a.yaml,line=12,title=FAIL%3A Walk::20%25 more: 10, 12"},
		{Annotation{Title: "t", Text: "x"}, "::warning title=t::x"},
		{Annotation{Line: 3, Text: "x"}, "::warning::x"},
		{Annotation{File: "a,line=9::error", Title: "\r\n::stop-commands::x", Text: "a\n::error::b\r%0A"}, "::warning file=a%2Cline=9%3A%3Aerror,title=%0D%0A%3A%3Astop-commands%3A%3Ax::a%0A::error::b%0D%250A"},
	} {
		if got := c.a.String(); got != c.want {
			t.Errorf("%+v\ngives %s\nwant  %s", c.a, got, c.want)
		}
	}
}
