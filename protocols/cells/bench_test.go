package cells

import (
	"fmt"
	"testing"
)

func BenchmarkShort(b *testing.B) {
	var id [32]byte
	for b.Loop() {
		id[0] = byte(testKey.Short(&id))
	}
}

func BenchmarkPrefixAdd(b *testing.B) {
	for _, m := range []int{64, 256, 1024, 4096} {
		b.Run(fmt.Sprintf("cells=%d", m), func(b *testing.B) {
			p := NewPrefix(testKey, m)
			s := uint64(1)
			for b.Loop() {
				p.Add(s)
				s += 0x9e3779b97f4a7c15
			}
		})
	}
}

func BenchmarkPrefixAddAll(b *testing.B) {
	shorts := make([]uint64, 128)
	s := uint64(1)
	for _, m := range []int{64, 256, 1024, 4096} {
		b.Run(fmt.Sprintf("cells=%d", m), func(b *testing.B) {
			p := NewPrefix(testKey, m)
			for n := 0; n < b.N; n += len(shorts) {
				for i := range shorts {
					shorts[i] = s
					s += 0x9e3779b97f4a7c15
				}
				p.AddAll(shorts)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		for _, d := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("items=%d/differences=%d", n, d), func(b *testing.B) {
				p := newPair(newRand(1), 4096, n, d/2, d-d/2)
				dec := NewDecoder(p.local)
				cells := p.until(b, dec, none)
				c := message(b, p.remote, 0, cells)
				for b.Loop() {
					dec.Reset(p.local)
					if err := dec.Add(c); err != nil || !dec.Done() {
						b.Fatal("not decoded")
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*d), "ns/difference")
				b.ReportMetric(float64(cells), "cells/op")
				b.ReportMetric(float64(len(p.remote.AppendCells(nil, 0, cells))), "wire-B/op")
			})
		}
	}
}
