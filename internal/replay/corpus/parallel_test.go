package corpus

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func BenchmarkMutex(b *testing.B) {
	const goroutines, times = 4, 500
	measure(b, goroutines*times, func() int {
		var (
			m     sync.Mutex
			wg    sync.WaitGroup
			count int
		)
		for range goroutines {
			wg.Go(func() {
				for range times {
					m.Lock()
					count++
					m.Unlock()
				}
			})
		}
		wg.Wait()
		return count
	})
}

func digest(data []byte) int {
	sum := sha256.Sum256(data)
	return int(binary.BigEndian.Uint32(sum[:]))
}

func BenchmarkWorkers(b *testing.B) {
	chunks := slices.Collect(slices.Chunk(noise(seeded(40), 32*4<<10), 4<<10))
	jobs, sums := make(chan []byte), make(chan int, len(chunks))
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for chunk := range jobs {
				sums <- digest(chunk)
			}
		})
	}
	want := 0
	for _, c := range chunks {
		want += digest(c)
	}
	measure(b, want, func() int {
		for _, c := range chunks {
			jobs <- c
		}
		sum := 0
		for range chunks {
			sum += <-sums
		}
		return sum
	})
	close(jobs)
	wg.Wait()
}

// The goroutines count their iterations together, so that the share is exact over all of them.
func BenchmarkRunParallel(b *testing.B) {
	data := noise(seeded(41), 128<<10)
	h := sha256.New()
	h.Write(data)
	want := int(binary.BigEndian.Uint32(h.Sum(nil)))
	op := func() int { return digest(data) }
	d := begin(b)
	if observe != nil {
		op = observe(op)
	}
	if got := op(); got != want {
		b.Fatalf("the operation gives %d before the loop, want %d", got, want)
	}
	var iterations, wrong atomic.Uint64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := iterations.Add(1)
			for range 1 + i*d.step/whole - (i-1)*d.step/whole {
				if op() != want {
					wrong.Add(1)
				}
			}
		}
	})
	if n := wrong.Load(); n > 0 {
		b.Errorf("%d operations gave another sum", n)
	}
}
