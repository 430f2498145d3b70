package shm

import (
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Backing says where the bytes of a region are. The constants are named after
// their constructors with Backed in front.
type Backing uint8

const (
	BackedByHeap  Backing = iota // Go heap of this process
	BackedByFile                 // an ordinary file
	BackedByPOSIX                // POSIX shared memory, what shm_open opens
	BackedByMemfd                // an anonymous memory file
)

// String returns heap, file, posix or memfd.
func (b Backing) String() string {
	switch b {
	case BackedByHeap:
		return "heap"
	case BackedByFile:
		return "file"
	case BackedByPOSIX:
		return "posix"
	case BackedByMemfd:
		return "memfd"
	}
	return fmt.Sprintf("Backing(%d)", uint8(b))
}

// A Region is memory that a ring can lie in. All its methods may be called by
// any number of goroutines at once.
//
// A Region that is dropped without Close keeps its mapping, its descriptor and
// its locks until the process ends.
type Region struct {
	mem      []byte
	fault    *faultFlag
	name     string
	backing  Backing
	readOnly bool
	file     *os.File
	fd       int
	notes    []string
	guard    int // slot in the guard's table, -1 without
	unmap    func() error

	uses atomic.Uint64 // see lifetime.go

	mu   sync.Mutex
	held map[int]struct{} // lock bytes of this Region
}

// faultFlag is set by the fault guard. It is apart from the Region, alone in
// its cache lines, and kept reachable by the guard as long as it may be written.
type faultFlag struct {
	v atomic.Uint32
	_ [124]byte
}

// Bytes returns the memory; cap equals len. It is valid until the Region is
// unmapped: by Close, or by the last Drop after it. Touching it later is a
// crash for all backings but Heap; Bytes itself returns nil then. Access to it
// from several goroutines or processes needs sync/atomic, or an order that
// something else gives.
func (r *Region) Bytes() []byte {
	if r.uses.Load() == regionClosed {
		return nil
	}
	return r.mem
}

// Size returns the length of Bytes: of a new region what was asked for, rounded
// up to whole pages; of an opened one the size of its file.
func (r *Region) Size() int { return len(r.mem) }

// Name returns the name given to Create or Open, the path given to CreateFile
// or OpenFile, the label of a memfd, and "" for Heap. After FromFile it is what
// the kernel knows, a path or a label, or else the name of the file given. (The
// kernel shows a file that this package created, in the process that created
// it, as "#inode (deleted)": it was opened before it had its name.)
func (r *Region) Name() string { return r.name }

// Backing says where the bytes are.
func (r *Region) Backing() Backing { return r.backing }

// ReadOnly reports whether the region was opened with ReadOnly.
func (r *Region) ReadOnly() bool { return r.readOnly }

// File returns the open file under the mapping, nil for Heap. It carries the
// region's locks: do not close it, and hand it to other processes by SendFiles,
// which sends a description of its own. A child that inherits it (ExtraFiles)
// shares the locks until it has closed it: let it call FromFile, then close. It
// is closed together with the region.
func (r *Region) File() *os.File { return r.file }

// Notes returns what was asked for and could not be had, one line each, such as
// huge pages or locked memory; nil when all went as asked.
func (r *Region) Notes() []string { return append([]string(nil), r.notes...) }

// Faulted reports whether the mapping lost its file and was replaced by zeros.
// It is one load, cheap enough for every message.
func (r *Region) Faulted() bool { return r.fault.v.Load() != 0 }

// Links returns how many names the file has: 0 says that it was removed while
// attached, and that whoever opens the name now gets another one. Heap and
// memfd regions always have 1. It costs one fstat; os.ErrClosed after the
// region was unmapped.
func (r *Region) Links() (int, error) {
	if err := r.enter(); err != nil {
		return 0, err
	}
	defer r.Drop()
	if r.backing == BackedByHeap || r.backing == BackedByMemfd {
		return 1, nil
	}
	var st unix.Stat_t
	if err := fstat(r.fd, &st); err != nil {
		return 0, sysErr("fstat", r.name, err)
	}
	return int(st.Nlink), nil
}

// Check returns nil while the file is at least as long as the mapping and no
// fault was seen, else ErrTruncated. It costs one fstat; os.ErrClosed after the
// region was unmapped.
func (r *Region) Check() error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.Drop()
	if r.Faulted() {
		return fmt.Errorf("shm: %s: lost pages of its %d bytes and reads as zeros now; detach and open it anew: %w",
			r.title(), len(r.mem), ErrTruncated)
	}
	if r.backing == BackedByHeap {
		return nil
	}
	var st unix.Stat_t
	if err := fstat(r.fd, &st); err != nil {
		return sysErr("fstat", r.name, err)
	}
	if st.Size < int64(len(r.mem)) {
		return fmt.Errorf("shm: %s: mapped with %d bytes, has %d now; detach and open it anew: %w",
			r.title(), len(r.mem), st.Size, ErrTruncated)
	}
	return nil
}

// title names the region in messages.
func (r *Region) title() string {
	if r.name == "" {
		return r.backing.String() + " region"
	}
	return r.backing.String() + " region " + r.name
}

func (r *Region) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// roundSize checks a requested size and rounds it up to whole pages.
func roundSize(size, page int) (int, error) {
	if size <= 0 {
		return 0, fmt.Errorf("shm: size %d: must be at least 1 byte: %w", size, ErrSize)
	}
	if size > math.MaxInt-page {
		return 0, fmt.Errorf("shm: size %d: beyond what can be addressed: %w", size, ErrSize)
	}
	return (size + page - 1) / page * page, nil
}

// fstat is fstat(2), past signals.
func fstat(fd int, st *unix.Stat_t) error {
	return retry(func() error { return unix.Fstat(fd, st) })
}

// retry repeats what a signal interrupted: the runtime sends itself SIGURG.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
