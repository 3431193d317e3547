package protocols

import "github.com/klauspost/reedsolomon"

// Forward error correction over GF(2^8). A group is up to groupSize consecutive fragments that were
// sent together; each parity row is a sum of all of them, every one multiplied by a weight of its
// own. The weights are a Cauchy matrix: any rows suffice to find as many missing fragments,
// whichever they are. A fragment enters as its length (2 bytes), its flags (1) and its content,
// followed by zeros up to the longest of the group, so that what comes out is whole again.
const (
	groupSize  = 64
	parityRows = 32
	shardHead  = 3
	// shardFlags are the flags that belong to a fragment, not to the datagram that it came in.
	shardFlags = flagFirst | flagLast
)

// galois multiplies slices with the vector instructions of the machine; without any it does so byte
// by byte, with the same result.
func galois() reedsolomon.LowLevel { return reedsolomon.LowLevel{} }

// weight is the factor of the i-th fragment of a group in a row of parity. The two bytes of which it
// is the inverse of the difference never agree: rows lie past all fragments.
func weight(row, i int) byte { return reedsolomon.Inv(byte(groupSize+row) ^ byte(i)) }

// times multiplies two elements; for single ones a table would cost more than it saves.
func times(a, b byte) (p byte) {
	for ; b != 0; b >>= 1 {
		if b&1 != 0 {
			p ^= a
		}
		carry := a >> 7
		a = a<<1 ^ carry*0x1d
	}
	return p
}

// mix adds the i-th fragment of a group, times its weight in a row, to the row's sum.
func mix(sum []byte, row, i int, flags byte, data []byte) {
	head := [shardHead]byte{byte(len(data)), byte(len(data) >> 8), flags}
	w := weight(row, i)
	galois().GalMulSliceXor(w, head[:], sum)
	galois().GalMulSliceXor(w, data, sum[shardHead:])
}

// solve turns the sums of some rows, from which every fragment that is known was taken out, into the
// missing fragments, of which there are as many. Every square part of a Cauchy matrix has an
// inverse, so no pivot is ever zero.
func solve(sums [][]byte, rows []byte, missing []byte) {
	var m [parityRows][parityRows]byte
	n := len(missing)
	for a := range n {
		for b := range n {
			m[a][b] = weight(int(rows[a]), int(missing[b]))
		}
	}
	for p := range n {
		inverse := reedsolomon.Inv(m[p][p])
		for a := range n {
			if a == p || m[a][p] == 0 {
				continue
			}
			f := times(m[a][p], inverse)
			for b := p; b < n; b++ {
				m[a][b] ^= times(f, m[p][b])
			}
			galois().GalMulSliceXor(f, sums[p], sums[a])
		}
	}
	for p := range n {
		galois().GalMulSlice(reedsolomon.Inv(m[p][p]), sums[p], sums[p])
	}
}

// redundancy is how many rows of parity a group of k fragments needs for more of its datagrams than
// that to be lost at most once in a thousand times, if each is lost with the share's probability.
// It computes with integers: the same everywhere.
func redundancy(k int, s share) int {
	const one = 1 << 32
	if s == 0 {
		return 0
	}
	p := s.fraction()
	// odds[j] is the probability that of the datagrams so far j were lost.
	odds := [parityRows + 1]uint64{one}
	send := func() {
		for j := parityRows; j > 0; j-- {
			odds[j] = (odds[j]*(one-p) + odds[j-1]*p) >> 32
		}
		odds[0] = odds[0] * (one - p) >> 32
	}
	for range k {
		send()
	}
	for m := range parityRows {
		good := uint64(0)
		for _, o := range odds[:m+1] {
			good += o
		}
		if good >= one-one/1000 {
			return m
		}
		send()
	}
	return parityRows
}
