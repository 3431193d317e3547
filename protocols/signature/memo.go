package signature

import "crypto/sha256"

// A Memo asks another Verifier only about what it has not been asked before. In a simulation a
// hundred peers check the same vote; one check is enough to know what all of them would find. It
// keeps 32 bytes for each check that held, and at most Limit of them.
type Memo struct {
	// Of does the work.
	Of Verifier
	// Limit is how many checks are remembered, default 65,536; then all are forgotten.
	Limit int

	held  map[[32]byte]struct{}
	asked []Check
}

// Verify reports whether all checks hold.
func (m *Memo) Verify(checks []Check) bool {
	if m.Limit <= 0 {
		m.Limit = 1 << 16
	}
	m.asked = m.asked[:0]
	for i := range checks {
		if _, ok := m.held[name(&checks[i])]; !ok {
			m.asked = append(m.asked, checks[i])
		}
	}
	if len(m.asked) == 0 {
		return true
	}
	if !m.Of.Verify(m.asked) {
		return false
	}
	if m.held == nil || len(m.held)+len(m.asked) > m.Limit {
		m.held = make(map[[32]byte]struct{})
	}
	for i := range m.asked {
		m.held[name(&m.asked[i])] = struct{}{}
	}
	return true
}

func name(c *Check) [32]byte {
	h := sha256.New()
	h.Write(c.Key[:])
	s := sha256.Sum256(c.Signature)
	h.Write(s[:])
	h.Write(c.Message)
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}
