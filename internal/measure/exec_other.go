//go:build !unix

package measure

import "os/exec"

// CPUs returns the processors that one can pin to: none on this system.
func CPUs() []int { return nil }

func group(*exec.Cmd) {}

func askForStacks(cmd *exec.Cmd) { killGroup(cmd) }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func startPinned(cmd *exec.Cmd, _ []int) error { return cmd.Start() }
