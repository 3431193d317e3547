package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
)

// ErrTruncated says that a snapshot file does not end where it says it does. Who wraps it wraps
// protocols.ErrVerification too.
var ErrTruncated = errors.New("snapshot file is cut short")

const (
	fileMagic   = "pgsnap"
	fileVersion = 1
	fileHeader  = len(fileMagic) + 2 + 32 + 8 + 32
	fileFooter  = 4 + 4 + 8
)

// A File is a snapshot file, which describes itself: whoever knows the group and trusts the root needs
// nothing else to go on from there. It has one encoding, so all members write the same bytes:
//
//	"pgsnap", version (2), group (32), epoch (8), policy (32)
//	cut, as antientropy.Log.AppendCut has it: frontier, digest, the records that are kept
//	for each subject that may not do everything: subject (32), what it may (8)
//	keys that have a value (4), such subjects (4), size of all this in bytes (8)
type File struct {
	Group  [32]byte
	Epoch  uint64
	Policy [32]byte
	Cut    antientropy.Cut

	cut []byte
}

func appendFileHeader(dst []byte, group [32]byte, epoch uint64, policy [32]byte) []byte {
	dst = append(dst, fileMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, fileVersion)
	dst = append(dst, group[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, epoch)
	return append(dst, policy[:]...)
}

// appendFileFooter ends a file that had so many bytes before.
func appendFileFooter(dst []byte, c *antientropy.Cut, before int) []byte {
	for _, r := range c.Caps {
		dst = append(dst, r.Subject[:]...)
		dst = binary.LittleEndian.AppendUint64(dst, r.Mask)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(c.Keys))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(c.Caps)))
	return binary.LittleEndian.AppendUint64(dst, uint64(before+40*len(c.Caps)+fileFooter))
}

// ReadFile decodes and checks a whole file against a log's group: form, authors, signatures, and that
// the reduced state is what the records come to. Whether its root is the one agreed on is for the
// caller to compare. The error wraps protocols.ErrVersion for another version of the format,
// ErrTruncated when bytes are missing, and otherwise protocols.ErrVerification.
func ReadFile(l *antientropy.Log, b []byte) (*File, error) {
	bad := func(what string) (*File, error) {
		return nil, fmt.Errorf("read snapshot file: %s: %w", what, protocols.ErrVerification)
	}
	if len(b) >= len(fileMagic)+2 {
		if string(b[:len(fileMagic)]) != fileMagic {
			return bad("it is none")
		}
		if v := binary.LittleEndian.Uint16(b[len(fileMagic):]); v != fileVersion {
			return nil, fmt.Errorf("read snapshot file: version %d, want %d: %w", v, fileVersion, protocols.ErrVersion)
		}
	}
	if len(b) < fileHeader+fileFooter || binary.LittleEndian.Uint64(b[len(b)-8:]) != uint64(len(b)) {
		return nil, fmt.Errorf("read snapshot file of %d bytes: %w: %w", len(b), ErrTruncated, protocols.ErrVerification)
	}
	at := b[len(fileMagic)+2:]
	f := &File{Group: [32]byte(at), Epoch: binary.LittleEndian.Uint64(at[32:]), Policy: [32]byte(at[40:])}
	b = b[fileHeader:]
	end := b[len(b)-fileFooter:]
	keys, subjects := binary.LittleEndian.Uint32(end), binary.LittleEndian.Uint32(end[4:])
	b = b[:len(b)-fileFooter]
	if uint64(len(b)) < 40*uint64(subjects) {
		return bad("more subjects than bytes")
	}
	state := b[len(b)-40*int(subjects):]
	f.cut = b[:len(b)-len(state)]
	var err error
	if f.Cut, err = l.ReadCut(f.cut); err != nil {
		return nil, fmt.Errorf("read snapshot file: %w", err)
	}
	if int(keys) != f.Cut.Keys || int(subjects) != len(f.Cut.Caps) {
		return bad("the reduced state is not what the records come to")
	}
	for _, r := range f.Cut.Caps {
		if r.Subject != protocols.PeerID(state[:32]) || r.Mask != binary.LittleEndian.Uint64(state[32:]) {
			return bad("the reduced state is not what the records come to")
		}
		state = state[40:]
	}
	return f, nil
}

// AppendFile appends the snapshot file of a log at a frontier that it covers, in one go; Node.Work
// writes the same bytes in pieces. The errors are those of antientropy.Log.CutAt.
func AppendFile(dst []byte, l *antientropy.Log, group [32]byte, p *Proposal) ([]byte, error) {
	start := len(dst)
	dst, err := l.AppendCut(appendFileHeader(dst, group, p.Epoch, p.Policy), p.Frontier)
	if err != nil {
		return dst[:start], fmt.Errorf("write snapshot file: %w", err)
	}
	c, err := l.CutAt(p.Frontier)
	if err != nil {
		return dst[:start], fmt.Errorf("write snapshot file: %w", err)
	}
	return appendFileFooter(dst, &c, len(dst)-start), nil
}
