package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A record is what the codecs work on.
type record struct {
	ID    int      `json:"id" yaml:"id"`
	Name  string   `json:"name" yaml:"name"`
	Mail  string   `json:"mail" yaml:"mail"`
	Price float64  `json:"price" yaml:"price"`
	Tags  []string `json:"tags" yaml:"tags"`
	Sizes []size   `json:"sizes" yaml:"sizes"`
}

type size struct {
	Width  int  `json:"width" yaml:"width"`
	Height int  `json:"height" yaml:"height"`
	Round  bool `json:"round" yaml:"round"`
}

// weight is a number that depends on every part of the records.
func weight(records []record) int {
	sum := 0
	for _, r := range records {
		sum += r.ID + len(r.Name) + len(r.Mail) + int(r.Price*100)
		for _, t := range r.Tags {
			sum += len(t)
		}
		for _, s := range r.Sizes {
			sum += s.Width * s.Height
			if s.Round {
				sum++
			}
		}
	}
	return sum
}

func records(r *rand.Rand, n int) []record {
	out := make([]record, n)
	for i := range out {
		name := word(r)
		out[i] = record{
			ID: r.IntN(1_000_000), Name: name + " " + word(r), Mail: name + "@example.com", Price: float64(r.IntN(100_000)) / 4,
			Tags:  []string{word(r), word(r), word(r)},
			Sizes: []size{{r.IntN(100), r.IntN(100), r.IntN(2) == 0}, {r.IntN(100), r.IntN(100), r.IntN(2) == 0}},
		}
	}
	return out
}

var syllables = []string{"ba", "cor", "de", "fin", "ga", "lo", "mer", "nu", "or", "pa", "ri", "sol", "ta", "ul", "ven"}

func word(r *rand.Rand) string {
	var w strings.Builder
	for range 1 + r.IntN(4) {
		w.WriteString(syllables[r.IntN(len(syllables))])
	}
	return w.String()
}

func words(r *rand.Rand, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = word(r)
	}
	return out
}

// prose returns n bytes of words and lines.
func prose(r *rand.Rand, n int) []byte {
	var w strings.Builder
	for w.Len() < n {
		w.WriteString(word(r))
		w.WriteByte(" \n"[r.IntN(10)/9])
	}
	return []byte(w.String()[:n])
}

func noise(r *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// logLines returns lines of a log, and how many of them name a duration of a request that failed.
func logLines(r *rand.Rand, n int) (text string, failed int) {
	var w strings.Builder
	for w.Len() < n {
		status := []int{200, 204, 301, 404, 500, 503}[r.IntN(6)]
		if status >= 500 {
			failed++
		}
		fmt.Fprintf(&w, "GET /%s/%s status=%d took=%dms\n", word(r), word(r), status, r.IntN(900))
	}
	return w.String(), failed
}
