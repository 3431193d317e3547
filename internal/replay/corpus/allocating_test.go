package corpus

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/btree"
	"github.com/yuin/goldmark"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"gopkg.in/yaml.v3"
)

func BenchmarkJSONMarshal(b *testing.B) {
	data := records(seeded(20), 40)
	text, err := json.Marshal(data)
	must(b, err)
	var back []record
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, data) {
		b.Fatalf("not the same after decoding: %v", err)
	}
	measure(b, len(text), func() int {
		text, err := json.Marshal(data)
		if err != nil {
			return -1
		}
		return len(text)
	})
}

func BenchmarkJSONUnmarshal(b *testing.B) {
	data := records(seeded(21), 40)
	text, err := json.Marshal(data)
	must(b, err)
	measure(b, weight(data), func() int {
		var back []record
		if err := json.Unmarshal(text, &back); err != nil {
			return -1
		}
		return weight(back)
	})
}

func BenchmarkYAMLUnmarshal(b *testing.B) {
	data := records(seeded(22), 4)
	text, err := yaml.Marshal(data)
	must(b, err)
	measure(b, weight(data), func() int {
		var back []record
		if err := yaml.Unmarshal(text, &back); err != nil {
			return -1
		}
		return weight(back)
	})
}

func BenchmarkMarkdown(b *testing.B) {
	r := seeded(23)
	var page bytes.Buffer
	items := 0
	for page.Len() < 2<<10 {
		fmt.Fprintf(&page, "## %s\n\nThe *%s* of `%s`, see [%s](https://example.com/%s).\n\n", word(r), word(r), word(r), word(r), word(r))
		for range 1 + r.IntN(3) {
			items++
			fmt.Fprintf(&page, "- %s **%s** %s\n", word(r), word(r), word(r))
		}
		page.WriteByte('\n')
	}
	markdown := goldmark.New()
	var out bytes.Buffer
	measure(b, items, func() int {
		out.Reset()
		if err := markdown.Convert(page.Bytes(), &out); err != nil {
			return -1
		}
		return bytes.Count(out.Bytes(), []byte("<li>"))
	})
}

func BenchmarkTemplate(b *testing.B) {
	data := records(seeded(24), 40)
	t := template.Must(template.New("table").Parse(
		`{{range $i, $r := .}}{{if $i}}, {{end}}{{printf "%d %s" $r.ID $r.Name}} {{range $r.Tags}}[{{.}}]{{end}}{{end}}`))
	var want strings.Builder
	for i, r := range data {
		if i > 0 {
			want.WriteString(", ")
		}
		fmt.Fprintf(&want, "%d %s [%s]", r.ID, r.Name, strings.Join(r.Tags, "]["))
	}
	var out bytes.Buffer
	measure(b, want.Len(), func() int {
		out.Reset()
		if err := t.Execute(&out, data); err != nil {
			return -1
		}
		return out.Len()
	})
	if out.String() != want.String() {
		b.Errorf("the template gives %s", &out)
	}
}

func BenchmarkProtoUnmarshal(b *testing.B) {
	described := protodesc.ToFileDescriptorProto(descriptorpb.File_google_protobuf_descriptor_proto)
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(described)
	must(b, err)
	var back descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(data, &back); err != nil || !proto.Equal(&back, described) {
		b.Fatalf("not the same after decoding: %v", err)
	}
	count := func(f *descriptorpb.FileDescriptorProto) int {
		n := 0
		for _, m := range f.GetMessageType() {
			n += len(m.GetName()) + len(m.GetField())
		}
		return n
	}
	measure(b, count(described), func() int {
		var f descriptorpb.FileDescriptorProto
		if err := proto.Unmarshal(data, &f); err != nil {
			return -1
		}
		return count(&f)
	})
}

func BenchmarkGob(b *testing.B) {
	data := records(seeded(25), 10)
	var wire bytes.Buffer
	measure(b, weight(data), func() int {
		wire.Reset()
		var back []record
		if gob.NewEncoder(&wire).Encode(data) != nil || gob.NewDecoder(&wire).Decode(&back) != nil {
			return -1
		}
		return weight(back)
	})
}

func BenchmarkBTreeInsert(b *testing.B) {
	keys := seeded(26).Perm(500)
	measure(b, 500*1000+499, func() int {
		tree := btree.NewOrderedG[int](8)
		for _, k := range keys {
			tree.ReplaceOrInsert(k)
		}
		last, _ := tree.Max()
		return tree.Len()*1000 + last
	})
}

func BenchmarkRoaring(b *testing.B) {
	r := seeded(16)
	x, y := roaring.New(), roaring.New()
	in := map[uint32]int{}
	for range 8000 {
		v := r.Uint32N(1 << 18)
		x.Add(v)
		in[v] |= 1
		v = r.Uint32N(1 << 18)
		y.Add(v)
		in[v] |= 2
	}
	both := 0
	for _, sets := range in {
		if sets == 1|2 {
			both++
		}
	}
	measure(b, both*100_000+len(in), func() int {
		return int(roaring.And(x, y).GetCardinality())*100_000 + int(roaring.Or(x, y).GetCardinality())
	})
}

type node struct{ left, right *node }

func grow(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{grow(depth - 1), grow(depth - 1)}
}

func (n *node) count() int {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

// The nodes that stay alive are what the collector has to mark in each of its cycles.
func BenchmarkTree(b *testing.B) {
	alive := make([]*node, 100)
	for i := range alive {
		alive[i] = grow(10)
	}
	measure(b, 2047, func() int { return grow(10).count() })
	for _, n := range alive {
		if n.count() != 2047 {
			b.Error("a tree has lost nodes")
		}
	}
}
