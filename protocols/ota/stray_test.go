package ota

import "testing"

// Two peers that both do not know a ceremony do not tell each other so without end.
func TestStraysEnd(t *testing.T) {
	l := newLonely(t, 3, nil)
	if out := l.hear(peer(1), message{kind: kindStatus, flags: knowsProposal, id: ID{1}}); len(out.Datagrams) != 1 {
		t.Errorf("%d answers to one who knows", len(out.Datagrams))
	}
	if out := l.hear(peer(1), message{kind: kindStatus, id: ID{1}}); len(out.Datagrams) != 0 {
		t.Errorf("%d answers to one who does not", len(out.Datagrams))
	}
}
