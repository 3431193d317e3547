//go:build race

package cli

// The race detector takes memory of its own.
const withRace = true
