package journal

import (
	"fmt"
	"strings"

	"github.com/perfgate/perfgate/protocols"
)

const (
	// segmentPrefix begins the names of files with our own records; the number of the first follows.
	segmentPrefix = "journal-"
	// segmentSize is how large such a file grows before the next is begun, in bytes. Each publish
	// writes the last one anew.
	segmentSize = 64 << 10
)

// An own record must never be told to anybody and then forgotten: after a crash its number would be
// given to another, and who holds the first could never again agree with who holds the second. What
// others wrote is fetched from them.

// restore puts what the store has of our own records into the log.
func (n *Node) restoreOwn() error {
	names, err := n.cfg.Store.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, segmentPrefix) {
			continue
		}
		run, err := n.cfg.Store.Read(name)
		if err != nil {
			return err
		}
		var first uint64
		if _, err := fmt.Sscanf(name, segmentPrefix+"%016x", &first); err != nil {
			return fmt.Errorf("file %s is not named after a record: %w", name, protocols.ErrVerification)
		}
		count := 0
		for rest := run; len(rest) > 0; count++ {
			size, err := n.log.RunSize(rest, 1)
			if err != nil {
				return fmt.Errorf("file %s: %w", name, err)
			}
			rest = rest[size:]
		}
		if _, err := n.log.ApplyRun(n.self, first, count, run); err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
		n.segment, n.segmentLen = first, len(run)
	}
	return nil
}

// keep makes records durable before anybody is told of them.
func (n *Node) keep(first uint64, run []byte) error {
	if n.cfg.Store == nil {
		return nil
	}
	segment := n.segment
	var file []byte
	if segment == 0 || n.segmentLen >= segmentSize {
		segment = first
	} else {
		var got int
		file, got = n.log.AppendRun(nil, n.self, segment, int(first-segment), n.segmentLen)
		if len(file) != n.segmentLen || uint64(got) != first-segment {
			// Others had records of ours that the store had lost: the file is complete without them.
			segment, file = first, nil
		}
	}
	file = append(file, run...)
	if err := n.cfg.Store.Write(fmt.Sprintf("%s%016x", segmentPrefix, segment), file); err != nil {
		return err
	}
	n.segment, n.segmentLen = segment, len(file)
	return nil
}
