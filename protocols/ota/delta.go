package ota

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/perfgate/perfgate/protocols"
)

// MaxBase bounds what a patch may be applied to, in bytes: encoder and decoder reach back over base and
// result together.
const MaxBase = 192 << 20

const dictionary = 1 // the number under which both sides know the base

// Delta returns a patch from one content to another: the new one compressed with the old one as
// dictionary. It takes about a second for 10 MB. Debug sections that the linker has compressed have
// nothing in common with those before: build with -trimpath and -ldflags="-s -w", or with
// -ldflags=-compressdwarf=false. Of two builds of this project's own command, 34 commits apart, the patch
// is 10 % of the package either way, and 31 % of it with compressed debug sections. The error wraps
// protocols.ErrExhausted when they are too large.
func Delta(base, content []byte) ([]byte, error) {
	if len(base) > MaxBase || len(content) > MaxBase {
		return nil, fmt.Errorf("make patch of %d bytes to %d, at most %d: %w", len(base), len(content), MaxBase, protocols.ErrExhausted)
	}
	window := zstd.MinWindowSize
	for window < len(base)+len(content) {
		window *= 2
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(min(window, zstd.MaxWindowSize)), zstd.WithEncoderDictRaw(dictionary, base), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("make patch: %w: %w", err, protocols.ErrVerification)
	}
	return w.EncodeAll(content, nil), nil
}

// Apply returns the content of a size in bytes that a patch makes of a base. It asks for no more memory
// than the size plus what the format needs for itself. The error wraps protocols.ErrVerification; what
// it returns without one is still to be compared with the hash of what it should be.
func Apply(base, patch []byte, size int64) ([]byte, error) {
	if size < 1 || size > MaxBase || len(base) > MaxBase {
		return nil, fmt.Errorf("apply patch to %d bytes for %d: %w", len(base), size, protocols.ErrVerification)
	}
	window := uint64(zstd.MinWindowSize)
	for window < uint64(len(base))+uint64(size) {
		window *= 2
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(max(uint64(size), window)),
		zstd.WithDecoderMaxWindow(window), zstd.WithDecoderDictRaw(dictionary, base))
	if err != nil {
		return nil, fmt.Errorf("apply patch: %w: %w", err, protocols.ErrVerification)
	}
	defer r.Close()
	var h zstd.Header
	if err := h.Decode(patch); err != nil || h.HasFCS && h.FrameContentSize != uint64(size) {
		return nil, fmt.Errorf("apply patch: it says that it makes something else than %d bytes: %w", size, protocols.ErrVerification)
	}
	b, err := r.DecodeAll(patch, make([]byte, 0, size))
	if err == nil && int64(len(b)) != size {
		err = fmt.Errorf("%d bytes, want %d", len(b), size)
	}
	if err != nil {
		return nil, fmt.Errorf("apply patch: %w: %w", err, protocols.ErrVerification)
	}
	return b, nil
}
