//go:build !unix

package measure

import "os/exec"

// CPUs returns the processors that one can pin to: none on this system.
func CPUs() []int { return nil }

func group(*exec.Cmd) {}

func askForStacks(cmd *exec.Cmd) { killGroup(cmd) }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// awaitEnd would wait without reaping, which is not to be had here.
func awaitEnd(int) bool { return false }

func startPinned(cmd *exec.Cmd, _ []int) error { return cmd.Start() }
