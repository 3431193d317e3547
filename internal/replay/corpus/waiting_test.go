package corpus

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func BenchmarkSleep(b *testing.B) {
	measure(b, 1, func() int {
		time.Sleep(200 * time.Microsecond)
		return 1
	})
}

// dial returns a loopback connection to a goroutine that reads size bytes, calls delay, writes them
// back, and so on. It ends with b.
func dial(b *testing.B, size int, delay func()) net.Conn {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	ended := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer c.Close()
		data := make([]byte, size)
		for {
			if _, err := io.ReadFull(c, data); err == io.EOF {
				ended <- nil
				return
			} else if err != nil {
				ended <- err
				return
			}
			delay()
			if _, err := c.Write(data); err != nil {
				ended <- err
				return
			}
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		l.Close()
		b.Fatal(err)
	}
	b.Cleanup(func() {
		c.Close()
		l.Close()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	return c
}

// exchange writes data and reads as much back. It returns how much that was, or -1.
func exchange(c net.Conn, data, back []byte) int {
	if _, err := c.Write(data); err != nil {
		return -1
	}
	n, err := io.ReadFull(c, back)
	if err != nil {
		return -1
	}
	return n
}

func BenchmarkTCPEcho(b *testing.B) {
	data := noise(seeded(30), 1<<10)
	back := make([]byte, len(data))
	c := dial(b, len(data), func() {})
	measure(b, 4*len(data), func() int {
		sum := 0
		for range 4 {
			sum += exchange(c, data, back)
		}
		return sum
	})
	if !bytes.Equal(back, data) {
		b.Error("the echo is another")
	}
}

func BenchmarkBackend(b *testing.B) {
	request, data := noise(seeded(35), 100), noise(seeded(36), 256<<10)
	back := make([]byte, len(request))
	c := dial(b, len(request), func() { time.Sleep(200 * time.Microsecond) })
	measure(b, len(request)+digest(data), func() int { return exchange(c, request, back) + digest(data) })
	if !bytes.Equal(back, request) {
		b.Error("the answer is another")
	}
}

func BenchmarkHTTPGet(b *testing.B) {
	page := prose(seeded(34), 2<<10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(page)
	}))
	b.Cleanup(server.Close)
	client := server.Client()
	back := make([]byte, len(page))
	measure(b, len(page), func() int {
		r, err := client.Get(server.URL)
		if err != nil {
			return -1
		}
		defer r.Body.Close()
		n, err := io.ReadFull(r.Body, back)
		if err != nil {
			return -1
		}
		// To its end, so that the connection is used again.
		if _, err := r.Body.Read(make([]byte, 1)); err != io.EOF {
			return -1
		}
		return n
	})
	if !bytes.Equal(back, page) {
		b.Error("the page has other bytes")
	}
}

func BenchmarkPingPong(b *testing.B) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		defer close(pong)
		for n := range ping {
			pong <- n + 1
		}
	}()
	measure(b, 100, func() int {
		n := 0
		for range 100 {
			ping <- n
			n = <-pong
		}
		return n
	})
	close(ping)
	if _, open := <-pong; open {
		b.Error("a number is left")
	}
}
