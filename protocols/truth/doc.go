// Package truth compares the simulated network with a real one.
//
// Its test runs the same nodes twice: on package simnet, and over UDP sockets through the kernel's
// network stack. Between the sockets lies a TUN device of the test's own, in a network namespace of
// its own, and behind it an emulator that delays and loses packets as a simnet.Link says. What the
// simulation predicts for the time of an exchange and for the share of datagrams sent again must be
// what comes out there. Where no such device may be made, the test says so and is skipped.
//
// The package has no code but its test. It is the one place among the protocols that reads the clock
// and opens sockets.
package truth
