package protocols

import (
	"errors"
	"fmt"
)

// Why a peer gives a session up.
const (
	// ResetClosed: it is over, or never was.
	ResetClosed byte = 1
	// ResetBusy: there are as many sessions as there may be.
	ResetBusy byte = 2
	// ResetRefused: what was sent broke the rules.
	ResetRefused byte = 3
	// ResetVersion: it was of another version or epoch.
	ResetVersion byte = 4
	// ResetPruned: what was asked for is pruned; the asker needs a snapshot.
	ResetPruned byte = 5
)

// ErrPruned says that records which somebody needs are pruned, so that only a snapshot can bring the
// two sides together. Who wraps it wraps ErrVersion too.
var ErrPruned = errors.New("records are pruned, a snapshot is needed")

// A ResetError says that the other side gave a session up.
type ResetError struct{ Code byte }

// Error returns the reason in words.
func (e *ResetError) Error() string { return fmt.Sprintf("session reset by peer: %v", e.Unwrap()) }

// Unwrap returns ErrExhausted, ErrVerification, ErrVersion or, when the session was simply not
// there any more, ErrTimeout.
func (e *ResetError) Unwrap() error {
	switch e.Code {
	case ResetBusy:
		return ErrExhausted
	case ResetRefused:
		return ErrVerification
	case ResetVersion, ResetPruned:
		return ErrVersion
	}
	return ErrTimeout
}

// Is reports whether target is ErrPruned and that is why.
func (e *ResetError) Is(target error) bool { return e.Code == ResetPruned && target == ErrPruned }

// AppendReset appends to out a datagram that gives a session up. It needs no channel, so that
// a stranger's datagram costs no state.
func AppendReset(out *Output, to PeerID, typ byte, session uint64, code byte) {
	f := frame{kind: frameReset, code: code}
	b := f.append(Envelope{Type: typ, Session: session}.appendHeader(out.Buffer(), 2))
	out.Datagrams = append(out.Datagrams, Datagram{To: to, Data: b})
}

// IsReset reports whether a body gives a session up. A reset must never be answered with one.
func IsReset(body []byte) bool { return len(body) == 2 && body[0] == frameReset }

// Opens reports whether a body can begin a session: it carries one of the first fragments, or parity
// of them.
func Opens(body []byte) bool {
	f, err := parseFrame(body)
	return err == nil && (f.kind == frameData || f.kind == frameParity) && f.next == 0 && f.seq < maxWindow
}
