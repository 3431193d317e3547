//go:build !race

package cli

const withRace = false
