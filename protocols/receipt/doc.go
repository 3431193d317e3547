// Package receipt proves who handled a message, in which order and when: each peer that does adds a
// receipt to a chain, signed, and bound to all receipts before it.
//
// # How a chain grows
//
// The first peer makes the root. It says what was done (context, operation, version of the protocol,
// epoch), to which message (by its hash), who says so and at what time, and that nothing went before; and
// signs all of that. Each further peer does the same, and says in place of "nothing" the hash of what
// the peer before it has signed:
//
//	root      context operation version epoch message signer time root=1 previous=0          signature
//	link 1    ...                                                  root=0 previous=hash(root)  signature
//	link 2    ...                                                  root=0 previous=hash(link 1) signature
//
// What is hashed and signed is the transcript: a line that names this package and its form, and then all
// fields but the signature, each of a fixed length. So the last receipt stands for the whole chain: no
// receipt can be left out, put in, moved, changed, or attached to another one.
//
// # Laws
//
//   - The key that checks a signature comes from a resolver that the verifier trusts, which says also whether
//     the signer was one at the receipt's epoch. A receipt carries no key; in particular the name of the
//     signer is not taken for one.
//   - A chain begins with its only root, stays in one context and one version, and each link names the
//     hash of the transcript before it.
//   - Neither time nor epoch goes back along a chain, and no epoch is below the fence.
//   - A chain has at most MaxDepth receipts, and an empty one proves nothing: it is an error unless the
//     verifier allows it.
//   - Everything but signatures is checked first, of the whole chain. A chain that is wrong otherwise costs no
//     signature.
//   - A receipt has one encoding, of Size bytes.
//
// # What it does not do
//
// It does not know the messages: whoever has one compares its hash. It does not keep receipts, decide how
// old one may be, or tell that a chain ends too early: its last peers can be cut off, and what is left is a
// valid chain. A peer that must know of the end asks for the receipt of the peer that it expects there.
//
// Append extends a chain, a Verifier checks it, AppendChain and ParseChain are its wire form.
package receipt
