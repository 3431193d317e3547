package truth

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/perfgate/perfgate/protocols/simnet"
)

// The near ends are addresses of this namespace. What is sent to a far end leaves through the device,
// and the emulator gives it back under the other name: a packet from near 1 to far 2 comes back as
// one from far 1 to near 2.
const (
	near = 0x0a090000 // 10.9.0.x
	far  = 0x0a090100 // 10.9.1.x
)

// A tunnel is the device and the emulator behind it.
type tunnel struct {
	dev  *os.File
	link simnet.Link

	mu         sync.Mutex
	loss       [2]*rand.Rand // by direction
	sent, lost int
	stalls     int // packets given back more than stall later than they should be
}

// stall is how late a packet may come without running anybody's timer out.
const stall = 5 * time.Millisecond

// namespace moves the calling thread, which must be locked and is not to be used for anything else
// afterwards, to a network namespace of its own and makes the device there.
func namespace() (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("make network namespace: %w", err)
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open device: %w", err)
	}
	fail := func(what string, err error) (*os.File, error) {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	ifr, err := unix.NewIfreq("truth0")
	if err != nil {
		return fail("name device", err)
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return fail("make device", err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail("open socket", err)
	}
	defer unix.Close(s)
	for _, name := range []string{"truth0", "truth0:1"} {
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			return fail("name address", err)
		}
		addr := binary.BigEndian.AppendUint32(nil, near+1)
		if name != "truth0" {
			addr[3] = 2
		}
		if err := ifr.SetInet4Addr(addr); err != nil {
			return fail("set address", err)
		}
		if err := unix.IoctlIfreq(s, unix.SIOCSIFADDR, ifr); err != nil {
			return fail("set address", err)
		}
		if err := ifr.SetInet4Addr([]byte{255, 255, 254, 0}); err != nil {
			return fail("set mask", err)
		}
		if err := unix.IoctlIfreq(s, unix.SIOCSIFNETMASK, ifr); err != nil {
			return fail("set mask", err)
		}
	}
	if ifr, err = unix.NewIfreq("truth0"); err != nil {
		return fail("name device", err)
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fail("bring device up", err)
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}

// dig makes the tunnel and calls open, on the thread that lives in the namespace, for the sockets.
func dig(t *testing.T, seed uint64, link simnet.Link, open func() error) *tunnel {
	t.Helper()
	tun := &tunnel{link: link}
	for i := range tun.loss {
		tun.loss[i] = rand.New(rand.NewPCG(seed, uint64(i)))
	}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		var err error
		if tun.dev, err = namespace(); err == nil {
			err = open()
		}
		made <- err
	}()
	if err := <-made; err != nil {
		t.Skipf("needs a Linux where a process may make a network namespace and a TUN device in it: %v", err)
	}
	go tun.pass()
	return tun
}

func (t *tunnel) set(link simnet.Link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link, t.sent, t.lost, t.stalls = link, 0, 0, 0
}

func (t *tunnel) counts() (sent, lost, stalls int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent, t.lost, t.stalls
}

// pass gives packets back as the link says, until the device is closed.
func (t *tunnel) pass() {
	for {
		b := make([]byte, 2048)
		n, err := t.dev.Read(b)
		if err != nil {
			return
		}
		if b = b[:n]; !turn(b) {
			continue
		}
		t.mu.Lock()
		lost := t.loss[b[15]&1].Float64() < t.link.Loss
		t.sent++
		if lost {
			t.lost++
		}
		delay := t.link.Delay
		t.mu.Unlock()
		if lost {
			continue
		}
		due := time.Now().Add(delay)
		time.AfterFunc(delay, func() {
			if time.Since(due) > stall {
				t.mu.Lock()
				t.stalls++
				t.mu.Unlock()
			}
			t.dev.Write(b)
		})
	}
}

// turn swaps near and far in a UDP packet, and reports whether it was one between them.
func turn(b []byte) bool {
	if len(b) < 28 || b[0] != 0x45 || b[9] != unix.IPPROTO_UDP {
		return false
	}
	src, dst := binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:])
	if src&^0xff != near || dst&^0xff != far {
		return false
	}
	binary.BigEndian.PutUint32(b[12:], src-near+far)
	binary.BigEndian.PutUint32(b[16:], dst-far+near)
	b[26], b[27] = 0, 0 // no UDP checksum, which IPv4 allows
	b[10], b[11] = 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return true
}
