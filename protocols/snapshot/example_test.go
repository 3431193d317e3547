package snapshot_test

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
	"github.com/perfgate/perfgate/protocols/snapshot"
)

// Five members agree on a cut over a path of 25 ms, and prune 1,000 ops below it.
func Example() {
	group := antientropy.Group{ID: [32]byte{1}, Unsigned: true}
	keys := map[protocols.PeerID]ed25519.PrivateKey{}
	for i := range 5 {
		key := ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(i)))
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		keys[id] = key
		group.Members = append(group.Members, id)
	}
	members, err := quorum.NewGroup(group.ID, group.Members)
	check(err)
	net, err := simnet.New(simnet.Options{Seed: 1, Link: simnet.Link{Delay: 25 * time.Millisecond}})
	check(err)
	nodes := make([]*snapshot.Node, members.Len())
	for i := range nodes {
		log, err := antientropy.NewLog(group)
		check(err)
		for seq := uint64(1); seq <= 1000; seq++ {
			_, err := log.Insert(antientropy.Record{Kind: antientropy.Op, Author: members.Member(0), Seq: seq, Payload: make([]byte, 100)})
			check(err)
		}
		store, err := protocols.NewFileStore(simnet.NewDisk(uint64(i)))
		check(err)
		nodes[i], err = snapshot.NewNode(snapshot.Config{Key: keys[members.Member(i)], Group: members, Log: log, Store: store})
		check(err)
		check(net.Add(members.Member(i), nodes[i]))
	}
	check(net.Do(members.Member(0), func(now time.Duration, out *protocols.Output) {
		_, err := nodes[0].Propose(now, antientropy.Frontier{1000, 0, 0, 0, 0}, out)
		check(err)
	}))
	net.Run(time.Minute, func() bool {
		for _, n := range nodes {
			if _, ok := n.Committed(); !ok {
				return false
			}
		}
		return true
	})
	fmt.Println("certificate at all of 5 after", net.Now())
	net.Run(time.Minute, nil)
	total := net.Total()
	fmt.Println(total.Messages, "messages,", total.WireBytes, "bytes")
	for done := false; !done; {
		done, err = nodes[0].Work(64 << 10)
		check(err)
	}
	s, _ := nodes[0].Snapshot()
	fmt.Println("snapshot of", s.Manifest.Size(), "bytes")
	// Output:
	// certificate at all of 5 after 50ms
	// 24 messages, 11368 bytes
	// snapshot of 272 bytes
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
