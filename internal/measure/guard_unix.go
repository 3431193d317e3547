//go:build unix && !aix && !solaris

package measure

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// startGuard starts the process that guards, in a session of its own: an interrupt from the keyboard
// and a signal to the group of this process do not reach it. That it is sh, not this program once
// more, needs no hidden command, works under go run and in tests alike, and is small enough to sit
// idle beside a measurement. Only this process has the other end of the pipe: descriptors of Go
// are closed in the processes that it starts.
func startGuard(temp string, list *os.File) (*exec.Cmd, io.Closer, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "perfgate-guard", temp)
	cmd.Dir = "/"
	cmd.Env = CleanEnv()
	cmd.ExtraFiles = []*os.File{list}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, alive, cmd.Start()
}

// own marks dir as in use until disown is called or this process has ended. Unlike a number of a
// process, a lock cannot outlive its holder nor mean another. Where files cannot be locked the mark
// is missing, and Sweep leaves the directory alone.
func own(dir string) (disown func()) {
	name := filepath.Join(dir, ownerFile)
	f, err := os.Create(name + ".new")
	if err != nil {
		return func() {}
	}
	// It gets its name once it is locked: Sweep must not find it before.
	if lock(f) == nil {
		_ = os.Rename(f.Name(), name)
	}
	return func() { f.Close() }
}

func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// abandoned reports whether dir is a temporary directory of ours whose maker is dead. If so, nobody
// else will find so until release is called.
func abandoned(dir string) (release func(), ok bool) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return nil, false
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() {
		return nil, false
	}
	// Not O_CREATE: a directory without the file is not known to be ours.
	f, err := os.OpenFile(filepath.Join(dir, ownerFile), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false
	}
	if lock(f) != nil {
		f.Close()
		return nil, false
	}
	return func() { f.Close() }, true
}
