package opponents

import (
	"encoding/binary"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// The ring: so many peers pass on to the next one what they get, each datagram 1 ms under way. At the
// beginning each of the first peers sends one datagram, and each is passed on a number of times.
const (
	ringPeers    = 100
	ringTokens   = 50
	ringHops     = 1000
	ringPayload  = 64
	ringDelay    = time.Millisecond
	ringMessages = ringTokens * ringHops
)

// A ring runs the whole workload and returns how many datagrams arrived, and the virtual time of the
// last.
type ring func(tb testing.TB) (arrived int, last time.Duration)

// A passer is a peer of the ring on simnet. The first 8 bytes of a datagram are the hops to go.
type passer struct {
	next    protocols.PeerID
	arrived *int
	last    *time.Duration
}

func (p *passer) Step(now time.Duration, in protocols.Input, out *protocols.Output) {
	if len(in.Data) < 8 {
		return
	}
	*p.arrived++
	*p.last = now
	if hops := binary.LittleEndian.Uint64(in.Data); hops > 1 {
		p.send(hops-1, out)
	}
}

func (p *passer) send(hops uint64, out *protocols.Output) {
	data := out.Buffer()[:ringPayload]
	clear(data)
	binary.LittleEndian.PutUint64(data, hops)
	out.Datagrams = append(out.Datagrams, protocols.Datagram{To: p.next, Data: data, Message: true})
}

func onSimnet(tb testing.TB) (arrived int, last time.Duration) {
	net, err := simnet.New(simnet.Options{Seed: 1, Link: simnet.Link{Delay: ringDelay}})
	if err != nil {
		tb.Fatal(err)
	}
	name := func(i int) protocols.PeerID { return protocols.PeerID{byte(i%ringPeers + 1)} }
	var peers []*passer
	for i := range ringPeers {
		p := &passer{next: name(i + 1), arrived: &arrived, last: &last}
		peers = append(peers, p)
		if err := net.Add(name(i), p); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range ringTokens {
		if err := net.Do(name(i), func(_ time.Duration, out *protocols.Output) { peers[i].send(ringHops, out) }); err != nil {
			tb.Fatal(err)
		}
	}
	net.Run(time.Hour, nil)
	return arrived, last
}

// bubble runs f once in a bubble of synctest, which exists for tests only: so a test is run.
func bubble(tb testing.TB, f func(t *testing.T)) {
	ran := false
	test := testing.InternalTest{Name: "bubble", F: func(t *testing.T) {
		// With -count a test is repeated, and the benchmark around it too.
		if !ran {
			ran = true
			synctest.Test(t, f)
		}
	}}
	if !testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{test}) {
		tb.Fatal("the test in the bubble failed")
	}
}

// byTimer delivers each datagram by a timer of the bubble's clock, in whose goroutine the receiver acts.
func byTimer(tb testing.TB) (arrived int, last time.Duration) {
	bubble(tb, func(*testing.T) {
		begin := time.Now()
		counts := make([]count, ringPeers)
		done := make(chan struct{}, ringTokens)
		var deliver func(to int, data []byte)
		deliver = func(to int, data []byte) {
			counts[to].add(begin)
			if hops := binary.LittleEndian.Uint64(data); hops > 1 {
				next := make([]byte, ringPayload)
				binary.LittleEndian.PutUint64(next, hops-1)
				time.AfterFunc(ringDelay, func() { deliver((to+1)%ringPeers, next) })
				return
			}
			done <- struct{}{}
		}
		for i := range ringTokens {
			data := make([]byte, ringPayload)
			binary.LittleEndian.PutUint64(data, ringHops)
			time.AfterFunc(ringDelay, func() { deliver((i+1)%ringPeers, data) })
		}
		for range ringTokens {
			<-done
		}
		arrived, last = total(counts)
	})
	return arrived, last
}

// byGoroutine has a goroutine for each peer, which reads from a channel, and one for each datagram, which
// waits in the bubble's time and puts it there.
func byGoroutine(tb testing.TB) (arrived int, last time.Duration) {
	bubble(tb, func(*testing.T) {
		begin := time.Now()
		counts := make([]count, ringPeers)
		done := make(chan struct{}, ringTokens)
		inbox := make([]chan []byte, ringPeers)
		for i := range inbox {
			inbox[i] = make(chan []byte, ringTokens)
		}
		send := func(to int, hops uint64) {
			data := make([]byte, ringPayload)
			binary.LittleEndian.PutUint64(data, hops)
			go func() {
				time.Sleep(ringDelay)
				inbox[to] <- data
			}()
		}
		for i := range inbox {
			go func() {
				for data := range inbox[i] {
					counts[i].add(begin)
					if hops := binary.LittleEndian.Uint64(data); hops > 1 {
						send((i+1)%ringPeers, hops-1)
					} else {
						done <- struct{}{}
					}
				}
			}()
		}
		for i := range ringTokens {
			send((i+1)%ringPeers, ringHops)
		}
		for range ringTokens {
			<-done
		}
		for i := range inbox {
			close(inbox[i])
		}
		arrived, last = total(counts)
	})
	return arrived, last
}

// A count is what one peer has seen. Only one datagram is at a peer at a time, so it needs no lock.
type count struct {
	arrived int
	last    time.Duration
}

func (c *count) add(begin time.Time) { c.arrived, c.last = c.arrived+1, time.Since(begin) }

func total(counts []count) (arrived int, last time.Duration) {
	for _, c := range counts {
		arrived, last = arrived+c.arrived, max(last, c.last)
	}
	return arrived, last
}

var rings = []struct {
	by  string
	run ring
}{{"perfgate", onSimnet}, {"synctest-timers", byTimer}, {"synctest-goroutines", byGoroutine}}

// TestRing: all deliver the same datagrams in the same virtual time.
func TestRing(t *testing.T) {
	for _, r := range rings {
		if arrived, last := r.run(t); arrived != ringMessages || last != ringHops*ringDelay {
			t.Errorf("%s: %d datagrams, the last after %v; want %d after %v", r.by, arrived, last, ringMessages, ringHops*ringDelay)
		}
	}
}

// Ring passes 50,000 datagrams round 100 peers in virtual time. Simnet counts and hashes every byte, and
// does the same in each run; synctest leaves the order within a moment to the scheduler.
func BenchmarkRing(b *testing.B) {
	var sides []side
	for _, r := range rings {
		sides = append(sides, side{r.by, func(b *clocked) []figure {
			arrived := 0
			for b.Loop() {
				arrived, _ = r.run(b)
			}
			if arrived != ringMessages {
				b.Fatalf("%d datagrams, want %d", arrived, ringMessages)
			}
			b.ReportMetric(float64(ringMessages)*float64(b.N)/b.Elapsed().Seconds(), "datagrams/s")
			return nil
		}})
	}
	duel(b, fmt.Sprintf("peers=%d/datagrams=%d", ringPeers, ringMessages), sides...)
}
