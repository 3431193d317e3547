package corpus

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// database opens a file of n values, each of 100 bytes that begin with its key.
func database(b *testing.B, n int) *bolt.DB {
	b.Helper()
	// What is synchronised has the times of a disk, which nothing here is about.
	db, err := bolt.Open(filepath.Join(b.TempDir(), "db"), 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true, NoGrowSync: true})
	must(b, err)
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	must(b, db.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte("values"))
		if err != nil {
			return err
		}
		for i := range n {
			if err := bucket.Put(key(i), append(key(i), make([]byte, 92)...)); err != nil {
				return err
			}
		}
		return nil
	}))
	return db
}

func key(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// Each transaction overwrites values of the same size, so that the file does not grow.
func BenchmarkBoltPut(b *testing.B) {
	const values = 1000
	db := database(b, values)
	r := seeded(31)
	value := make([]byte, 100)
	last := 0
	measure(b, 8, func() int {
		done := 0
		err := db.Update(func(tx *bolt.Tx) error {
			bucket := tx.Bucket([]byte("values"))
			for range 8 {
				last = r.IntN(values)
				binary.BigEndian.PutUint64(value, uint64(last))
				value[99]++
				if err := bucket.Put(key(last), value); err != nil {
					return err
				}
				done++
			}
			return nil
		})
		if err != nil {
			return -1
		}
		return done
	})
	must(b, db.View(func(tx *bolt.Tx) error {
		if got := tx.Bucket([]byte("values")).Get(key(last)); !bytes.Equal(got, value) {
			b.Errorf("the last value is %x, want %x", got, value)
		}
		return nil
	}))
}

func BenchmarkBoltGet(b *testing.B) {
	db := database(b, 5000)
	keys := make([][]byte, 100)
	want := 0
	for i, k := range seeded(32).Perm(5000)[:len(keys)] {
		keys[i] = key(k)
		want += k
	}
	measure(b, want, func() int {
		sum := 0
		err := db.View(func(tx *bolt.Tx) error {
			bucket := tx.Bucket([]byte("values"))
			for _, k := range keys {
				sum += int(binary.BigEndian.Uint64(bucket.Get(k)))
			}
			return nil
		})
		if err != nil {
			return -1
		}
		return sum
	})
}

func BenchmarkFileRead(b *testing.B) {
	data := noise(seeded(33), 1<<20)
	name := filepath.Join(b.TempDir(), "data")
	must(b, os.WriteFile(name, data, 0o600))
	back := make([]byte, len(data))
	measure(b, len(data)+int(data[len(data)-1]), func() int {
		f, err := os.Open(name)
		if err != nil {
			return -1
		}
		defer f.Close()
		n, err := io.ReadFull(f, back)
		if err != nil {
			return -1
		}
		return n + int(back[n-1])
	})
	if !bytes.Equal(back, data) {
		b.Error("the file has other bytes")
	}
}
