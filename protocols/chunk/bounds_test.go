package chunk

import (
	"errors"
	"fmt"
	"testing"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// lossy is content of which one chunk is gone.
type lossy struct {
	Bytes
	gone int
}

func (l lossy) Chunk(i int) ([]byte, error) {
	if i == l.gone {
		return nil, fmt.Errorf("read chunk %d: %w", i, protocols.ErrNotStored)
	}
	return l.Bytes.Chunk(i)
}

func wants(s *Server, from int, chunks ...int) error {
	m := message{kind: kindWant}
	for _, i := range chunks {
		m.wants = append(m.wants, request{chunk: i})
	}
	return s.Receive(0, peer(from), m.append(nil))
}

// A server sends what it has and nothing else: a chunk that turns out to be gone is refused from then on.
func TestServerOfWhatIsHere(t *testing.T) {
	data := content(40_000, 1)
	m, err := NewManifest(data, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Config{}, m, lossy{Bytes{m, data}, 2}, random(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	var out protocols.Output
	out.Reset()
	if err := wants(s, 1, 2, 3); err != nil {
		t.Fatal(err)
	}
	s.Flush(0, &out)
	if n := s.Stats().Uploaded; n != 4<<10 {
		t.Errorf("%d bytes sent", n)
	}
	if err := wants(s, 1, 2); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("a chunk that is gone: %v", err)
	}
	if err := wants(s, 1, m.Chunks()); !errors.Is(err, protocols.ErrVerification) {
		t.Errorf("a chunk that is none: %v", err)
	}
	if s.queued != 0 || len(s.jobs)+len(s.repairs) != 0 {
		t.Errorf("%d bytes in %d jobs left", s.queued, len(s.jobs)+len(s.repairs))
	}
}

// Many that ask at once fill a queue of bounded length.
func TestServerQueueIsBounded(t *testing.T) {
	data := content(200_000, 1)
	m, err := NewManifest(data, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Config{Queue: 7, PerPeer: 3}, m, Bytes{m, data}, random(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := wants(s, i, 1, 2, 3, 4, 5); err != nil {
			t.Fatal(err)
		}
		if n := len(s.jobs) + len(s.repairs); n != min(3*(i+1), 7) {
			t.Fatalf("%d jobs after %d peers", n, i+1)
		}
	}
}

// A wrong chunk of which several sent parts bans nobody: it is fetched from one alone, and that shows.
func TestMixedChunkBansNobody(t *testing.T) {
	data := content(40_000, 1)
	m, err := NewManifest(data, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFetcher(Config{}, m.Root(), m, simnet.Memory{}, random(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	f.AddSource(peer(1))
	f.AddSource(peer(2))
	wrong := func(mixed bool) {
		fl := &flight{chunk: 3, buf: make([]byte, m.Length(3)), by: f.sources[0], mixed: mixed}
		f.flights, f.flying[3] = append(f.flights, fl), fl
		f.land(fl)
	}
	wrong(true)
	if f.Banned(peer(1)) || f.Banned(peer(2)) || !f.solo.Has(3) || f.Stats().Wrong != 1 {
		t.Errorf("banned %v, solo %v", f.banned, f.solo.Has(3))
	}
	wrong(false)
	if !f.Banned(peer(1)) || f.Banned(peer(2)) || f.Have().Count() != 0 {
		t.Errorf("banned %v", f.banned)
	}
}
