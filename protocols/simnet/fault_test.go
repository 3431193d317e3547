package simnet

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perfgate/perfgate/protocols"
)

func TestBurstsHaveTheirLength(t *testing.T) {
	const total = 100_000
	var a, b probe
	o := Options{Seed: 1, Link: Link{Burst: Burst{Begin: 0.01, End: 0.2, Loss: 0.9}}}
	n := network(t, o, &a, &b)
	runs, before := 0, 0
	for range total {
		n.say(one, two, "x")
		if lost := n.Link(one, two).Lost; lost > before {
			before = lost
			if n.queue.len() > 0 {
				runs++
			}
		}
		n.Run(time.Second, nil)
	}
	// Bad for 1/End of every 1/Begin + 1/End datagrams.
	want := 0.9 * total * (1 / 0.2) / (1/0.01 + 1/0.2)
	if got := float64(n.Total().Lost); math.Abs(got-want) > 0.1*want {
		t.Errorf("seed %d: lost %v of %d, want about %.0f", o.Seed, got, total, want)
	}
	// Losses that come alone would follow each other as rarely as they come at all.
	var c probe
	n = network(t, o, &a, &c)
	together, last := 0, -2
	for i := range total {
		lost := n.Link(one, two).Lost
		n.say(one, two, "x")
		if n.Link(one, two).Lost > lost {
			if last == i-1 {
				together++
			}
			last = i
		}
	}
	if share := float64(together) / want; share < 0.6 || share > 0.8 { // 0.8 stays bad, 0.9 is lost
		t.Errorf("seed %d: %.2f of the losses follow another, want about 0.72", o.Seed, share)
	}
}

func TestReorderHoldsBack(t *testing.T) {
	var a, b probe
	n := network(t, Options{Seed: 1, Link: Link{Delay: 10, Reorder: 0.3, HoldBack: 1000}}, &a, &b)
	for range 1000 {
		n.say(one, two, "x")
	}
	n.Run(time.Second, nil)
	late := 0
	for _, at := range b.at {
		if at > 10 {
			late++
		}
	}
	if len(b.at) != 1000 || late < 250 || late > 350 || b.at[999] > 1010 {
		t.Errorf("%d arrived, %d late, the last at %v", len(b.at), late, b.at[999])
	}
}

// Two peers send to one at once: each uplink takes 80 us, the shared downlink 160 us for both.
func TestAccessIsShared(t *testing.T) {
	var a, b, c probe
	n := network(t, Options{Access: Access{Up: 10_000_000}}, &a, &b, &c)
	if err := n.SetAccess(three, Access{Down: 10_000_000, Queue: 150}); err != nil {
		t.Fatal(err)
	}
	text := string(make([]byte, 72)) // 100 bytes on the wire
	n.say(one, three, text)
	n.say(two, three, text)
	n.say(one, two, text) // waits for the first
	n.Run(time.Second, nil)
	us := time.Microsecond
	if want := []time.Duration{160 * us}; !slices.Equal(c.at, want) || n.Total().Overflowed != 1 {
		t.Errorf("arrived at %v, %d overflowed; want %v and 1", c.at, n.Total().Overflowed, want)
	}
	if want := []time.Duration{160 * us}; !slices.Equal(b.at, want) {
		t.Errorf("arrived at %v, want %v", b.at, want)
	}
	if n.SetAccess(protocols.PeerID{99}, Access{}) == nil || n.SetAccess(one, Access{Up: -1}) == nil {
		t.Error("nonsense was taken")
	}
}

// A diary is a node that counts what it heard, in memory and on disk.
type diary struct {
	store *protocols.FileStore
	boot  int
	heard int
	woken int
}

func (d *diary) Step(_ time.Duration, in protocols.Input, out *protocols.Output) {
	if in.Data == nil {
		d.woken++
		return
	}
	d.heard++
	if err := d.store.Write("heard", []byte(fmt.Sprint(d.heard))); err != nil {
		panic(err)
	}
	out.Datagrams = append(out.Datagrams, protocols.Datagram{To: in.From, Data: append(out.Buffer(), "heard"...)})
}

func (d *diary) AppendState(dst []byte) []byte { return append(dst, byte(d.heard)) }

func withDiary(t *testing.T, o Options) (*Network, *probe) {
	t.Helper()
	var a probe
	n := network(t, o, &a)
	err := n.AddFunc(two, func(boot int, disk *Disk) (protocols.Node, error) {
		s, err := protocols.NewFileStore(disk)
		if err != nil {
			return nil, err
		}
		d := &diary{store: s, boot: boot}
		b, err := s.Read("heard")
		if err == nil {
			_, err = fmt.Sscan(string(b), &d.heard)
		} else if errors.Is(err, protocols.ErrNotStored) {
			err = nil
		}
		return d, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n, &a
}

func TestCrashTakesMemoryAndWhatArrivesMeanwhile(t *testing.T) {
	ms := time.Millisecond
	n, a := withDiary(t, Options{Link: Link{Delay: ms}, Crashes: []Crash{{Peer: two, At: 10 * ms, Back: 10 * ms}}})
	n.say(one, two, "before")
	n.Run(9500*time.Microsecond, nil)
	n.say(one, two, "while down")
	n.Run(15*ms, nil)
	if n.Node(two) != nil || n.Do(two, nil) == nil {
		t.Error("it is not down")
	}
	n.Run(25*ms, nil)
	n.say(one, two, "after")
	n.Run(time.Second, nil)
	d := n.Node(two).(*diary)
	if d.boot != 1 || d.heard != 2 || d.woken != 1 || n.Link(one, two).Unheard != 1 || n.Err() != nil || len(a.got) != 2 {
		t.Errorf("%+v; unheard %d, %v, %d answers", d, n.Link(one, two).Unheard, n.Err(), len(a.got))
	}
	if n.Crash(one, 0) == nil || n.Crash(protocols.PeerID{9}, 0) == nil {
		t.Error("crashed what cannot start again")
	}
}

// Whatever the disk operation within which a peer stops: it says "heard" only of what it finds again.
func TestCrashWithinTheDisk(t *testing.T) {
	kept, lost := 0, 0
	for seed := range uint64(40) {
		for k := 1; k <= 4; k++ {
			n, a := withDiary(t, Options{Seed: seed})
			n.say(one, two, "first")
			n.Run(time.Second, nil)
			n.Disk(two).CrashAfter(k, time.Millisecond)
			n.say(one, two, "second")
			n.Run(time.Second, nil)
			d := n.Node(two).(*diary)
			if d.boot != 1 || len(a.got) != 1 || d.heard < 1 || d.heard > 2 {
				t.Fatalf("seed %d, operation %d: boot %d, %d answers, heard %d", seed, k, d.boot, len(a.got), d.heard)
			}
			if d.heard == 2 {
				kept++
			} else {
				lost++
			}
		}
	}
	if kept < 10 || lost < 10 {
		t.Errorf("the second was kept %d times and lost %d times: one never happens", kept, lost)
	}
}

// A store on a forgetful disk: after a crash every file is what it was or what was being written.
func TestStoreOnForgetfulDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		d := NewDisk(seed)
		want := map[string]string{}
		for range rapid.IntRange(1, 5).Draw(t, "lives") {
			var name, text string
			removing := false
			d.CrashAfter(rapid.IntRange(1, 20).Draw(t, "crash"), 0)
			crashed := d.Run(func() {
				s, err := protocols.NewFileStore(d)
				if err != nil {
					t.Fatal(err)
				}
				for range rapid.IntRange(0, 6).Draw(t, "writes") {
					name = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
					text = rapid.StringN(0, 30, -1).Draw(t, "text")
					removing = rapid.IntRange(0, 3).Draw(t, "remove") == 0
					if removing {
						err = s.Remove(name)
					} else {
						err = s.Write(name, []byte(text))
					}
					if err != nil {
						t.Fatal(err)
					}
					if delete(want, name); !removing {
						want[name] = text
					}
					name = ""
				}
			})
			d.CrashAfter(0, 0)
			if !crashed {
				d.Crash()
			}
			s, err := protocols.NewFileStore(d)
			if err != nil {
				t.Fatal(err)
			}
			names, err := s.Names()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{"a", "b", "c"} {
				b, err := s.Read(f)
				if there := err == nil; there != slices.Contains(names, f) || !there && !errors.Is(err, protocols.ErrNotStored) {
					t.Fatalf("%s: %v, listed %q", f, err, names)
				}
				old, had := want[f]
				same := had == (err == nil) && string(b) == old
				changed := f == name && (removing && err != nil || !removing && err == nil && string(b) == text)
				if !same && !changed {
					t.Fatalf("seed %d: %s is %q, %v; was %q, %v; in work: %s %q", seed, f, b, err, old, had, name, text)
				}
				if delete(want, f); err == nil {
					want[f] = string(b)
				}
			}
		}
	})
}

func TestStoreNames(t *testing.T) {
	s, err := protocols.NewFileStore(NewDisk(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"", ".", "..", ".a", "-a", "a/b", "A", "a~", "a\x00", string(make([]byte, 65))} {
		_, err := s.Read(n)
		for _, err := range []error{s.Write(n, nil), s.Remove(n), err} {
			if !errors.Is(err, protocols.ErrVerification) {
				t.Errorf("%q: %v", n, err)
			}
		}
	}
	if err := s.Remove("not-there"); err != nil {
		t.Error(err)
	}
}

func TestClocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		c := clock{ahead: time.Duration(rng.Int64N(1e9)), drift: rng.Int64N(2000) - 1000}
		at := time.Duration(rng.Int64N(int64(1000 * time.Hour)))
		l := c.local(at)
		if g := c.global(l); g > at || c.local(g) < l || g > 0 && c.local(g-1) >= l && c.drift >= 0 {
			t.Fatalf("%+v: %v is %v there, which is %v here", c, at, l, g)
		}
	}
	var a probe
	a.reply = func(_ protocols.Input, out *protocols.Output) {}
	n := network(t, Options{Seed: 3, Skew: time.Second, Drift: 500}, &a, &probe{})
	c := n.peers[0].clock
	if c == n.peers[1].clock || c.ahead == 0 || c.drift == 0 {
		t.Fatalf("clocks %+v and %+v", c, n.peers[1].clock)
	}
	at := c.local(0) + time.Minute
	n.Do(one, func(now time.Duration, out *protocols.Output) {
		if now != c.ahead {
			t.Errorf("the clock shows %v at the start, want %v", now, c.ahead)
		}
		out.Wake = at
	})
	n.Run(time.Hour, nil)
	if len(a.woken) != 1 || a.woken[0] < at || a.woken[0] > at+1 {
		t.Errorf("woken at %v by its clock, wanted %v", a.woken, at)
	}
}

// The trace covers what nodes think where that is asked for, and observers see every event in order.
func TestStatesAndObservers(t *testing.T) {
	run := func(states bool, spoil bool) (uint64, []string) {
		var seen []string
		var last time.Duration
		n, _ := withDiary(t, Options{
			Seed: 9, Link: Link{Delay: 1000, Loss: 0.2, Duplicate: 0.2}, States: states,
			Crashes: []Crash{{Peer: two, At: 5000, Back: 500}},
			Observe: func(e Event) {
				if e.At < last || ((e.Kind == Handled || e.Kind == Woken) && e.To == two) != (e.State != 0) && states {
					panic(fmt.Sprint(e))
				}
				last = e.At
				seen = append(seen, e.Kind.String())
			},
		})
		for i := range 10 {
			n.say(one, two, fmt.Sprint(i))
			n.Run(n.Now()+800, nil)
			if d, ok := n.Node(two).(*diary); ok && spoil && i == 3 {
				d.heard += 100 // seen by nobody until the next step
			}
		}
		n.Run(time.Second, nil)
		return n.Trace(), seen
	}
	quiet, _ := run(false, false)
	first, seen := run(true, false)
	second, again := run(true, false)
	if first != second || !slices.Equal(seen, again) {
		t.Error("two runs differ")
	}
	if spoiled, _ := run(true, true); first == spoiled || first == quiet {
		t.Error("a changed state left no trace")
	}
	for h := Sent; h <= Booted; h++ {
		often := slices.Contains([]Happening{Sent, Lost, Duplicated, Handled, Crashed, Booted, Acted, Unheard}, h)
		if often && !slices.Contains(seen, h.String()) {
			t.Errorf("nothing was %v: %v", h, seen)
		}
	}
}

// BenchmarkNetwork moves datagrams in a ring, so many at a time.
func BenchmarkNetwork(b *testing.B) {
	for _, flying := range []int{16, 80, 800, 8000} {
		b.Run(fmt.Sprintf("flying=%d", flying), func(b *testing.B) {
			const peers = 10
			n, err := New(Options{Seed: 1, Link: Link{Delay: time.Millisecond, Jitter: time.Millisecond}})
			if err != nil {
				b.Fatal(err)
			}
			for i := range peers {
				next := protocols.PeerID{byte((i+1)%peers + 1)}
				if err := n.Add(protocols.PeerID{byte(i + 1)}, forward(next)); err != nil {
					b.Fatal(err)
				}
			}
			for i := range flying {
				n.say(protocols.PeerID{byte(i%peers + 1)}, protocols.PeerID{byte((i+1)%peers + 1)}, "sixteen bytes...")
			}
			b.ReportAllocs()
			steps := 0
			done := func() bool { steps++; return steps%1000 == 0 }
			for b.Loop() {
				if !n.Run(math.MaxInt64, done) {
					b.Fatal("ran dry")
				}
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "datagrams/s")
		})
	}
}

type forward protocols.PeerID

func (f forward) Step(_ time.Duration, in protocols.Input, out *protocols.Output) {
	out.Datagrams = append(out.Datagrams, protocols.Datagram{To: protocols.PeerID(f), Data: append(out.Buffer(), in.Data...)})
}

func TestMemory(t *testing.T) {
	m := Memory{}
	text := []byte("text")
	if err := errors.Join(m.Write("b", text), m.Write("a", nil)); err != nil {
		t.Fatal(err)
	}
	text[0] = 'x'
	b, err := m.Read("b")
	if err != nil || string(b) != "text" {
		t.Errorf("read %q, %v", b, err)
	}
	b[0] = 'y'
	if b, _ = m.Read("b"); string(b) != "text" {
		t.Errorf("what was read is what is kept: %q", b)
	}
	if names, _ := m.Names(); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("names %q", names)
	}
	if err := m.Remove("b"); err != nil {
		t.Error(err)
	}
	if _, err := m.Read("b"); !errors.Is(err, protocols.ErrNotStored) {
		t.Errorf("read what was removed: %v", err)
	}
}
