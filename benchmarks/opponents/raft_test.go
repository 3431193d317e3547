package opponents

import (
	"fmt"
	"io"
	"log"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// rafts decides by go.etcd.io/raft/v3: each decision is an entry of 32 bytes that the leader, elected at
// the restart, proposes. Members keep their log in memory, messages are encoded and decoded as on a
// wire, and arrive at once and in order.
type rafts struct {
	members, per    int
	nodes           []*raft.RawNode
	stores          []*raft.MemoryStorage
	queue           [][]byte
	messages, bytes int
	history         [][][32]byte
}

func newRafts(n, per int) (*rafts, error) {
	r := &rafts{members: n, per: per}
	return r, r.restart()
}

func (r *rafts) restart() error {
	r.nodes, r.stores, r.history = nil, nil, make([][][32]byte, r.members)
	var voters []uint64
	for i := range r.members {
		voters = append(voters, uint64(i+1))
	}
	for i := range r.members {
		store := raft.NewMemoryStorage()
		// All begin after a snapshot that names them, as the package advises.
		index, term := uint64(1), uint64(1)
		if err := store.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			ConfState: &raftpb.ConfState{Voters: voters}, Index: &index, Term: &term,
		}}); err != nil {
			return err
		}
		n, err := raft.NewRawNode(&raft.Config{
			ID: uint64(i + 1), ElectionTick: 10, HeartbeatTick: 1, Storage: store, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, Applied: 1,
			Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
		})
		if err != nil {
			return err
		}
		r.nodes, r.stores = append(r.nodes, n), append(r.stores, store)
	}
	if err := r.nodes[0].Campaign(); err != nil {
		return err
	}
	err := r.settle()
	r.messages, r.bytes = 0, 0
	return err
}

func (r *rafts) decide() error {
	k := len(r.history[0])
	// One message with all entries: Propose would send each on its own.
	kind, from := raftpb.MsgProp, uint64(1)
	m := &raftpb.Message{Type: &kind, From: &from}
	for i := range r.per {
		c := content(k + i + 1)
		m.Entries = append(m.Entries, &raftpb.Entry{Data: c[:]})
	}
	if err := r.nodes[0].Step(m); err != nil {
		return err
	}
	if err := r.settle(); err != nil {
		return err
	}
	for i := range r.history {
		if len(r.history[i]) != k+r.per {
			return fmt.Errorf("member %d knows %d entries, want %d", i, len(r.history[i]), k+r.per)
		}
	}
	return nil
}

// settle lets members act until nobody has anything to do.
func (r *rafts) settle() error {
	for i := range r.nodes {
		if err := r.ready(i); err != nil {
			return err
		}
	}
	for i := 0; i < len(r.queue); i++ {
		m := &raftpb.Message{}
		if err := proto.Unmarshal(r.queue[i], m); err != nil {
			return err
		}
		to := int(m.GetTo()) - 1
		if err := r.nodes[to].Step(m); err != nil {
			return err
		}
		if err := r.ready(to); err != nil {
			return err
		}
	}
	r.queue = r.queue[:0]
	return nil
}

// ready does what a member wants done: store, send, apply.
func (r *rafts) ready(i int) error {
	for n := r.nodes[i]; n.HasReady(); {
		rd := n.Ready()
		if !raft.IsEmptyHardState(rd.HardState) {
			if err := r.stores[i].SetHardState(rd.HardState); err != nil {
				return err
			}
		}
		if err := r.stores[i].Append(rd.Entries); err != nil {
			return err
		}
		for _, m := range rd.Messages {
			b, err := proto.Marshal(m)
			if err != nil {
				return err
			}
			r.queue = append(r.queue, b)
			r.messages++
			r.bytes += len(b)
		}
		for _, e := range rd.CommittedEntries {
			if len(e.Data) == 32 {
				r.history[i] = append(r.history[i], [32]byte(e.Data))
			}
		}
		n.Advance(rd)
	}
	return nil
}

func (r *rafts) counted() (messages, bytes int) { return r.messages, r.bytes }
func (r *rafts) decided(member int) [][32]byte  { return r.history[member] }
