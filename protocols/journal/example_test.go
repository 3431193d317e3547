package journal_test

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/journal"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// What one record costs on its way to ten peers.
func Example() {
	group := antientropy.Group{ID: [32]byte{1}, Unsigned: true}
	for i := range 11 {
		group.Members = append(group.Members, protocols.PeerID{byte(i + 1)})
	}
	opts := simnet.Realistic(4) // 25 ms one way, 1 % loss
	net, err := simnet.New(opts)
	if err != nil {
		panic(err)
	}
	var nodes []*journal.Node
	for _, id := range group.Members {
		log, err := antientropy.NewLog(group)
		if err != nil {
			panic(err)
		}
		node, err := journal.New(log, journal.Config{Self: id, Seed: opts.Seed})
		if err != nil {
			panic(err)
		}
		nodes = append(nodes, node)
		if err := net.Add(id, node); err != nil {
			panic(err)
		}
	}
	net.Do(group.Members[0], func(now time.Duration, out *protocols.Output) {
		op := antientropy.Record{Kind: antientropy.Op, Author: group.Members[0], Seq: 1, Payload: make([]byte, 256)}
		if err := nodes[0].Publish(now, []antientropy.Record{op}, out); err != nil {
			panic(err)
		}
	})
	net.Run(time.Hour, func() bool {
		for _, n := range nodes {
			if n.Log().Len() == 0 {
				return false
			}
		}
		return true
	})
	fmt.Println("everywhere after", net.Now().Round(time.Millisecond))
	net.Run(time.Hour, nil)
	var sum journal.Stats
	for _, n := range nodes {
		s := n.Stats()
		sum.Pushes += s.Pushes
		sum.Nacks += s.Nacks
		sum.Answers += s.Answers
		sum.Beacons += s.Beacons
	}
	fmt.Println("pushes", sum.Pushes, "nacks", sum.Nacks, "answers", sum.Answers, "beacons", sum.Beacons)
	fmt.Println("bytes on the wire for each peer", net.Total().WireBytes/10)
	// Output:
	// everywhere after 78ms
	// pushes 10 nacks 6 answers 2 beacons 60
	// bytes on the wire for each peer 739
}
