package protocols

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The field is the one that the vector code works in.
func TestTimes(t *testing.T) {
	in, out := make([]byte, 256), make([]byte, 256)
	for i := range in {
		in[i] = byte(i)
	}
	for a := range 256 {
		galois().GalMulSlice(byte(a), in, out)
		for b := range 256 {
			if p := times(byte(a), byte(b)); p != out[b] {
				t.Fatalf("%d times %d is %d, want %d", a, b, p, out[b])
			}
		}
	}
}

// Whatever is missing of a group, as many rows as that bring it back: every choice of fragments and
// rows in small groups, and any in the largest.
func TestAnyRowsReplaceAnyFragments(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	check := func(k int, rows, missing []byte) {
		data := make([][]byte, k)
		longest := 0
		for i := range data {
			data[i] = make([]byte, 1+rng.IntN(9))
			for j := range data[i] {
				data[i][j] = byte(rng.Uint32())
			}
			longest = max(longest, len(data[i]))
		}
		sums := make([][]byte, len(rows))
		for r := range sums {
			sums[r] = make([]byte, shardHead+longest)
			for i := range data {
				mix(sums[r], int(rows[r]), i, byte(i%4), data[i])
			}
			for i := range data {
				if !slices.Contains(missing, byte(i)) {
					mix(sums[r], int(rows[r]), i, byte(i%4), data[i])
				}
			}
		}
		solve(sums, rows, missing)
		for j, i := range missing {
			want := append([]byte{byte(len(data[i])), 0, i % 4}, data[i]...)
			want = append(want, make([]byte, shardHead+longest-len(want))...)
			if !bytes.Equal(sums[j], want) {
				t.Fatalf("%d fragments, rows %d, missing %d: %x, want %x", k, rows, missing, sums[j], want)
			}
		}
	}
	subset := func(of int, bits int) (s []byte) {
		for i := range of {
			if bits>>i&1 != 0 {
				s = append(s, byte(i))
			}
		}
		return s
	}
	for k := 1; k <= 5; k++ {
		for missing := 1; missing < 1<<k; missing++ {
			for rows := range 1 << 5 {
				if m, r := subset(k, missing), subset(5, rows); len(m) == len(r) {
					check(k, r, m)
				}
			}
		}
	}
	for range 50 {
		n := 1 + rng.IntN(parityRows)
		rows, missing := make([]byte, n), make([]byte, n)
		for i, r := range rng.Perm(parityRows)[:n] {
			rows[i] = byte(r)
		}
		for i, m := range rng.Perm(groupSize)[:n] {
			missing[i] = byte(m)
		}
		slices.Sort(missing)
		check(groupSize, rows, missing)
	}
}

// Redundancy is the least that fails once in a thousand times or less, by the binomial formula.
func TestRedundancy(t *testing.T) {
	for _, percent := range []float64{0.01, 0.1, 1, 2, 5, 10, 20} {
		s := shareOf(uint64(percent*1e4), 1e6)
		p := float64(s.fraction()) / (1 << 32)
		if s == 0 || p > percent/100 || p < percent/100*0.6 {
			t.Errorf("%v %% is held as %v", percent, p)
		}
		fails := func(k, m int) float64 {
			f := 0.0
			for j := m + 1; j <= k+m; j++ {
				lg := func(n int) float64 { v, _ := math.Lgamma(float64(n + 1)); return v }
				f += math.Exp(lg(k+m) - lg(j) - lg(k+m-j) + float64(j)*math.Log(p) + float64(k+m-j)*math.Log1p(-p))
			}
			return f
		}
		for _, k := range []int{1, 2, 5, 10, 30, 64} {
			m := redundancy(k, s)
			if f := fails(k, m); f > 1.001e-3 && m < parityRows {
				t.Errorf("%d fragments, %v %% lost: %d rows fail with %v", k, percent, m, f)
			}
			if m > 0 && fails(k, m-1) < 0.999e-3 {
				t.Errorf("%d fragments, %v %% lost: %d rows are more than needed", k, percent, m)
			}
		}
	}
	if m := redundancy(64, 0); m != 0 {
		t.Errorf("%d rows though nothing is lost", m)
	}
}

func TestTallyCountsLosses(t *testing.T) {
	for _, c := range []struct {
		name              string
		serials           []uint16
		expected, missing uint64
		copies            int
	}{
		{"in order", []uint16{0, 1, 2, 3}, 4, 0, 0},
		{"the first is lost", []uint16{1, 2}, 3, 1, 0},
		{"two are lost", []uint16{0, 3}, 4, 2, 0},
		{"late", []uint16{0, 3, 1, 2}, 4, 0, 0},
		{"copies", []uint16{0, 0, 2, 1, 1, 2}, 3, 0, 3},
		{"too long ago to tell", []uint16{0, 100, 0}, 101, 99, 0},
	} {
		var p Path
		var ta tally
		copies := 0
		for _, s := range c.serials {
			if ta.hear(s, &p) {
				copies++
			}
		}
		if p.expected != c.expected || p.missing != c.missing || copies != c.copies {
			t.Errorf("%s: %d expected, %d missing, %d copies; want %d, %d and %d", c.name, p.expected, p.missing, copies, c.expected, c.missing, c.copies)
		}
	}
	// The numbers start anew after the last.
	var p Path
	var ta tally
	for i := range 1<<16 + 10 {
		if ta.hear(uint16(i), &p) {
			t.Fatalf("datagram %d is a copy", i)
		}
	}
	if p.missing != 0 || p.expected > forgetting {
		t.Errorf("%d of %d missing", p.missing, p.expected)
	}
}

// What was expected beforehand fades; what is measured remains.
func TestReportFollowsTheLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, loss := range []float64{0, 0.01, 0.05, 0.2} {
		var p Path
		var ta tally
		if s := p.report(5e4); s != shareOf(5, 100) {
			t.Errorf("nothing measured: %d", s)
		}
		for i := range 5000 {
			if rng.Float64() >= loss {
				ta.hear(uint16(i), &p)
			}
		}
		got := float64(p.report(5e4).fraction()) / (1 << 32)
		if math.Abs(got-loss) > 0.25*loss {
			t.Errorf("%v lost: %v reported", loss, got)
		}
	}
}
