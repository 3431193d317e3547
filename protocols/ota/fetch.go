package ota

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perfgate/perfgate/protocols"
	"github.com/perfgate/perfgate/protocols/chunk"
)

// transfer returns the transfer of a root, which it starts if need be.
func (n *Node) transfer(root chunk.Root) *chunk.Fetcher {
	for _, f := range n.transfers {
		if f.Root() == root {
			return f
		}
	}
	f, err := chunk.NewFetcher(n.cfg.Chunk, root, nil, n.store, rand.New(rand.NewPCG(n.random().Uint64(), root.Session())))
	if err != nil {
		n.stop(err)
		return nil
	}
	for _, p := range n.others() {
		f.AddSource(p)
	}
	n.transfers = append(n.transfers, f)
	return f
}

// patched reports whether the package is to be made by a patch.
func (n *Node) patched(c *ceremony) bool {
	return c.proposal.Patch != nil && c.proposal.Patch.Base == n.Running().Root && !n.whole
}

// serve keeps the transfers of what is here open for others.
func (n *Node) serve(c *ceremony) {
	if n.transfer(c.proposal.Package.Root) != nil && n.patched(c) {
		n.transfer(c.proposal.Patch.Root)
	}
}

// patchPatience is how long no piece of a patch may come before the whole package is fetched: it may be
// that all who had the patch have gone, or have taken the package back.
const patchPatience = 30 * time.Second

// fetch gets the patch or the whole package.
func (n *Node) fetch(now time.Duration, c *ceremony) {
	root, most := c.proposal.Package.Root, c.proposal.Package.Size
	if n.patched(c) {
		root, most = c.proposal.Patch.Root, c.proposal.Patch.Size
	}
	f := n.transfer(root)
	if f == nil {
		return
	}
	if c.proposal.Coordinator == n.cfg.Self {
		n.serve(c)
	}
	if f.Err() != nil && errors.Is(f.Err(), protocols.ErrExhausted) && n.patched(c) {
		n.fallBack(c)
		return
	}
	if pieces := f.Stats().Pieces; pieces != n.pieces || n.stalled == 0 {
		n.pieces, n.stalled = pieces, now+patchPatience
	}
	if !f.Done() {
		if now >= n.stalled && n.patched(c) {
			n.fallBack(c)
		}
		return
	}
	if m, ok := f.Manifest(); !ok || m.Size() != most {
		n.fallBack(c)
		return
	}
	n.rec.phase = Fetched
	n.save()
}

// fallBack forgets a patch that did not give what it should.
func (n *Node) fallBack(c *ceremony) {
	if n.patched(c) {
		n.whole = true
		n.stats.Fallback++
	}
	n.transfers = slices.DeleteFunc(n.transfers, func(f *chunk.Fetcher) bool { return f.Root() != c.proposal.Package.Root })
	if p := c.proposal.Patch; p != nil && n.err == nil {
		if err := chunk.Discard(n.store, p.Root); err != nil {
			n.stop(err)
		}
	}
	n.rec.phase = Offered
	n.save()
}

// verify checks the package as a whole, after making it from a patch where there is one.
func (n *Node) verify(c *ceremony) {
	p := &c.proposal.Package
	whole := n.transfer(p.Root)
	if whole == nil {
		return
	}
	if !whole.Done() && n.patched(c) {
		content, err := n.rebuild(c)
		if err != nil {
			n.fallBack(c)
			return
		}
		if _, err := chunk.Import(n.store, content, p.Chunk); err != nil {
			n.stop(err)
			return
		}
		n.transfers = slices.DeleteFunc(n.transfers, func(f *chunk.Fetcher) bool { return f == whole })
		if whole = n.transfer(p.Root); whole == nil {
			return
		}
		n.stats.Patched++
	}
	content, err := whole.Content()
	if err == nil {
		var m *chunk.Manifest
		if m, err = chunk.NewManifest(content, p.Chunk); err == nil && (m.Root() != p.Root || m.Size() != p.Size) {
			err = fmt.Errorf("verify package %v: not what was proposed: %w", p.Version, protocols.ErrVerification)
		}
	}
	if err != nil {
		n.fallBack(c) // fetch again what the store has lost
		return
	}
	n.rec.phase = Verified
	n.save()
}

// rebuild makes the package from the running one and the patch.
func (n *Node) rebuild(c *ceremony) ([]byte, error) {
	p := &c.proposal
	f := n.transfer(p.Patch.Root)
	if f == nil {
		return nil, n.err
	}
	patch, err := f.Content()
	if err != nil {
		return nil, err
	}
	base, err := n.content(n.Running().Root)
	if err != nil {
		return nil, err
	}
	content, err := Apply(base, patch, p.Package.Size)
	if err != nil {
		return nil, err
	}
	m, err := chunk.NewManifest(content, p.Package.Chunk)
	if err == nil && m.Root() != p.Package.Root {
		err = fmt.Errorf("rebuild %v: the patch makes something else: %w", p.Package.Version, protocols.ErrVerification)
	}
	return content, err
}

// content reads a package out of the store.
func (n *Node) content(root chunk.Root) ([]byte, error) {
	f, err := chunk.NewFetcher(n.cfg.Chunk, root, nil, n.store, n.random())
	if err != nil {
		return nil, err
	}
	return f.Content()
}

// Content reads the running package out of the store. The error wraps protocols.ErrNotStored when the
// store has lost a part of it.
func (n *Node) Content() ([]byte, error) { return n.content(n.Running().Root) }
