package budget

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

const (
	schemaFile  = "../../docs/budget.schema.json"
	waiversFile = "../../docs/waivers.schema.json"
	renamesFile = "../../docs/renames.schema.json"
)

// schemaOf makes the JSON Schema of a shape, in the draft that editors know best. What perfgate takes, the
// schema takes: it is there to help while writing, and an alarm where nothing is wrong would be no help. What
// only shows beside other values, such as a suffix that does not fit the unit, is left to perfgate lint.
func schemaOf(s shape, title string, describe func(shape, key string) string) map[string]any {
	m := mappingSchema(s, describe)
	m["$schema"] = "http://json-schema.org/draft-07/schema#"
	m["$comment"] = "Written by go test ./internal/budget -update from the tables in internal/budget/keys.go and docs."
	m["title"] = title
	return m
}

func mappingSchema(s shape, describe func(shape, key string) string) map[string]any {
	properties := map[string]any{}
	out := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	var required []string
	for _, k := range s.keys {
		p := k.schema(describe)
		if text := describe(s.name, k.name); text != "" {
			p["description"] = text
		}
		properties[k.name] = p
		if k.required {
			required = append(required, k.name)
		}
	}
	if required != nil {
		out["required"] = required
	}
	oneOf := func(keys []string) (out []map[string]any) {
		for _, k := range keys {
			out = append(out, map[string]any{"required": []string{k}})
		}
		return out
	}
	if s.any != nil {
		out["anyOf"] = oneOf(s.any)
	}
	var not []map[string]any
	for _, pair := range s.apart {
		not = append(not, map[string]any{"not": map[string]any{"required": pair[:]}})
	}
	if not != nil {
		out["allOf"] = not
	}
	beside := map[string]any{}
	for _, b := range s.beside {
		beside[b.key] = map[string]any{"anyOf": oneOf(b.others)}
	}
	if len(beside) > 0 {
		out["dependencies"] = beside
	}
	return out
}

func (k shapeKey) schema(describe func(shape, key string) string) map[string]any {
	// YAML takes a text of digits for a number; perfgate takes it as it is written.
	matching := func(pattern string) map[string]any {
		return map[string]any{"type": []string{"string", "number", "boolean"}, "pattern": pattern}
	}
	list := func(of map[string]any) map[string]any {
		return map[string]any{"type": "array", "minItems": 1, "maxItems": k.most, "items": of}
	}
	// The sign of decimal is one that a limit does not have.
	amount := strings.Replace(strings.TrimPrefix(decimal.String(), "^"), "[+-]?", "[+]?", 1)
	part := `[^/=\s]+(=[^/\s]+)?`
	selector := matching(`^[^/\s]+(/` + part + `)*$`)
	selector["maxLength"] = maxSelector
	switch k.kind {
	case isText:
		return matching(`\S`)
	case isOne:
		return map[string]any{"const": 1}
	case isWord:
		return map[string]any{"enum": k.words}
	case isArgument:
		return matching(`^[^-\s]\S*$`)
	case isID:
		return matching(slug.String())
	case isSuiteName:
		return matching(suiteName.String())
	case isSelector:
		return selector
	case isSelectors:
		l := list(selector)
		l["uniqueItems"] = true
		return l
	case isUnit:
		return matching(`^\S+$`)
	case isNameKey:
		return matching(nameKey.String())
	case isPercent:
		return map[string]any{"type": "string", "pattern": "^" + amount + "%$"}
	case isPercentUnder100:
		small := `0*[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+|([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+`
		return map[string]any{"type": "string", "pattern": "^[+]?(" + small + ")%$"}
	case isValue:
		var suffixes []string
		for _, m := range []map[string]float64{times, sizes} {
			for _, s := range slices.Sorted(maps.Keys(m)) {
				suffixes = append(suffixes, regexp.QuoteMeta(s))
			}
		}
		pattern := "^" + amount + "(" + strings.Join(suffixes, "|") + ")(/s)?$"
		return map[string]any{"anyOf": []map[string]any{{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}}}
	case isCeiling:
		percent, value := k, k
		percent.kind, value.kind = isPercent, isValue
		return map[string]any{"anyOf": []map[string]any{percent.schema(describe), value.schema(describe)}}
	case isDay:
		return matching(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	case isLink:
		m := matching(httpsURL.String())
		m["maxLength"] = k.most
		return m
	case isName:
		return matching(`^\S+$`)
	case isPositive:
		return map[string]any{"anyOf": []map[string]any{{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": "^" + amount + "$"}}}
	case isMapping:
		return mappingSchema(k.of[0], describe)
	case isMappings:
		return list(mappingSchema(k.of[0], describe))
	}
	panic(fmt.Sprintf("kind %d of key %s has no schema", k.kind, k.name))
}

var (
	docTable = regexp.MustCompile("^\\| key(?: of (?:a )?`?([a-z]+)`?)? \\|")
	docRow   = regexp.MustCompile("^\\| `(?:(defaults)\\.)?([a-z_]+)` \\| ([^|]*) \\| ([^|]*) \\|")
	docLink  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// documented returns what the tables of the documentation say of the keys of each shape.
func documented(t testing.TB) func(shape, key string) string {
	t.Helper()
	data, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	says := map[[2]string]string{{"file", "defaults"}: "what holds for the budgets that do not say it themselves"}
	section, table := "", ""
	for _, line := range strings.Split(string(data), "\n") {
		if s, ok := strings.CutPrefix(line, "## Keys of a "); ok {
			section = s
		}
		if m := docTable.FindStringSubmatch(line); m != nil {
			table = m[1]
			if table == "" {
				table = section
			}
		}
		m := docRow.FindStringSubmatch(line)
		if m == nil || table == "" {
			continue
		}
		name := table
		if m[1] != "" {
			name = m[1]
		}
		text := docLink.ReplaceAllString(m[4], "$1")
		if text == "" {
			text = m[2]
		}
		says[[2]string{name, m[2]}] = strings.TrimSpace(strings.ReplaceAll(text, "`", "") + " (" + strings.ReplaceAll(m[3], "`", "") + ")")
	}
	return func(shape, key string) string {
		text := says[[2]string{shape, key}]
		if text == "" {
			t.Errorf("no table of %s describes the key %s of %s", docs, key, shape)
		}
		return text
	}
}

// The schema in docs is the one that the tables make; go test ./internal/budget -update writes it.
func TestSchemaCurrent(t *testing.T) {
	data, err := json.MarshalIndent(schemaOf(fileShape, "perfgate budgets", documented(t)), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, string(data)+"\n")
	for _, c := range []struct {
		file, title string
		shape       shape
	}{{waiversFile, "perfgate waivers", waiversShape}, {renamesFile, "perfgate renames", renamesShape}} {
		data, err := json.MarshalIndent(schemaOf(c.shape, c.title, reviewed(t)), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, c.file, string(data)+"\n")
	}
}

// reviewed returns what docs/waivers.md says of the keys of waivers and renames.
func reviewed(t testing.TB) func(shape, key string) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/waivers.md")
	if err != nil {
		t.Fatal(err)
	}
	says := map[string]string{}
	for _, line := range strings.Split(string(data), "\n") {
		if m := docRow.FindStringSubmatch(line); m != nil {
			means := strings.TrimSpace(docLink.ReplaceAllString(m[4], "$1"))
			says[m[2]] = means + " (" + strings.ReplaceAll(docLink.ReplaceAllString(m[3], "$1"), "`", "") + ")"
		}
	}
	return func(shape, key string) string {
		if says[key] == "" {
			t.Errorf("no table of docs/waivers.md describes the key %s of %s", key, shape)
		}
		return says[key]
	}
}

// compiled is a schema as it stands in docs.
func compiled(t testing.TB, file string) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("budget.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("budget.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid holds a file against the schema as an editor does. What is no YAML, or not one document that JSON can
// hold, is none that a schema speaks of: the error says so.
func valid(s *jsonschema.Schema, data []byte) error {
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return err
	}
	textDays(&node)
	var doc any
	if err := node.Decode(&doc); err != nil {
		return err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// textDays makes text of what YAML 1.1 takes for a time: editors read 1.2, which knows none.
func textDays(n *yaml.Node) {
	if n.ShortTag() == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		textDays(c)
	}
}

// Every budget file and every example is valid.
func TestSchemaAccepts(t *testing.T) {
	s := compiled(t, schemaFile)
	ran := 0
	for _, glob := range []string{"testdata/ok/*.yaml", "../../budgets/*.yaml", "../../docs/claims/*.yaml"} {
		names, _ := filepath.Glob(glob)
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			ran++
			if err := valid(s, data); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllSubmatch(text, -1) {
		ran++
		if err := valid(s, m[1]); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	if ran < 10 {
		t.Errorf("only %d files found", ran)
	}
}

// beyondShape are the mistakes in testdata/err that no schema finds, since each value alone has a right shape:
// perfgate lint does.
var beyondShape = []string{
	"against-releases-many", "against-releases-one", "anchor", "at-least-over-at-most", "at-most-hex", "at-most-huge", "better-against-allocs", "better-against-bytes",
	"better-against-speed", "better-against-time", "bidi-comment", "bidi-escape", "bidi-value", "bytes-overflow", "bytes-time",
	"control-escape", "drop-better-lower", "drop-of-allocs", "drop-of-bytes", "drop-of-time", "id-twice", "match-key-twice",
	"merge-key", "rise-better-higher", "rise-huge", "rise-of-speed", "scales-fixed", "second-document-broken", "second-document",
	"suffix-not-bytes", "suffix-not-time", "suite-name-twice", "suite-why-long", "suites-alone", "tag", "time-bytes",
	"time-ms-no-suffix", "time-no-suffix", "why-long",
}

// Every mistake of shape is refused by the schema, and no other is on the list of those that are not.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t, schemaFile)
	names, _ := filepath.Glob("testdata/err/*.yaml")
	var accepted []string
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if valid(s, data) == nil {
			accepted = append(accepted, strings.TrimSuffix(filepath.Base(name), ".yaml"))
		}
	}
	if !slices.Equal(accepted, beyondShape) {
		t.Errorf("the schema does not refuse\n%s\nwant this of\n%s", strings.Join(accepted, "\n"), strings.Join(beyondShape, "\n"))
	}
	if len(names) < 2*len(accepted) {
		t.Errorf("the schema refuses %d of %d mistakes only", len(names)-len(accepted), len(names))
	}
}
