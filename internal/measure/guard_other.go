//go:build !unix || aix || solaris

package measure

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func startGuard(string, *os.File) (*exec.Cmd, io.Closer, error) {
	return nil, nil, errors.ErrUnsupported
}

func own(dir string) (disown func()) {
	_ = os.WriteFile(filepath.Join(dir, ownerFile), nil, 0o600)
	return func() {}
}

// abandoned goes by age, for want of locks: no check takes a day.
func abandoned(dir string) (release func(), ok bool) {
	info, err := os.Lstat(filepath.Join(dir, ownerFile))
	return func() {}, err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > 24*time.Hour
}
