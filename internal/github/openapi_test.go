package github

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// operations are the parts of GitHub's interface that this package uses.
var operations = []string{
	"GET /user",
	"GET /repos/{owner}/{repo}/pulls",
	"GET /repos/{owner}/{repo}/pulls/{pull_number}",
	"GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls",
	"GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
	"POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
	"PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
	"DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}",
	"POST /repos/{owner}/{repo}/statuses/{sha}",
}

// cutFile is the description of these operations, cut from the whole one that GitHub publishes.
const cutFile = "testdata/openapi.json"

var published = flag.String("openapi", "", "cut testdata/openapi.json from this `FILE`, GitHub's description of its interface; see testdata/openapi.sh")

// A description is what is left of an OpenAPI document.
type description struct {
	From       string                `json:"from"`
	Operations map[string]*operation `json:"operations"`
	Schemas    map[string]*schema    `json:"schemas"`
}

type operation struct {
	Parameters []parameter        `json:"parameters"`
	Body       *schema            `json:"body,omitempty"`
	Answers    map[string]*schema `json:"answers"` // by status; nil is an answer without a body
}

type parameter struct {
	Name     string  `json:"name"`
	In       string  `json:"in"`
	Required bool    `json:"required,omitempty"`
	Schema   *schema `json:"schema"`
}

// A schema has the words of JSON Schema that the operations use and that matter here. Reading is strict,
// so that a word which is not understood is an error and never ignored.
type schema struct {
	Ref        string             `json:"$ref,omitempty"`
	Type       string             `json:"type,omitempty"`
	Format     string             `json:"format,omitempty"`
	Nullable   bool               `json:"nullable,omitempty"`
	Enum       []any              `json:"enum,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	OneOf      []*schema          `json:"oneOf,omitempty"`
	Others     any                `json:"additionalProperties,omitempty"`
}

// ignored are the words that say nothing about what is valid.
var ignored = []string{"title", "description", "example", "examples", "default", "deprecated", "readOnly", "externalDocs", "discriminator"}

// cut takes the operations out of a whole description.
func cut(whole []byte) (*description, error) {
	var doc struct {
		Info       struct{ Title, Version string }
		Paths      map[string]map[string]json.RawMessage
		Components map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(whole, &doc); err != nil {
		return nil, err
	}
	out := &description{From: doc.Info.Title + " " + doc.Info.Version, Operations: map[string]*operation{}, Schemas: map[string]*schema{}}
	// component resolves a reference to something other than a schema.
	component := func(kind string, raw json.RawMessage) (json.RawMessage, error) {
		var ref struct {
			Ref string `json:"$ref"`
		}
		if err := json.Unmarshal(raw, &ref); err != nil || ref.Ref == "" {
			return raw, err
		}
		name, ok := strings.CutPrefix(ref.Ref, "#/components/"+kind+"/")
		if !ok || doc.Components[kind][name] == nil {
			return nil, fmt.Errorf("reference to %s, which is not there", ref.Ref)
		}
		return doc.Components[kind][name], nil
	}
	var shape func(raw json.RawMessage) (*schema, error)
	shape = func(raw json.RawMessage) (*schema, error) {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
		stripped, err := json.Marshal(strip(v, false))
		if err != nil {
			return nil, err
		}
		s := &schema{}
		d := json.NewDecoder(bytes.NewReader(stripped))
		d.DisallowUnknownFields()
		if err := d.Decode(s); err != nil {
			return nil, err
		}
		for _, ref := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(stripped), -1) {
			name := ref[1]
			if _, done := out.Schemas[name]; done {
				continue
			}
			out.Schemas[name] = nil // a schema may refer to itself
			if out.Schemas[name], err = shape(doc.Components["schemas"][name]); err != nil {
				return nil, fmt.Errorf("schema %s: %w", name, err)
			}
		}
		return s, nil
	}
	type content map[string]struct{ Schema json.RawMessage }
	for _, name := range operations {
		method, path, _ := strings.Cut(name, " ")
		raw := doc.Paths[path][strings.ToLower(method)]
		if raw == nil {
			return nil, fmt.Errorf("%s is not described", name)
		}
		var o struct {
			Parameters  []json.RawMessage
			RequestBody *struct{ Content content }
			Responses   map[string]json.RawMessage
		}
		if err := json.Unmarshal(raw, &o); err != nil {
			return nil, err
		}
		op := &operation{Answers: map[string]*schema{}}
		for _, raw := range o.Parameters {
			raw, err := component("parameters", raw)
			if err != nil {
				return nil, err
			}
			var p struct {
				parameter
				Schema json.RawMessage `json:"schema"`
			}
			if err := json.Unmarshal(raw, &p); err != nil {
				return nil, err
			}
			if p.parameter.Schema, err = shape(p.Schema); err != nil {
				return nil, fmt.Errorf("%s: parameter %s: %w", name, p.Name, err)
			}
			op.Parameters = append(op.Parameters, p.parameter)
		}
		if o.RequestBody != nil {
			var err error
			if op.Body, err = shape(o.RequestBody.Content["application/json"].Schema); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
			raw, err := component("responses", o.Responses[status])
			if err != nil {
				return nil, err
			}
			var r struct{ Content content }
			if err := json.Unmarshal(raw, &r); err != nil {
				return nil, err
			}
			op.Answers[status] = nil
			if c, ok := r.Content["application/json"]; ok {
				if op.Answers[status], err = shape(c.Schema); err != nil {
					return nil, fmt.Errorf("%s: answer %s: %w", name, status, err)
				}
			}
		}
		out.Operations[name] = op
	}
	return out, nil
}

// strip takes out of a schema what says nothing about what is valid. Among properties, a name such as
// title is no word.
func strip(v any, properties bool) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = strip(v[i], false)
		}
	case map[string]any:
		//any order: each entry is changed on its own
		for k := range v {
			of := k == "properties" && !properties
			switch {
			case !properties && (slices.Contains(ignored, k) || strings.HasPrefix(k, "x-")),
				!properties && k == "format" && v[k] != "uri" && v[k] != "date-time":
				delete(v, k)
			case !properties && (k == "enum" || k == "required"):
			default:
				v[k] = strip(v[k], of)
			}
		}
	}
	return v
}

// TestCut writes the cut description anew when it is given the whole one.
func TestCut(t *testing.T) {
	if *published == "" {
		return // testdata/openapi.sh gets and gives it
	}
	whole, err := os.ReadFile(*published)
	if err != nil {
		t.Fatal(err)
	}
	d, err := cut(whole)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cutFile, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// described reads the cut description.
func described(t *testing.T) *description {
	t.Helper()
	data, err := os.ReadFile(cutFile)
	if err != nil {
		t.Fatal(err)
	}
	d := &description{}
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(d); err != nil {
		t.Fatalf("%s: %v; run testdata/openapi.sh", cutFile, err)
	}
	return d
}

// operation finds the operation that a request is for, and what stands in its path.
func (d *description) operation(method, path string) (*operation, map[string]string, error) {
	for _, name := range operations {
		of, template, _ := strings.Cut(name, " ")
		want, got := strings.Split(template, "/"), strings.Split(path, "/")
		if of != method || len(want) != len(got) {
			continue
		}
		in := map[string]string{}
		same := true
		for i := range want {
			if key, ok := strings.CutPrefix(want[i], "{"); ok && got[i] != "" {
				in[strings.TrimSuffix(key, "}")] = got[i]
			} else if want[i] != got[i] {
				same = false
			}
		}
		if same {
			return d.Operations[name], in, nil
		}
	}
	return nil, nil, fmt.Errorf("%s %s is none of the operations described", method, path)
}

// request checks a request with its body.
func (d *description) request(r *http.Request, body []byte) error {
	op, path, err := d.operation(r.Method, r.URL.Path)
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	for _, p := range op.Parameters {
		value, given := path[p.Name], true
		if p.In == "query" {
			value, given = query.Get(p.Name), query.Has(p.Name)
			query.Del(p.Name)
		}
		switch {
		case !given && p.Required:
			return fmt.Errorf("the %s parameter %s is missing", p.In, p.Name)
		case given:
			if err := d.valid(text(value, p.Schema), p.Schema, p.Name, true); err != nil {
				return err
			}
		}
	}
	if len(query) > 0 {
		return fmt.Errorf("unknown parameters: %v", query)
	}
	if op.Body == nil {
		if len(body) > 0 {
			return fmt.Errorf("a body that is not asked for: %.100q", body)
		}
		return nil
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		return fmt.Errorf("content type %q", kind)
	}
	return d.json(body, op.Body, true)
}

// text gives a parameter the type that its schema asks for, if it has it.
func text(value string, s *schema) any {
	if s.Type == "integer" {
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return float64(n)
		}
	}
	return value
}

// answer checks an answer to a request. Not every error is described for every operation.
func (d *description) answer(r *http.Request, status int, header http.Header, body []byte) error {
	op, _, err := d.operation(r.Method, r.URL.Path)
	if err != nil {
		return err
	}
	s, ok := op.Answers[strconv.Itoa(status)]
	switch {
	case !ok && status >= 400:
		s = &schema{Ref: "#/components/schemas/basic-error"}
	case !ok:
		return fmt.Errorf("status %d is not described", status)
	case s == nil && len(body) > 0:
		return fmt.Errorf("a body where none is described: %.100q", body)
	case s == nil:
		return nil
	}
	if kind := header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return fmt.Errorf("content type %q", kind)
	}
	return d.json(body, s, false)
}

func (d *description) json(body []byte, s *schema, closed bool) error {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("%w: %.100q", err, body)
	}
	return d.valid(v, s, "$", closed)
}

// resolve follows references.
func (d *description) resolve(s *schema) *schema {
	for s.Ref != "" {
		next := d.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		if next == nil {
			return &schema{Type: "no schema " + s.Ref}
		}
		s = next
	}
	return s
}

// valid says where v is not what the schema describes. A closed one allows no properties that it does
// not name: what we send and GitHub does not know is a mistake.
func (d *description) valid(v any, s *schema, at string, closed bool) error {
	s = d.resolve(s)
	wrong := func(format string, args ...any) error { return fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)) }
	if v == nil {
		if !s.Nullable && (s.Type != "" || len(s.OneOf) > 0) {
			return wrong("null, want %s", s.Type)
		}
		return nil
	}
	if len(s.OneOf) > 0 {
		n := 0
		var err error
		for _, one := range s.OneOf {
			e := d.valid(v, one, at, closed)
			if e == nil {
				n++
			} else {
				err = e
			}
		}
		if n == 0 {
			return wrong("fits none of %d: %v", len(s.OneOf), err)
		}
		return nil
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return wrong("%v is none of %v", v, s.Enum)
	}
	got, want := "", s.Type
	if want == "" && s.Properties != nil {
		want = "object"
	}
	switch v := v.(type) {
	case bool:
		got = "boolean"
	case float64:
		got = "number"
		if want == "integer" && v == float64(int64(v)) {
			got = want
		}
	case string:
		got = "string"
		if err := format(v, s.Format); want == "string" && err != nil {
			return wrong("%v", err)
		}
	case []any:
		got = "array"
		for i, one := range v {
			if s.Items == nil {
				break
			}
			if err := d.valid(one, s.Items, fmt.Sprintf("%s[%d]", at, i), closed); err != nil {
				return err
			}
		}
	case map[string]any:
		got = "object"
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				return wrong("%s is missing", name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			p := s.Properties[name]
			if p == nil && closed && s.Properties != nil {
				return wrong("unknown property %s", name)
			}
			if p == nil {
				continue
			}
			if err := d.valid(v[name], p, at+"."+name, closed); err != nil {
				return err
			}
		}
	}
	if want != "" && want != got {
		return wrong("%s, want %s", got, want)
	}
	return nil
}

func format(v, name string) error {
	switch name {
	case "date-time":
		_, err := time.Parse(time.RFC3339, v)
		return err
	case "uri":
		if u, err := url.Parse(v); err != nil || u.Scheme == "" {
			return fmt.Errorf("%q is no address", v)
		}
	}
	return nil
}

// sample returns the least that a schema allows, with the properties given in place of its own. Objects
// among these are laid over one another.
func (d *description) sample(s *schema, with map[string]any) any {
	s = d.resolve(s)
	switch {
	case len(s.OneOf) > 0:
		return d.sample(s.OneOf[0], with)
	case s.Nullable && with == nil:
		return nil
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.Type {
	case "boolean":
		return false
	case "integer", "number":
		return 1
	case "array":
		return []any{}
	case "string":
		return map[string]string{"uri": "https://github.com/", "date-time": "2026-01-02T03:04:05Z"}[s.Format]
	}
	out := map[string]any{}
	for _, name := range s.Required {
		if p := s.Properties[name]; p != nil {
			out[name] = d.sample(p, nil)
		}
	}
	//any order: each property is set on its own
	for name, value := range with {
		if inner, ok := value.(map[string]any); ok && s.Properties[name] != nil {
			value = d.sample(s.Properties[name], inner)
		}
		out[name] = value
	}
	return out
}

// What the description refuses; each line is one that a defect of ours or of the fake would make.
func TestDescriptionBites(t *testing.T) {
	d := described(t)
	const comments = "/repos/o/r/issues/7/comments"
	for _, c := range []struct{ method, target, body, want string }{
		{"GET", comments + "?per_page=100&page=2", "", ""},
		{"POST", comments, `{"body":"x"}`, ""},
		{"GET", "/repos/o/r/pulls?state=open&head=o:b", "", ""},
		{"POST", "/repos/o/r/statuses/" + sha, `{"state":"success","context":"perfgate"}`, ""},
		{"POST", comments, "", "unexpected end"},
		{"POST", comments, `{"body":7}`, "$.body"},
		{"POST", comments, `{}`, "body is missing"},
		{"POST", comments, `{"body":"x","text":"y"}`, "unknown property text"},
		{"GET", "/repos/o/r/issues/seven/comments", "", "issue_number"},
		{"GET", comments + "?per_page=all", "", "per_page"},
		{"GET", comments + "?size=100", "", "unknown parameters"},
		{"GET", "/repos/o/r/pulls?state=opened", "", "none of"},
		{"GET", "/repos/o/r/comments", "", "none of the operations"},
		{"PUT", comments, "", "none of the operations"},
		{"GET", comments, `{}`, "not asked for"},
		{"POST", "/repos/o/r/statuses/" + sha, `{"state":"red"}`, "$.state"},
		{"POST", "/repos/o/r/statuses/" + sha, `{"context":"perfgate"}`, "state is missing"},
	} {
		r, err := http.NewRequest(c.method, c.target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		bites(t, c.method+" "+c.target+" "+c.body, d.request(r, []byte(c.body)), c.want)
	}
	comment := func(change func(map[string]any)) string {
		v := d.sample(&schema{Ref: "#/components/schemas/issue-comment"}, map[string]any{"body": "x"}).(map[string]any)
		change(v)
		data, _ := json.Marshal(v)
		return string(data)
	}
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{201, comment(func(map[string]any) {}), ""},
		{404, `{"message":"Not Found"}`, ""},
		{401, `{"message":"Bad credentials"}`, ""},
		{201, comment(func(v map[string]any) { delete(v, "node_id") }), "node_id is missing"},
		{201, comment(func(v map[string]any) { v["id"] = "1" }), "$.id"},
		{201, comment(func(v map[string]any) { v["id"] = 1.5 }), "$.id"},
		{201, comment(func(v map[string]any) { v["created_at"] = "today" }), "$.created_at"},
		{201, comment(func(v map[string]any) { v["html_url"] = "here" }), "$.html_url"},
		{201, comment(func(v map[string]any) { v["author_association"] = "FOE" }), "none of"},
		{201, comment(func(v map[string]any) { v["url"] = nil }), "null"},
		{200, comment(func(map[string]any) {}), "status 200 is not described"},
		{201, `[]`, "array, want object"},
		{401, `{"message":7}`, "$.message"},
	} {
		r, err := http.NewRequest("POST", comments, nil)
		if err != nil {
			t.Fatal(err)
		}
		bites(t, fmt.Sprint(c.status, " ", c.body), d.answer(r, c.status, http.Header{"Content-Type": {"application/json"}}, []byte(c.body)), c.want)
	}
}

func bites(t *testing.T, what string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%.200s\ngives %v, want %q", what, err, want)
	}
}
