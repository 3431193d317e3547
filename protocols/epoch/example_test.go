package epoch_test

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/epoch"
	"github.com/perfgate/perfgate/protocols/quorum"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Five members begin an epoch. Each message is sent twice, as in all small groups: 4 of the owner and
// 4 of each of the others are 20, and the time is two legs of 25 ms and some processing.
func Example() {
	var members []protocols.PeerID
	keys := map[protocols.PeerID]ed25519.PrivateKey{}
	for i := range 5 {
		key := ed25519.NewKeyFromSeed(append([]byte{byte(i)}, make([]byte, 31)...))
		id := protocols.PeerID(key.Public().(ed25519.PublicKey))
		members, keys[id] = append(members, id), key
	}
	group, err := quorum.NewGroup([32]byte{1}, members)
	if err != nil {
		panic(err)
	}
	net, err := simnet.New(simnet.Realistic(1))
	if err != nil {
		panic(err)
	}
	var nodes []*epoch.Node
	for i := range group.Len() {
		id := group.Member(i)
		store, err := protocols.NewFileStore(simnet.NewDisk(uint64(i)))
		if err != nil {
			panic(err)
		}
		n, err := epoch.NewNode(epoch.Config{Group: group, Key: keys[id], Store: store})
		if err != nil {
			panic(err)
		}
		if err := net.Add(id, n); err != nil {
			panic(err)
		}
		nodes = append(nodes, n)
	}
	owner := nodes[0].Owner(1)
	net.Do(group.Member(owner), func(now time.Duration, out *protocols.Output) {
		if _, err := nodes[owner].Propose(now, epoch.Proposal{Fence: 1000, Digest: [32]byte{7}}, out); err != nil {
			panic(err)
		}
	})
	everywhere := func() bool {
		for _, n := range nodes {
			if n.Epoch() != 1 {
				return false
			}
		}
		return true
	}
	net.Run(time.Minute, everywhere)
	at := net.Now()
	net.Run(time.Hour, nil)
	c, _ := nodes[0].Certificate()
	total := net.Total()
	fmt.Println("everywhere after", at.Round(100*time.Microsecond), "by", len(c.Votes), "votes")
	fmt.Println(total.Messages, "messages,", total.Datagrams, "datagrams,", total.WireBytes, "bytes on the wire")
	fmt.Println(nodes[0].Accept(0, 1000) == nil, nodes[0].Accept(0, 1001) == nil)
	// Output:
	// everywhere after 50.3ms by 3 votes
	// 20 messages, 40 datagrams, 11600 bytes on the wire
	// true false
}
