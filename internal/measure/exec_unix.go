//go:build unix && !linux

package measure

import (
	"os/exec"
	"syscall"
)

// CPUs returns the processors that one can pin to: none on this system.
func CPUs() []int { return nil }

func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// askForStacks makes a Go process print where its goroutines stand, and end.
func askForStacks(cmd *exec.Cmd) { _ = cmd.Process.Signal(syscall.SIGQUIT) }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// awaitEnd would wait without reaping, which is not to be had here.
func awaitEnd(int) bool { return false }

func startPinned(cmd *exec.Cmd, _ []int) error { return cmd.Start() }
