// Package ota upgrades a fleet of peers: they agree that a package may be installed, get it, and all
// switch to it at one epoch.
//
// # The way of an upgrade
//
// A member of the group, the coordinator, proposes: version, package, whether the fork is soft or hard,
// the epoch at which to activate, and the state it starts from. The id of the ceremony is the hash over
// all of it. Each member checks the proposal against what it runs and signs that it is ready, or why
// not. Ready votes of enough distinct members, who belong to enough distinct authorities, are the
// certificate: the ceremony is committed. So many refusals that this cannot happen any more abort it:
//
//	leg 1  ->  proposal
//	leg 2  <-  ready, from everybody to everybody
//	           committed, at every peer that has the votes
//
// The proposal goes out twice, to more than 16 peers three times, since who has lost it can neither vote
// nor count votes. Among more than 128 peers votes go to the coordinator alone, who sends the certificate
// in a third leg, and after it what votes still come: any that reach the threshold make a certificate, so
// that these stand in for parts of it that were lost.
//
// A member signs either that it is ready or that it is not, writes this down first, and is ready for one
// ceremony at a time until that is aborted, expired or through. Who rolled a package back is on the state
// before again; there its word holds on until expiry, and it is ready only for what is valid after that,
// as others may still activate the first. So whatever is to be corrected soon needs an early expiry. As
// a certificate takes more than half of the members, there are never two for one state that are valid at
// one time, and never one of each kind for one ceremony.
//
// Each peer on its own then goes this way, and writes down each step before it acts on it:
//
//	offered -> fetched -> verified -> staged -> activated at the epoch -> confirmed | rolled back
//
// The package is fetched in chunks from whoever has them (package chunk); who runs the base of a delta
// gets the delta, rebuilds the package from it, and compares its hash. There are two slots: the package
// that runs and the one that is staged. A health check confirms the new one within a time and a number
// of starts, or the old one is active again and that version never returns.
//
// # Laws
//
// A package is activated only with a valid certificate for exactly its proposal, at or after the epoch
// of activation and before the one of expiry, on the state that the proposal names, and only if its
// version is greater than every version that was ever active here. Distinct members and distinct
// authorities are counted, never messages. What arrives is verified before it changes anything.
// Restarting at any point goes on from the last step that was written. A peer that knows the certificate
// activates as long as somebody whom it can reach has the package: what a peer has whole, running, staged
// or replaced, it serves. Once every peer knows the outcome nobody sends any more; who gets no answer
// asks 16 times, less and less often, twice more with every epoch, and else only answers.
//
// # What it does not do
//
// It does not say what epoch it is (package epoch does), start programs, or decide health: the embedder
// does. It does not recall what is confirmed: that takes a greater version.
//
// A Policy says who may decide, a Proposal what; a Node runs at each peer; Delta and Apply are for who
// builds packages.
package ota
