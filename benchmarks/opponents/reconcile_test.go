package opponents

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip77/negentropy"
	"github.com/nbd-wtf/go-nostr/nip77/negentropy/storage/vector"
	"github.com/perfgate/perfgate/protocols/cells"
)

type id = [32]byte

// prefixCells is how many cells a replica keeps up to date: enough for some 2,700 differences.
const prefixCells = 4096

// A replica has ids, and what each side of the comparison keeps of them between reconciliations.
type replica struct {
	ids    []id
	at     []nostr.Timestamp // when each was made, which negentropy sorts by
	prefix *cells.Prefix
	ranges *cells.Ranges
	byID   map[uint64]uint32 // short id to index, which a log has anyway
	vector *vector.Vector
}

// A pair is two replicas that differ in d of altogether n ids.
type pair struct {
	a, b         *replica
	onlyA, onlyB []id // sorted
}

// secret keys the short ids: both replicas of a group know it.
var secret = cells.Key{1, 2, 3}

// newPair spreads the differences over all ids by chance, or makes them the newest.
func newPair(n, d int, newest bool) *pair {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(d)))
	p := &pair{a: &replica{}, b: &replica{}}
	different := map[int]bool{}
	for len(different) < d {
		if newest {
			different[n-1-len(different)] = true
		} else {
			different[rng.IntN(n)] = true
		}
	}
	for i := range n {
		x, at := randomID(rng), nostr.Timestamp(1_700_000_000+i)
		switch {
		case !different[i]:
			p.a.add(x, at)
			p.b.add(x, at)
		case len(p.onlyB) > len(p.onlyA):
			p.a.add(x, at)
			p.onlyA = append(p.onlyA, x)
		default:
			p.b.add(x, at)
			p.onlyB = append(p.onlyB, x)
		}
	}
	slices.SortFunc(p.onlyA, compare)
	slices.SortFunc(p.onlyB, compare)
	p.a.build()
	p.b.build()
	return p
}

func randomID(rng *rand.Rand) (x id) {
	for i := 0; i < len(x); i += 8 {
		binary.LittleEndian.PutUint64(x[i:], rng.Uint64())
	}
	return x
}

func compare(x, y id) int { return slices.Compare(x[:], y[:]) }

func (r *replica) add(x id, at nostr.Timestamp) {
	r.ids, r.at = append(r.ids, x), append(r.at, at)
}

func (r *replica) build() {
	r.prefix = buildPrefix(r)
	r.ranges = cells.NewRanges(r.shorts())
	r.vector = buildVector(r)
	r.byID = make(map[uint64]uint32, len(r.ids))
	for i := range r.ids {
		r.byID[secret.Short(&r.ids[i])] = uint32(i)
	}
}

func (r *replica) shorts() []uint64 {
	s := make([]uint64, len(r.ids))
	for i := range r.ids {
		s[i] = secret.Short(&r.ids[i])
	}
	return s
}

func buildPrefix(r *replica) *cells.Prefix {
	p := cells.NewPrefix(secret, prefixCells)
	for i := range r.ids {
		p.Add(secret.Short(&r.ids[i]))
	}
	return p
}

func buildVector(r *replica) *vector.Vector {
	v := vector.New()
	for i := range r.ids {
		v.Insert(r.at[i], hex.EncodeToString(r.ids[i][:]))
	}
	v.Seal()
	return v
}

// A tally is what one reconciliation put on the wire, without headers of any transport, and found. A
// leg is one message, which had to wait for the one before.
type tally struct {
	legs, bytes  int
	onlyA, onlyB []id // as A knows them in the end; B knows the same
}

func (t *tally) send(bytes int) { t.legs, t.bytes = t.legs+1, t.bytes+bytes }

// find translates short ids.
func (r *replica) find(dst []id, shorts []uint64) []id {
	for _, s := range shorts {
		dst = append(dst, r.ids[r.byID[s]])
	}
	return dst
}

// firstCells is how many cells the first message has: enough for about 14 differences.
const firstCells = 32

// byCells reconciles by cells from the maintained prefix. Sides take turns: each sends the cells that
// the other should need by the last estimate, until one can decode. That one tells the ids that only
// it has, and the short ids of those that it lacks; the other tells these.
func byCells(p *pair) (t tally, err error) {
	sides := [2]*replica{p.a, p.b}
	decoders := [2]*cells.Decoder{cells.NewDecoder(p.a.prefix), cells.NewDecoder(p.b.prefix)}
	var sent [2]int
	want, me := firstCells, 0
	for ; ; me = 1 - me {
		msg := sides[me].prefix.AppendCells(nil, sent[me], want)
		sent[me] = want
		t.send(len(msg))
		c, err := cells.ParseCells(msg)
		if err != nil {
			return t, err
		}
		you := decoders[1-me]
		if err := you.Add(&c); err != nil {
			return t, err
		}
		if you.Done() {
			break
		}
		if want >= prefixCells {
			return t, fmt.Errorf("%d cells are not enough", want)
		}
		// An estimate from a few cells may be off by a third.
		want = min(max(cells.Need(you.Estimate()*4/3), sent[1-me]+1), prefixCells)
	}
	finder, other := sides[1-me], sides[me]
	mine := finder.find(nil, decoders[1-me].Local())
	lacking := decoders[1-me].Remote()
	t.send(32*len(mine) + 8*len(lacking))
	theirs := other.find(nil, lacking)
	if len(theirs) > 0 {
		t.send(32 * len(theirs))
	}
	t.onlyA, t.onlyB = theirs, mine
	if finder == p.a {
		t.onlyA, t.onlyB = mine, theirs
	}
	return t, nil
}

// byRanges reconciles by ranges of short ids: fingerprints are split until a range has few ids, then
// the sides tell each other what they have in it.
func byRanges(p *pair) (t tally, err error) {
	const fanout, leaf = 16, 16
	sides := [2]*replica{p.a, p.b}
	only := [2][]id{}
	asked := cells.AppendRanges(nil, []cells.Range{p.a.ranges.Whole()})
	listed := []cells.Range(nil) // ranges whose short ids the other side has told
	var lists [][]uint64
	owed := 0 // ids that the next sender was asked for
	for me := 0; ; me = 1 - me {
		// What me sends was put together in the turn before.
		bytes := len(asked) + 32*owed
		for i := range listed {
			bytes += len(cells.AppendRanges(nil, listed[i:i+1])) + 8*len(lists[i])
		}
		if bytes == 0 {
			break
		}
		t.send(bytes)
		you := sides[1-me]
		owed = 0
		told := 0 // ids and short ids that the answer to the lists has
		for i, g := range listed {
			ours := you.ranges.Between(g.Low, g.High())
			mine, theirs := apart(ours, lists[i])
			only[1-me] = you.find(only[1-me], mine)
			only[me] = sides[me].find(only[me], theirs)
			told += 32*len(mine) + 8*len(theirs)
			owed += len(theirs)
		}
		remote, err := cells.ParseRanges(asked)
		if err != nil {
			return t, err
		}
		reply, enumerate := you.ranges.Split(remote, fanout, leaf)
		asked, listed, lists = cells.AppendRanges(nil, reply), enumerate, lists[:0]
		for _, g := range enumerate {
			lists = append(lists, you.ranges.Between(g.Low, g.High()))
		}
		// The answer goes out together with the next message, which it is counted with.
		t.bytes += told
		if told > 0 && len(asked) == 0 && len(listed) == 0 {
			t.legs++
			if owed > 0 {
				t.send(32 * owed)
			}
			break
		}
	}
	t.onlyA, t.onlyB = only[0], only[1]
	return t, nil
}

// apart returns what only x and what only y has, of two ascending lists.
func apart(x, y []uint64) (onlyX, onlyY []uint64) {
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] == y[0]:
			x, y = x[1:], y[1:]
		case x[0] < y[0]:
			onlyX, x = append(onlyX, x[0]), x[1:]
		default:
			onlyY, y = append(onlyY, y[0]), y[1:]
		}
	}
	return append(onlyX, x...), append(onlyY, y...)
}

// byNegentropy reconciles by ranges of (time, id). Its messages are hexadecimal; counted are the bytes
// they stand for. In the end only the initiator knows what differs, so one more message tells the other
// side: the ids that it lacks and those that it alone has.
func byNegentropy(p *pair) (t tally, err error) {
	client, server := negentropy.New(p.a.vector, 0), negentropy.New(p.b.vector, 0)
	// The channels hold 64 ids each, and have to be emptied meanwhile.
	collected := make(chan [2][]string)
	go func() {
		var got [2][]string
		haves, lacks := client.Haves, client.HaveNots
		for haves != nil || lacks != nil {
			select {
			case s, ok := <-haves:
				if !ok {
					haves = nil
					continue
				}
				got[0] = append(got[0], s)
			case s, ok := <-lacks:
				if !ok {
					lacks = nil
					continue
				}
				got[1] = append(got[1], s)
			}
		}
		collected <- got
	}()
	for msg := client.Start(); msg != ""; {
		t.send(len(msg) / 2)
		reply, err := server.Reconcile(msg)
		if err != nil {
			return t, err
		}
		t.send(len(reply) / 2)
		if msg, err = client.Reconcile(reply); err != nil {
			return t, err
		}
	}
	got := <-collected
	for i, dst := range []*[]id{&t.onlyA, &t.onlyB} {
		for _, s := range got[i] {
			var x id
			if _, err := hex.Decode(x[:], []byte(s)); err != nil {
				return t, err
			}
			*dst = append(*dst, x)
		}
	}
	t.send(32 * (len(t.onlyA) + len(t.onlyB)))
	return t, nil
}

var reconcilers = []struct {
	by string
	do func(*pair) (tally, error)
}{
	{"perfgate", byCells},
	{"perfgate-ranges", byRanges},
	{"negentropy", byNegentropy},
}

// check returns an error unless the reconciliation has found exactly what differs.
func (p *pair) check(t tally) error {
	slices.SortFunc(t.onlyA, compare)
	slices.SortFunc(t.onlyB, compare)
	if !slices.Equal(t.onlyA, p.onlyA) || !slices.Equal(t.onlyB, p.onlyB) {
		return fmt.Errorf("found %d and %d differences, want %d and %d, or others", len(t.onlyA), len(t.onlyB), len(p.onlyA), len(p.onlyB))
	}
	return nil
}

// TestReconcile: all find the same difference.
func TestReconcile(t *testing.T) {
	for _, d := range []int{0, 1, 2, 10, 100, 1000} {
		for _, newest := range []bool{false, true} {
			p := newPair(5000, d, newest)
			for _, r := range reconcilers {
				got, err := r.do(p)
				if err == nil {
					err = p.check(got)
				}
				if err != nil {
					t.Errorf("%s, %d differences, newest %v: %v", r.by, d, newest, err)
				}
			}
		}
	}
}

// Reconcile finds what differs until both sides know it in whole ids, from the state that each keeps
// between reconciliations. What that state costs is in Upkeep.
func BenchmarkReconcile(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		for _, d := range []int{1, 10, 100, 1000} {
			reconcile(b, fmt.Sprintf("ops=%d/diff=%d/at=spread", n, d), func() *pair { return newPair(n, d, false) })
		}
		reconcile(b, fmt.Sprintf("ops=%d/diff=%d/at=newest", n, 100), func() *pair { return newPair(n, 100, true) })
	}
}

func reconcile(b *testing.B, key string, build func() *pair) {
	var p *pair // built by whichever side runs
	var sides []side
	for _, r := range reconcilers {
		sides = append(sides, side{r.by, func(b *clocked) []figure {
			if p == nil {
				p = build()
			}
			var t tally
			for b.Loop() {
				var err error
				if t, err = r.do(p); err != nil {
					b.Fatal(err)
				}
			}
			if err := p.check(t); err != nil {
				b.Fatal(err)
			}
			return []figure{exactly(t.legs, "legs/op"), exactly(t.bytes, "wire-B/op")}
		}})
	}
	duel(b, key, sides...)
}

// Upkeep is what the state costs: ops=N is that of N ids, built from nothing. For the prefix this is N
// inserts, which are spread over the replica's life; ranges and negentropy's vector cannot change and
// are built anew when something was added since the last time.
func BenchmarkUpkeep(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		var r *replica
		ids := func() *replica {
			if r == nil {
				r = newPair(n, 0, false).a
			}
			return r
		}
		duel(b, fmt.Sprintf("ops=%d", n),
			side{"perfgate", func(b *clocked) []figure {
				r := ids()
				p := r.prefix
				for b.Loop() {
					p = buildPrefix(r)
				}
				if p.Count() != n {
					b.Fatalf("%d items", p.Count())
				}
				return nil
			}},
			side{"perfgate-ranges", func(b *clocked) []figure {
				r := ids()
				g := r.ranges
				for b.Loop() {
					g = cells.NewRanges(r.shorts())
				}
				if g.Len() != n {
					b.Fatalf("%d items", g.Len())
				}
				return nil
			}},
			side{"negentropy", func(b *clocked) []figure {
				r := ids()
				v := r.vector
				for b.Loop() {
					v = buildVector(r)
				}
				if v.Size() != n {
					b.Fatalf("%d items", v.Size())
				}
				return nil
			}},
		)
	}
}
