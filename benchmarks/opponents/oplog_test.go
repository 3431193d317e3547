package opponents

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

const (
	logRecords = 10_000
	logBatch   = 128
)

var payloadSizes = []int{64, 256, 2500}

// team is a group of four authors, without signatures: these cost far more than all the rest, on every
// side alike, and are compared in BenchmarkSignatures.
func team() antientropy.Group {
	g := antientropy.Group{ID: [32]byte{1}, Epoch: 1, Key: [32]byte{2}, Unsigned: true}
	for i := range 4 {
		g.Members = append(g.Members, protocols.PeerID{byte(i + 1)})
	}
	return g
}

// A journal is the same records as a log and as a list in the log's order, and what each codec makes
// of them, in batches.
type journal struct {
	log     *antientropy.Log
	records []antientropy.Record
	payload int // bytes of all payloads
	stored  [][]byte
}

// newJournal makes records of random bytes, which no codec can shorten.
func newJournal(tb testing.TB, size int) *journal {
	l, err := antientropy.NewLog(team())
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(uint64(size), 1))
	for i := range logRecords {
		payload := make([]byte, size)
		for j := range payload {
			payload[j] = byte(rng.Uint32())
		}
		r := antientropy.Record{Kind: antientropy.Op, Author: team().Members[i%4], Seq: uint64(i/4 + 1), Payload: payload}
		if added, err := l.Insert(r); !added || err != nil {
			tb.Fatal(added, err)
		}
	}
	j := &journal{log: l, payload: size * logRecords}
	for r := range l.All() {
		j.records = append(j.records, r.Clone())
	}
	j.stored = j.appendBatches(nil)
	return j
}

// appendBatches encodes the log as a session sends it, into the buffers of an earlier call.
func (j *journal) appendBatches(into [][]byte) [][]byte {
	n := 0
	for c := j.log.Since(nil); ; n++ {
		var buf []byte
		if n < len(into) {
			buf = into[n][:0]
		} else {
			into = append(into, nil)
		}
		batch, records := c.AppendBatch(buf, 1, uint64(n), logBatch)
		if records == 0 {
			return into[:n]
		}
		into[n] = batch
	}
}

// batches are the records in lists as long as those of the log's batches.
func (j *journal) batches(yield func(int, []antientropy.Record) bool) {
	for i := 0; i*logBatch < len(j.records); i++ {
		if !yield(i, j.records[i*logBatch:min((i+1)*logBatch, len(j.records))]) {
			return
		}
	}
}

// A codec encodes and decodes a list of records.
type codec struct {
	by     string
	encode func([]antientropy.Record) ([]byte, error)
	decode func([]byte) ([]antientropy.Record, error)
}

func codecs(tb testing.TB) []codec {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		tb.Fatal(err)
	}
	return []codec{
		{"cbor", func(r []antientropy.Record) ([]byte, error) { return mode.Marshal(r) },
			func(b []byte) (r []antientropy.Record, err error) { return r, cbor.Unmarshal(b, &r) }},
		{"gob", func(r []antientropy.Record) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(r)
			return b.Bytes(), err
		}, func(b []byte) (r []antientropy.Record, err error) {
			return r, gob.NewDecoder(bytes.NewReader(b)).Decode(&r)
		}},
		{"json", func(r []antientropy.Record) ([]byte, error) { return json.Marshal(r) },
			func(b []byte) (r []antientropy.Record, err error) { return r, json.Unmarshal(b, &r) }},
	}
}

func (j *journal) encodeAll(c codec) (list [][]byte, err error) {
	for _, records := range j.batches {
		b, err := c.encode(records)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

func length(batches [][]byte) (n int) {
	for _, b := range batches {
		n += len(b)
	}
	return n
}

// insert adds records as if a peer had sent them, with every check that a batch undergoes.
func insert(l *antientropy.Log, records []antientropy.Record) error {
	for _, r := range records {
		if added, err := l.Insert(r); err != nil || !added {
			return fmt.Errorf("insert record %d: added %v, %w", r.Seq, added, err)
		}
	}
	return nil
}

func same(x, y *antientropy.Record) bool {
	return x.Kind == y.Kind && x.Author == y.Author && x.Seq == y.Seq && bytes.Equal(x.Payload, y.Payload)
}

// TestOpLog: every codec gives back the same records, and the logs that they fill have one digest.
func TestOpLog(t *testing.T) {
	j := newJournal(t, 64)
	want := j.log.Digest()
	for _, c := range codecs(t) {
		l, err := antientropy.NewLog(team())
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := j.encodeAll(c)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for _, b := range encoded {
			records, err := c.decode(b)
			if err != nil {
				t.Fatal(err)
			}
			for k := range records {
				if !same(&records[k], &j.records[i]) {
					t.Fatalf("%s: record %d differs", c.by, i)
				}
				i++
			}
			if err := insert(l, records); err != nil {
				t.Fatal(err)
			}
		}
		if got := l.Digest(); i != logRecords || !got.Equal(&want) {
			t.Errorf("%s: %d records, digest %+v, want %+v", c.by, i, got, want)
		}
	}
	l, err := antientropy.NewLog(team())
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range j.stored {
		if _, _, err := l.ApplyBatch(b, 1, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.Digest(); !got.Equal(&want) {
		t.Errorf("perfgate: digest %+v, want %+v", got, want)
	}
}

// OpLogEncode makes 79 batches of 10,000 records. Ours are framed records and a SHA-256 over the ids of
// each batch; memcpy moves the same bytes; the others encode lists of the same struct, without any hash.
func BenchmarkOpLogEncode(b *testing.B) {
	for _, size := range payloadSizes {
		var j *journal
		key := fmt.Sprintf("ops=%d/payload=%d", logRecords, size)
		with := func(b *clocked) *journal {
			if j == nil {
				j = newJournal(b, size)
			}
			b.SetBytes(int64(j.payload))
			return j
		}
		sides := []side{
			{"perfgate", func(b *clocked) []figure {
				j := with(b)
				out := j.appendBatches(nil)
				for b.Loop() {
					out = j.appendBatches(out)
				}
				if length(out) != length(j.stored) {
					b.Fatal("another length")
				}
				return []figure{exactly(length(out), "size-B/op")}
			}},
			{"memcpy", func(b *clocked) []figure {
				j := with(b)
				into := make([]byte, length(j.stored))
				for b.Loop() {
					to := into
					for _, s := range j.stored {
						to = to[copy(to, s):]
					}
				}
				if !bytes.HasSuffix(into, j.stored[len(j.stored)-1]) {
					b.Fatal("not copied")
				}
				return []figure{exactly(len(into), "size-B/op")}
			}},
		}
		for _, c := range codecs(b) {
			sides = append(sides, side{c.by, func(b *clocked) []figure {
				j := with(b)
				var out [][]byte
				for b.Loop() {
					var err error
					if out, err = j.encodeAll(c); err != nil {
						b.Fatal(err)
					}
				}
				return []figure{exactly(length(out), "size-B/op")}
			}})
		}
		duel(b, key, sides...)
	}
}

// OpLogDecode reads the records out of what OpLogEncode made, and checks nothing. Ours lie in the log in
// the form in which they were sent, so reading finds their fields in place; the others make a list.
func BenchmarkOpLogDecode(b *testing.B) {
	for _, size := range payloadSizes {
		var j *journal
		with := func(b *clocked) *journal {
			if j == nil {
				j = newJournal(b, size)
			}
			b.SetBytes(int64(j.payload))
			return j
		}
		sides := []side{{"perfgate", func(b *clocked) []figure {
			j := with(b)
			got := 0
			for b.Loop() {
				got = 0
				for r := range j.log.All() {
					got += len(r.Payload)
				}
			}
			if got != j.payload {
				b.Fatalf("%d bytes of payload, want %d", got, j.payload)
			}
			return nil
		}}}
		for _, c := range codecs(b) {
			sides = append(sides, side{c.by, func(b *clocked) []figure {
				j := with(b)
				encoded, err := j.encodeAll(c)
				if err != nil {
					b.Fatal(err)
				}
				got := 0
				for b.Loop() {
					got = 0
					for _, e := range encoded {
						records, err := c.decode(e)
						if err != nil {
							b.Fatal(err)
						}
						for i := range records {
							got += len(records[i].Payload)
						}
					}
				}
				if got != j.payload {
					b.Fatalf("%d bytes of payload, want %d", got, j.payload)
				}
				return nil
			}})
		}
		duel(b, fmt.Sprintf("ops=%d/payload=%d", logRecords, size), sides...)
	}
}

// OpLogApply takes the batches into an empty log: decode, verify (form, author, number, id, without
// signatures), hash, add. The others decode first and insert record by record, with the same checks.
// Sha256 is one SHA-256 over each payload and nothing else: no side can do with less, since an id is one.
func BenchmarkOpLogApply(b *testing.B) {
	for _, size := range payloadSizes {
		var j *journal
		var l, empty *antientropy.Log
		with := func(b *clocked) *journal {
			if j == nil {
				j = newJournal(b, size)
				var err error
				if empty, err = antientropy.NewLog(team()); err != nil {
					b.Fatal(err)
				}
				if l, err = antientropy.NewLog(team()); err != nil {
					b.Fatal(err)
				}
				// Memory is found before, on every side alike.
				l.CopyFrom(j.log)
			}
			b.SetBytes(int64(j.payload))
			return j
		}
		check := func(b *clocked) {
			got, want := l.Digest(), j.log.Digest()
			if !got.Equal(&want) {
				b.Fatalf("digest %+v, want %+v", got, want)
			}
		}
		sides := []side{
			{"perfgate", func(b *clocked) []figure {
				j := with(b)
				for b.Loop() {
					l.CopyFrom(empty)
					for i, s := range j.stored {
						if _, _, err := l.ApplyBatch(s, 1, uint64(i)); err != nil {
							b.Fatal(err)
						}
					}
				}
				check(b)
				return nil
			}},
			{"sha256", func(b *clocked) []figure {
				j := with(b)
				var sum, last [32]byte
				for b.Loop() {
					sum = [32]byte{}
					for i := range j.records {
						last = sha256.Sum256(j.records[i].Payload)
						sum[i%32] ^= last[0]
					}
				}
				if sum == last {
					b.Fatal("nothing was hashed")
				}
				return nil
			}},
		}
		for _, c := range codecs(b) {
			sides = append(sides, side{c.by, func(b *clocked) []figure {
				j := with(b)
				encoded, err := j.encodeAll(c)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					l.CopyFrom(empty)
					for _, e := range encoded {
						records, err := c.decode(e)
						if err == nil {
							err = insert(l, records)
						}
						if err != nil {
							b.Fatal(err)
						}
					}
				}
				check(b)
				return nil
			}})
		}
		duel(b, fmt.Sprintf("ops=%d/payload=%d", logRecords, size), sides...)
	}
}
