// Package disk keeps the files of a protocols.Store in a real directory. It is the one package of the
// protocols that touches the machine: everything else takes a protocols.Disk and runs as well on a
// simulated one.
//
// # How a file is replaced
//
// A peer that has promised something must not forget it, and must never read half of it. So a store
// does not write over a file. It writes a second one beside it, waits until the content of that is
// on the disk, gives it the name of the first, and waits until the directory is on the disk too:
//
//	create  vote~    old content under "vote", any part of the new under "vote~"
//	sync    vote~    all of the new under "vote~"
//	rename  vote     old or new under "vote", as the file system orders it
//	syncdir          new under "vote", whatever happens
//
// Killed at any point, the process leaves under each name the old content or the new one. What is left of
// a second file is cleared away when the store is opened again. That is four operations for a write,
// of which two wait for the disk.
//
// # Laws
//
//   - A process that is killed before, in or after any operation leaves every file as before the write
//     or as after it; of a write that had returned, as after it.
//   - A name reaches files directly in the directory and nothing else: names with a separator, with a
//     colon, with a byte of zero, or of dots alone are refused, and so is a link that leads out of the directory.
//   - Only regular files are listed, read and replaced.
//   - No file is larger than MaxFile, and so no read takes more memory.
//
// # What it does not do
//
// It does not lock: one process opens a directory at a time, since opening clears away what it takes
// for remains. It does not create the directory, and so need not ask whether that is durable. Whether
// a disk that says it has synced has done so is the disk's affair. Windows cannot sync a directory; there
// SyncDir does nothing, and a rename can be lost with the power, never torn.
//
// Open gives a Dir; protocols.NewFileStore makes a store of it.
package disk
