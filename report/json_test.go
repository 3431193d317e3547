package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/perfgate/perfgate/internal/gate"
)

func TestReadGivesBackWhatJSONWrites(t *testing.T) {
	for _, name := range names(t) {
		r := load(t, name)
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: read back as something else", name)
		}
	}
}

// edited returns the passing result of testdata with one part of its text replaced.
func edited(t *testing.T, old, new string) string {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, load(t, "pass")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), old) {
		t.Fatalf("no %q in the result", old)
	}
	return strings.Replace(b.String(), old, new, 1)
}

func TestRead(t *testing.T) {
	whole := edited(t, "", "")
	many := `{"version":1,"exit_code":1,"counts":{"fail":%d},"verdicts":[` + strings.Repeat(`{"verdict":"fail"},`, MaxVerdicts-1) + `{"verdict":"fail"}%s]}`
	for _, c := range []struct {
		name, file, err string // no err: it is read
	}{
		{"whole", whole, ""},
		{"newer field", edited(t, `"version": 1,`, `"version": 1, "colour": {"a": [1]},`), ""},
		{"newer field of a verdict", edited(t, `"id":`, `"colour": 1, "id":`), ""},
		{"space after the end", whole + " \n\t\n", ""},
		{"empty", "", "the file is empty"},
		{"not JSON", "goos: linux\n", "it is not JSON"},
		{"array", "[]", "cannot hold a JSON array"},
		{"cut off", whole[:len(whole)/2], "the file is cut off"},
		{"cut off before the end", strings.TrimRight(whole, "}\n"), "the file is cut off"},
		{"second result", whole + whole, "something after its end"},
		{"rubbish after the end", whole + "x", "something after its end"},
		{"bracket after the end", whole + "}", "something after its end"},
		{"null", "null", "version is 0"},
		{"no version", edited(t, `"version": 1,`, ""), "version is 0"},
		{"older version", edited(t, `"version": 1,`, `"version": 0,`), "version is 0"},
		{"newer version", edited(t, `"version": 1,`, `"version": 2,`), "version is 2"},
		{"no exit code", edited(t, `"exit_code": 0,`, ""), "no exit_code"},
		{"null exit code", edited(t, `"exit_code": 0,`, `"exit_code": null,`), "no exit_code"},
		{"exit code 4", edited(t, `"exit_code": 0,`, `"exit_code": 4,`), ""},
		{"exit code 5", edited(t, `"exit_code": 0,`, `"exit_code": 5,`), "exit_code 5"},
		{"exit code -1", edited(t, `"exit_code": 0,`, `"exit_code": -1,`), "exit_code -1"},
		{"exit code of text", edited(t, `"exit_code": 0,`, `"exit_code": "0",`), "cannot hold a JSON string"},
		{"unknown verdict", edited(t, `"verdict": "pass"`, `"verdict": "green"`), `is "green"`},
		{"no verdict word", edited(t, `"verdict": "pass"`, `"verdict": ""`), `is ""`},
		{"unknown verdict of a limit", edited(t, "\"value\": 0.2,\n          \"verdict\": \"pass\"", `"value": 0.2, "verdict": "PASS"`), `limit 1 of verdict 1`},
		{"pass that blocks", edited(t, `"blocks": false`, `"blocks": true`), "exit_code 0 means a pass"},
		{"pass with a fail", strings.NewReplacer(`"fail": 0`, `"fail": 1`, `"pass": 5`, `"pass": 4`).Replace(edited(t, `"verdict": "pass"`, `"verdict": "fail"`)), "exit_code 0 means a pass"},
		{"pass of nothing", `{"version":1,"exit_code":0,"verdicts":[]}`, "exit_code 0 means a pass"},
		{"counts", edited(t, `"pass": 5`, `"pass": 6`), "counts"},
		{"shards", edited(t, `"verdicts"`, `"shards": [{"number": 1, "state": "merged"}, {"number": 2, "state": "merged"}], "verdicts"`), ""},
		{"a pass without a shard", edited(t, `"verdicts"`, `"shards": [{"number": 1, "state": "dropped"}], "verdicts"`), "exit_code 0 means a pass, yet shard 1 is dropped"},
		{"an unknown state", edited(t, `"verdicts"`, `"shards": [{"number": 1, "state": "lost"}], "verdicts"`), `shard 1 is "lost"`},
		{"a shard too many", edited(t, `"verdicts"`, `"shards": [{"number": 2, "state": "merged"}], "verdicts"`), "shard 1 is numbered 2"},
		{"a verdict of no shard", edited(t, `"id":`, `"shard": 3, "id":`), "is of shard 3 of 0"},
		{"too many shards", edited(t, `"verdicts"`, `"shards": [`+strings.Repeat(`{},`, gate.MaxShards)+`{}], "verdicts"`), "it has 1001 shards"},
		{"part", edited(t, `"problems"`, `"selected": {"suites": ["a"], "judged": 5, "budgets": 5}, "problems"`), ""},
		{"part of no suite", edited(t, `"problems"`, `"selected": {"suites": [], "judged": 5, "budgets": 5}, "problems"`), "of 0 suites and 0 ids were judged"},
		{"part of fewer budgets", edited(t, `"problems"`, `"selected": {"suites": ["a"], "judged": 5, "budgets": 4}, "problems"`), "5 of 4 budgets"},
		{"part of other verdicts", edited(t, `"problems"`, `"selected": {"suites": ["a"], "judged": 6, "budgets": 9}, "problems"`), "its verdicts are of 5"},
		{"NaN", edited(t, `"base": 0.0001843`, `"base": NaN`), "it is not JSON"},
		{"infinite", edited(t, `"base": 0.0001843`, `"base": 1e999`), "cannot hold a JSON number 1e999"},
		{"as many verdicts as may be", fmt.Sprintf(many, MaxVerdicts, ""), ""},
		{"one verdict more", fmt.Sprintf(many, MaxVerdicts+1, `,{"verdict":"fail"}`), "more than 20000"},
		{"as long as may be", whole + strings.Repeat(" ", MaxBytes-len(whole)), ""},
		{"a byte longer", whole + strings.Repeat(" ", MaxBytes-len(whole)+1), "longer than 40000000 bytes"},
	} {
		r, err := Read(strings.NewReader(c.file))
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.err != "" && err == nil:
			t.Errorf("%s: read, exit code %d", c.name, r.ExitCode)
		case c.err != "" && !strings.Contains(err.Error(), c.err):
			t.Errorf("%s: %v\nwant %q in it", c.name, err, c.err)
		case c.err != "" && len(err.Error()) > 500:
			t.Errorf("%s: an error of %d bytes", c.name, len(err.Error()))
		case c.err != "" && (strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "gate.")):
			t.Errorf("%s: an error in words of Go: %v", c.name, err)
		}
	}
}

// What Read would refuse is not written in the first place.
func TestJSONRefuses(t *testing.T) {
	nan := math.NaN()
	pass := load(t, "pass")
	for _, c := range []struct {
		name string
		edit func(*gate.Result)
	}{
		{"version", func(r *gate.Result) { r.Version = 0 }},
		{"exit code", func(r *gate.Result) { r.ExitCode = 5 }},
		{"pass of nothing", func(r *gate.Result) { r.Verdicts, r.Counts = nil, gate.Counts{} }},
		{"NaN", func(r *gate.Result) { r.Verdicts[0].Change = &nan }},
		{"NaN in the interval", func(r *gate.Result) { r.Verdicts[0].Interval = &gate.Interval{Low: nan} }},
		{"infinite limit", func(r *gate.Result) { r.Verdicts[0].Limits = []gate.LimitVerdict{{Value: math.Inf(1)}} }},
		{"counts", func(r *gate.Result) { r.Counts.Pass++ }},
	} {
		r := pass
		r.Verdicts = append([]gate.Verdict(nil), pass.Verdicts...)
		c.edit(&r)
		var b bytes.Buffer
		err := JSON(&b, r)
		if err == nil || b.Len() > 0 {
			t.Errorf("%s: %d bytes written, error %v", c.name, b.Len(), err)
			continue
		}
		if strings.Contains(err.Error(), "json:") {
			t.Errorf("%s: an error in words of Go: %v", c.name, err)
		}
	}
}

// What is read is written as bytes that read as the same.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"pass", "fail", "empty"} {
		b, _ := json.Marshal(load(f, name))
		f.Add(b)
	}
	f.Add([]byte(`{"version":1,"exit_code":3,"VERSION":1,"verdicts":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := JSON(&once, r); err != nil {
			t.Fatal(err)
		}
		again, err := Read(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := JSON(&twice, again); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("%v\n%s\n%s", err, once.Bytes(), twice.Bytes())
		}
		checkMarkdown(t, markdown(t, r, 5000))
		checkText(t, text(t, r))
	})
}
