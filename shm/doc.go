// Package shm provides the memory that a ring lies in: a [Region] is a base and
// a length, on the Go heap, in a file, in POSIX shared memory or in a sealed
// memfd. The package knows nothing of rings.
//
// # Creating and opening
//
// Creation is atomic. A file is allocated in full, mapped and initialised
// before it has a name, and the name appears in one step: of several creators
// exactly one wins, the others get [fs.ErrExist]; a creator that dies leaves no
// name; a full file system is [ErrNoSpace] and not a SIGBUS later on. Opening
// accepts only regular files of this process' effective user (or of users
// named by [WithOwner]) on local file systems, and follows no symbolic link in
// the last component of a path.
//
// # Who is alive
//
// A Region carries exclusive byte locks ([Region.TryLock]) that the kernel
// releases when the last trace of their owner is gone. On Linux they are open
// file description locks on the description that is mapped: the mapping pins
// it, so that they survive the closing of any other descriptor of the file,
// are held by a stopped process, and are free as soon as a killed one has left
// its memory, even while it is a zombie.
//
// # Truncated files
//
// Whoever may write a file may truncate it, and touching a page that lost its
// file raises SIGBUS, which would end a Go program. On linux/amd64 and
// linux/arm64 the package therefore puts a handler of its own in front of the
// runtime's, on the first mapping of a file that is not sealed against
// shrinking. A fault inside such a region replaces the whole mapping by private
// zero pages: from then on all its bytes read as zeros at first, stores reach
// nobody else, [Region.Faulted] is true and [Region.Check] returns
// [ErrTruncated]. Faulted becomes true before the first zero can be read. Every
// other SIGBUS goes to the handler that was there before, with its registers
// intact, also in programs that use cgo. os/signal does not disturb this: it
// never touches SIGBUS, which is a synchronous signal to the runtime. A C
// library that installs its own handler later must call the previous one.
//
// What the guard cannot see: a file cut inside its last page, a hole punched,
// or a file cut and grown again before anybody touched it read as zeros without
// a fault. Check compares the file's size; contents are for the layer above to
// check. A thread that sleeps on a shared futex in the lost mapping is not
// woken by a store to its replacement: bound every sleep.
//
// # Platforms
//
// Linux has all of it. Elsewhere there are heap and file regions; [Create],
// [Open], [Memfd], [List] and [Remove] return an error that wraps
// [errors.ErrUnsupported], locks are fcntl process locks (weaker: closing any
// descriptor of the file in this process drops them), file systems are not
// checked, and there is no fault guard.
package shm
