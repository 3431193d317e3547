package gate

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write docs/result.schema.json anew")

const schemaFile = "../../docs/result.schema.json"

// A schemer makes a JSON Schema of a Go type, with the comments of the source as descriptions.
type schemer struct {
	comments map[string]string // by Type or Type.Field
	defs     map[string]any
}

func (s *schemer) of(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct {
			return map[string]any{"anyOf": []any{s.of(t.Elem()), map[string]any{"type": "null"}}}
		}
		return map[string]any{"type": []any{s.of(t.Elem())["type"], "null"}}
	case reflect.String:
		if t == reflect.TypeFor[Kind]() {
			return map[string]any{"type": "string", "enum": []Kind{Pass, Fail, Inconclusive, Missing}}
		}
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Array:
		return map[string]any{"type": "array", "items": s.of(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		if s.defs[t.Name()] == nil {
			s.defs[t.Name()] = true // so that a type within itself ends
			s.defs[t.Name()] = s.object(t)
		}
		return map[string]any{"$ref": "#/definitions/" + t.Name()}
	}
	panic("no schema for " + t.String())
}

func (s *schemer) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := s.of(f.Type)
		text := s.say(t.Name() + "." + f.Name)
		if t == reflect.TypeFor[LimitVerdict]() && f.Type == reflect.TypeFor[Kind]() {
			p["enum"] = append(p["enum"].([]Kind), "") // of a limit that the verdict was reached without
		}
		switch {
		case text == "": // its name says it
		case p["$ref"] != nil:
			p = map[string]any{"allOf": []any{p}, "description": text}
		default:
			p["description"] = text
		}
		properties[name] = p
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	// A new field does not raise the version, so that a reader of today has to let those of tomorrow through.
	return map[string]any{"type": "object", "properties": properties, "required": required, "description": s.say(t.Name())}
}

func (s *schemer) say(name string) string { return s.comments[name] }

// comments reads the comments of the types of this package and of their fields.
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, _ := filepath.Glob("*.go")
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		oneLine := func(docs ...*ast.CommentGroup) string {
			var words []string
			for _, d := range docs {
				words = append(words, strings.Fields(d.Text())...)
			}
			return strings.Join(words, " ")
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				ts, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				out[ts.Name.Name] = oneLine(g.Doc, ts.Doc)
				st, ok := ts.Type.(*ast.StructType)
				if !ok {
					continue
				}
				for _, field := range st.Fields.List {
					for _, n := range field.Names {
						out[ts.Name.Name+"."+n.Name] = oneLine(field.Doc, field.Comment)
					}
				}
			}
		}
	}
	return out
}

// schema returns the schema of a result.
func schema(t *testing.T) []byte {
	t.Helper()
	s := schemer{comments: comments(t), defs: map[string]any{}}
	root := map[string]any{"allOf": []any{s.of(reflect.TypeFor[Result]())}}
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["$comment"] = "Written by go test ./internal/gate -run Schema -update from the types and comments in internal/gate."
	root["title"] = "perfgate result"
	root["definitions"] = s.defs
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The schema in docs is that of Result as it is; go test ./internal/gate -run Schema -update writes it.
func TestSchemaCurrent(t *testing.T) {
	got := schema(t)
	if *update {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not that of the types; run go test ./internal/gate -run Schema -update and read the difference", schemaFile)
	}
}

// Every saved result is valid, and what is none is not: one without a field that is always there, or with a
// word that is no verdict.
func TestSchemaValidates(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("result.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("result.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob("../../report/testdata/*.json")
	if len(names) < 5 {
		t.Fatalf("only %d results found", len(names))
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		object := value.(map[string]any)
		for _, field := range []string{"version", "exit_code", "verdicts", "problems"} {
			was := object[field]
			delete(object, field)
			if s.Validate(value) == nil {
				t.Errorf("%s: valid without %s", name, field)
			}
			object[field] = was
		}
		if vs := object["verdicts"].([]any); len(vs) > 0 {
			vs[0].(map[string]any)["verdict"] = "passed"
			if s.Validate(value) == nil {
				t.Errorf("%s: valid with the verdict passed", name)
			}
		}
	}
	// What Judge returns of nothing at all has its lists, too.
	r, err := Judge(Input{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(value); err != nil {
		t.Error(err)
	}
}
