package signature

import (
	"crypto/sha256"

	"github.com/perfgate/perfgate/protocols"
)

// A Memo asks another Verifier only about what it has not been asked before. In a simulation a
// hundred peers check the same vote; one check is enough to know what all of them would find. It
// keeps about 130 bytes for each check that held, and at most Limit of them.
type Memo struct {
	// Of does the work.
	Of Verifier
	// Limit is how many checks are remembered, default 65,536; then all are forgotten.
	Limit int

	held  map[fact]struct{}
	asked []Check
}

// A fact is a check that held, whole but for a long message: to look one up costs no hash of ours.
type fact struct {
	key       protocols.PeerID
	signature [Size]byte
	message   [32]byte
	digest    bool // message is a digest; otherwise the message itself, of 32 bytes
}

// Verify reports whether all checks hold.
func (m *Memo) Verify(checks []Check) bool {
	m.asked = m.asked[:0]
	for i := range checks {
		f, ok := name(&checks[i])
		if !ok {
			return false
		}
		if _, ok := m.held[f]; !ok {
			m.asked = append(m.asked, checks[i])
		}
	}
	if len(m.asked) == 0 {
		return true
	}
	if !m.Of.Verify(m.asked) {
		return false
	}
	m.room(len(m.asked))
	for i := range m.asked {
		m.note(&m.asked[i])
	}
	return true
}

// Note remembers that a check holds, without asking: for who has just made the signature with the
// key. It is of no use elsewhere, since what is noted is believed.
func (m *Memo) Note(c Check) {
	m.room(1)
	m.note(&c)
}

// room forgets everything if there is no room for so many more.
func (m *Memo) room(more int) {
	if m.Limit <= 0 {
		m.Limit = 1 << 16
	}
	if m.held == nil {
		m.held = make(map[fact]struct{})
	} else if len(m.held)+more > m.Limit {
		clear(m.held)
	}
}

func (m *Memo) note(c *Check) {
	if f, ok := name(c); ok {
		m.held[f] = struct{}{}
	}
}

// name returns what a check asks, or false if it cannot hold.
func name(c *Check) (f fact, ok bool) {
	if len(c.Signature) != Size {
		return f, false
	}
	f.key, f.signature = c.Key, [Size]byte(c.Signature)
	if len(c.Message) == len(f.message) {
		copy(f.message[:], c.Message)
	} else {
		f.message, f.digest = sha256.Sum256(c.Message), true
	}
	return f, true
}
