package antientropy_test

import (
	"fmt"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/antientropy"
	"github.com/perfgate/perfgate/protocols/simnet"
)

// Two replicas of a thousand records each lack ten that the other has. What that costs, beside the
// records: a network without loss, and no parity.
func Example() {
	group := antientropy.Group{Key: [32]byte{1}, Unsigned: true, Members: []protocols.PeerID{{1}, {2}}}
	net, err := simnet.New(simnet.Options{Link: simnet.Link{Delay: 25 * time.Millisecond}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var nodes [2]*antientropy.Node
	for i, self := range group.Members {
		log, err := antientropy.NewLog(group)
		if err != nil {
			fmt.Println(err)
			return
		}
		for author, name := range group.Members {
			for seq := range uint64(500) {
				if author != i && seq >= 490 {
					break // the other's newest have not arrived
				}
				log.Insert(antientropy.Record{Kind: antientropy.Op, Author: name, Seq: seq + 1, Payload: make([]byte, 98)})
			}
		}
		nodes[i], err = antientropy.NewNode(log, antientropy.Config{Self: self, Channel: protocols.ChannelOptions{Loss: -1}})
		if err != nil {
			fmt.Println(err)
			return
		}
		net.Add(self, nodes[i])
	}
	net.Do(group.Members[0], func(now time.Duration, out *protocols.Output) {
		nodes[0].Start(now, group.Members[1], out)
	})
	net.Run(time.Hour, nil)

	r := nodes[0].TakeResults()[0]
	peer := nodes[1].TakeResults()[0]
	records := r.Applied + peer.Applied
	wire := net.Total().WireBytes
	fmt.Printf("%v: %d records in %d legs, %d messages, %d datagrams\n", r.Outcome, records, r.Legs, net.Total().Messages, net.Total().Datagrams)
	fmt.Printf("both hold all after %v, known after %v\n", max(r.HaveAll, peer.HaveAll), r.Ended)
	fmt.Printf("%d bytes on the wire, %d of them records\n", wire, records*(98+13))
	// Output:
	// diverged: 20 records in 4 legs, 4 messages, 6 datagrams
	// both hold all after 75ms, known after 100ms
	// 2724 bytes on the wire, 2220 of them records
}
