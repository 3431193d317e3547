package antientropy

// Segments of an arena double from the first size to the last, so that a small log stays small and
// a large one never moves what it holds.
const (
	firstSegment = 4 << 10
	lastSegment  = 128 << 10
)

// An arena keeps the stored form of records, one after the other, in segments that never move:
// growing copies nothing, so no insert waits for it. A place in it is a segment (upper 32 bits) and
// an offset.
type arena struct {
	segments [][]byte // all but those after current are in use; length is what is used
	current  int
	used     int
}

// room returns an empty slice with room for n bytes at the end of the arena. What is to stay is
// handed to commit.
func (a *arena) room(n int) []byte {
	for a.current < len(a.segments) {
		if s := a.segments[a.current]; cap(s)-len(s) >= n {
			return s[len(s):]
		}
		a.current++
	}
	size := firstSegment
	if len(a.segments) > 0 {
		size = min(2*cap(a.segments[len(a.segments)-1]), lastSegment)
	}
	a.segments = append(a.segments, make([]byte, 0, max(size, n)))
	a.current = len(a.segments) - 1
	return a.segments[a.current]
}

// commit keeps b, which was written into the slice that room returned last, and returns its place.
func (a *arena) commit(b []byte) uint64 {
	s := a.segments[a.current]
	a.segments[a.current] = s[:len(s)+len(b)]
	a.used += len(b)
	return uint64(a.current)<<32 | uint64(len(s))
}

// add copies b to the end and returns its place.
func (a *arena) add(b []byte) uint64 { return a.commit(append(a.room(len(b)), b...)) }

func (a *arena) at(place uint64, size uint32) []byte {
	s, off := a.segments[place>>32], uint32(place)
	return s[off : off+size : off+size]
}

// reserve makes room for n bytes more.
func (a *arena) reserve(n int) {
	if a.current < len(a.segments) {
		s := a.segments[a.current]
		n -= cap(s) - len(s)
	}
	for i := a.current + 1; i < len(a.segments); i++ {
		n -= cap(a.segments[i])
	}
	if n > 0 {
		a.segments = append(a.segments, make([]byte, 0, n))
	}
}

// copyFrom makes a hold what src holds, in the memory that a has where it suffices.
func (a *arena) copyFrom(src *arena) {
	used := src.segments[:min(src.current+1, len(src.segments))]
	for i, s := range used {
		if i == len(a.segments) {
			a.segments = append(a.segments, nil)
		}
		if cap(a.segments[i]) < len(s) {
			a.segments[i] = make([]byte, 0, cap(s))
		}
		a.segments[i] = append(a.segments[i][:0], s...)
	}
	for i := len(used); i < len(a.segments); i++ {
		a.segments[i] = a.segments[i][:0]
	}
	a.current, a.used = max(len(used)-1, 0), src.used
}

// size is how much memory the arena holds, in bytes.
func (a *arena) size() int {
	n := 0
	for _, s := range a.segments {
		n += cap(s)
	}
	return n
}

// trim gives back the room at the end.
func (a *arena) trim() {
	if a.current < len(a.segments) {
		a.segments = a.segments[:a.current+1]
		a.segments[a.current] = exact(a.segments[a.current])
	}
}
