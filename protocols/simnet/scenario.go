package simnet

import "time"

// Every scenario has the same link rate, so that even without delay a byte costs time and a rate
// in operations per second is finite; and a queue of about 8 ms at that rate.
const (
	scenarioRate  = 1_000_000_000
	scenarioQueue = 1 << 20
)

// Ideal is a network in one room: no delay, no loss, no processing time. What time passes is that
// of 1 Gbit/s.
func Ideal(seed uint64) Options {
	return Options{Seed: seed, Link: Link{Rate: scenarioRate, Queue: scenarioQueue}}
}

// Realistic is a good wide-area network: 25 ms one way, 1 % loss, 100 us of processing for each
// datagram.
func Realistic(seed uint64) Options {
	return Options{Seed: seed, Processing: 100 * time.Microsecond,
		Link: Link{Delay: 25 * time.Millisecond, Loss: 0.01, Rate: scenarioRate, Queue: scenarioQueue}}
}

// Stressed is a bad one: 100 ms one way, 5 % loss, 500 us of processing for each datagram.
func Stressed(seed uint64) Options {
	return Options{Seed: seed, Processing: 500 * time.Microsecond,
		Link: Link{Delay: 100 * time.Millisecond, Loss: 0.05, Rate: scenarioRate, Queue: scenarioQueue}}
}

// A Scenario is a network condition with the name it has in benchmark names: net=ideal.
type Scenario struct {
	Name    string
	Options func(seed uint64) Options
}

// Scenarios returns the three conditions in order of severity.
func Scenarios() []Scenario {
	return []Scenario{{"ideal", Ideal}, {"realistic", Realistic}, {"stressed", Stressed}}
}
