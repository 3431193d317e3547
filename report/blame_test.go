package report

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

// diagnosed is a search that found a commit and what changed in it.
func diagnosed() gate.Diagnosis {
	recheck := gate.BlameRow{Function: "example.com/m/sync.(*Log).recheck", Base: 0, Head: 1.2e-6, BaseAll: 0, HeadAll: 25.9e-6, Samples: [2]int{0, 5}, Beyond: true, Note: "new in head, or renamed"}
	all := 0.94
	return gate.Diagnosis{
		Version: gate.Version,
		Compared: gate.Compared{
			Base: gate.Side{Kind: "measured", Ref: "its parent", Commit: strings.Repeat("a", 40)}, Head: gate.Side{Kind: "measured", Ref: "the first bad commit", Commit: strings.Repeat("b", 40)},
		},
		Problems: []string{"compare profiles of Gone: base does not have it"},
		Blame: []gate.Blame{{
			Package: "example.com/m/benchmarks", Benchmark: "Digest/ops=1000", Runs: 6, Iterations: 6621,
			Tables: []gate.BlameTable{
				{
					Kind: "processor time", Unit: "sec/op", Base: 117e-6, Head: 140e-6, Beyond: true, Samples: [2]int{460, 550}, Explained: &all, Through: &recheck, Left: 1,
					Rows: []gate.BlameRow{
						{Function: "example.com/m/sync.(*Key[go.shape.int]).element", In: "crypto/internal/fips140/sha256.blockSHANI", Base: 111e-6, Head: 133e-6, BaseAll: 111e-6, HeadAll: 133e-6, Samples: [2]int{441, 528}, Beyond: true},
						recheck,
						{Function: "example.com/m/sync.(*Log).Recompute", Base: 1.5e-6, Head: 3.5e-6, BaseAll: 117e-6, HeadAll: 140e-6, Samples: [2]int{6, 14}},
					},
				},
				{
					Kind: "allocated bytes", Unit: "B/op", Base: 1024, Head: 4096, Beyond: true, Rows: []gate.BlameRow{
						{Function: "example.com/m/sync.litter", Base: 1024, Head: 4096, BaseAll: 1024, HeadAll: 4096, Samples: [2]int{100, 100}, Beyond: true, Note: "no longer inlined"},
					},
				},
				{Kind: "allocated objects", Unit: "allocs/op", Base: 1, Head: 1, Rows: []gate.BlameRow{}},
			},
		}},
		Bisected: &gate.Bisected{
			ID: "digest-time", Benchmark: "Digest/ops=1000", Unit: "ns/op", TidyUnit: "sec/op", Limits: []string{"max_rise 10%"}, Commits: 10, Error: 0.05,
			Good: gate.Step{Commit: strings.Repeat("0", 40), Subject: "v1.4.0"},
			Steps: []gate.Step{
				{Commit: strings.Repeat("c", 40), Subject: "last", Outcome: gate.Bad, Base: ptr(117e-6), Head: ptr(140e-6), Change: ptr(0.2), Pairs: 8, Reason: "proved beyond max_rise 10%: at least +12 %"},
				{Commit: strings.Repeat("d", 40), Subject: "half done", Outcome: gate.Skipped, Reason: "it does not build"},
				{Commit: strings.Repeat("b", 40), Subject: "check again", Outcome: gate.Bad, Base: ptr(117e-6), Head: ptr(141e-6), Change: ptr(0.21), Pairs: 6, Reason: "proved beyond max_rise 10%: at least +13 %"},
			},
			Conclusion: gate.Found, Reason: "against its parent it is beyond the limit too: proved beyond max_rise 10%: at least +12 %",
			First:     &gate.Step{Commit: strings.Repeat("b", 40), Subject: "check again"},
			Parent:    &gate.Step{Commit: strings.Repeat("a", 40), Subject: "before"},
			Confirmed: &gate.Verdict{Verdict: gate.Fail, TidyUnit: "sec/op", Base: ptr(117e-6), Head: ptr(140e-6), Change: ptr(0.2), Pairs: 8, Class: "compute"},
			Left:      []gate.Step{},
		},
	}
}

func TestDiagnosis(t *testing.T) {
	var text, md, js, again bytes.Buffer
	d := diagnosed()
	for _, err := range []error{DiagnosisText(&text, d), DiagnosisMarkdown(&md, d, CommentLimit), DiagnosisJSON(&js, d), DiagnosisJSON(&again, d)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "diagnosis.txt", text.String())
	golden(t, "diagnosis.md", md.String())
	if js.String() != again.String() || !strings.Contains(js.String(), `"function": "example.com/m/sync.(*Log).recheck"`) {
		t.Error("the JSON form has not the whole names, or differs from one time to the next")
	}
	d.Bisected.Conclusion, d.Bisected.First, d.Bisected.Parent, d.Bisected.Confirmed = gate.Undecided, nil, nil, nil
	d.Bisected.Left = d.Bisected.Steps[1:]
	text.Reset()
	if err := DiagnosisText(&text, d); err != nil || !strings.Contains(text.String(), "one of: dddddddddddd  half done\n") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// What a result says of functions stands in its reports and survives its file; names are of strangers.
func TestBlameInResult(t *testing.T) {
	r := load(t, "fail")
	r.Blame = diagnosed().Blame
	evil := "m/x.\x1b[31m|<img src=x>@everyone\u202e" + strings.Repeat("z", 5000)
	r.Blame[0].Tables[1].Rows[0].Function, r.Blame[0].Tables[1].Rows[0].Note, r.Blame[0].Benchmark = evil, evil, evil
	var b bytes.Buffer
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	back, err := Read(&b)
	if err != nil || len(back.Blame) != 1 || back.Blame[0].Tables[0].Through == nil {
		t.Fatalf("%v %+v", err, back.Blame)
	}
	md, txt := markdown(t, back, CommentLimit), text(t, back)
	broke, which, next := strings.Index(md, "### What broke"), strings.Index(md, "### Which functions"), strings.Index(md, "### What was compared")
	if broke < 0 || which < broke || next < which {
		t.Errorf("the functions are not below what broke:\n%s", md)
	}
	for _, s := range []string{md, txt} {
		if strings.ContainsAny(s, "\x1b\u202e") || strings.Contains(s, strings.Repeat("z", 1000)) {
			t.Errorf("a name is shown as it came:\n%s", s)
		}
	}
	if strings.Contains(md, "<img") || strings.Contains(md, "@everyone") {
		t.Errorf("a name is obeyed:\n%s", md)
	}
	if !strings.Contains(txt, "look first at sync.(*Log).recheck: with all that it calls 0 ns -> 25.9 us, 113 % of the change") {
		t.Errorf("text:\n%s", txt)
	}
}

// A file that says more than can be shown, or no numbers, was not written by perfgate.
func TestBlameBounds(t *testing.T) {
	for want, change := range map[string]func(r *gate.Result){
		"functions of 101 benchmarks": func(r *gate.Result) { r.Blame = make([]gate.Blame, 101) },
		"4 kinds of cost":             func(r *gate.Result) { r.Blame[0].Tables = make([]gate.BlameTable, 4) },
		"which is none":               func(r *gate.Result) { r.Blame[0].Tables[0].Kind = "luck" },
		"1001 functions":              func(r *gate.Result) { r.Blame[0].Tables[0].Rows = make([]gate.BlameRow, 1001) },
		"a value that is no number":   func(r *gate.Result) { r.Blame[0].Tables[0].Through.HeadAll = math.NaN() },
	} {
		r := load(t, "fail")
		r.Blame = diagnosed().Blame
		change(&r)
		if err := JSON(&bytes.Buffer{}, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
