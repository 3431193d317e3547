package measure

import (
	"context"
	"fmt"
	"sync"
)

// A relinker links binaries anew with their functions in another order, each once.
type relinker struct {
	mu      sync.Mutex
	made    map[relinked]*[2]*Binary
	refused error
}

type relinked struct {
	pkg  string
	seed int
}

// relinks is in how many other orders benchmarks can be measured.
func (s *Session) relinks() int {
	s.relinker.mu.Lock()
	defer s.relinker.mu.Unlock()
	if s.Base == nil || s.relinker.refused != nil {
		return 0
	}
	return s.Relinks
}

// refuse notes that this toolchain cannot do it.
func (r *relinker) refuse(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = err
}

// link returns both arms' binaries of a package, linked in the order of a seed. Both with the same
// seed: the order that the linker takes by itself is better than most, so it is no partner for one
// by chance.
func (r *relinker) link(ctx context.Context, s *Session, pkg string, functions [2]string, seed int) ([2]*Binary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bin := r.made[relinked{pkg, seed}]; bin != nil {
		return *bin, nil
	}
	var bin [2]*Binary
	for i, arm := range s.arms() {
		b := *arm.binary(pkg, functions[i])
		b.Path = fmt.Sprintf("%s.order-%d", b.Path, seed)
		if err := arm.compile(ctx, s.Exec, &b, fmt.Sprintf("-randlayout=%d", seed)); err != nil {
			return bin, err
		}
		bin[i] = &b
	}
	if r.made == nil {
		r.made = map[relinked]*[2]*Binary{}
	}
	r.made[relinked{pkg, seed}] = &bin
	return bin, nil
}
