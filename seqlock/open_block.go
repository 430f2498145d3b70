package seqlock

import (
	"os"

	"annulus/shm"
)

// CreateBlock makes a block for up to size bytes in POSIX shared memory under
// name, as Create does a cell.
func CreateBlock(name string, size int, opts ...Option) (*Block, error) {
	return blockOf(create(blockSpec(size), opts, posix(name)))
}

// CreateBlockFile makes a block in a new file at path.
func CreateBlockFile(path string, size int, opts ...Option) (*Block, error) {
	return blockOf(create(blockSpec(size), opts, file(path)))
}

// CreateBlockMemfd makes a block in memory without a name, as CreateMemfd does a
// cell.
func CreateBlockMemfd(label string, size int, opts ...Option) (*Block, error) {
	return blockOf(create(blockSpec(size), opts, memfd(label)))
}

// NewBlock makes a block on the Go heap.
func NewBlock(size int, opts ...Option) (*Block, error) {
	return blockOf(create(blockSpec(size), opts, shm.Heap))
}

// OpenBlock attaches to the block of that name in POSIX shared memory, whatever
// its size.
func OpenBlock(name string, opts ...Option) (*Block, error) {
	return blockOf(open(blockSpec(0), opts, func(o ...shm.Option) (*shm.Region, error) { return shm.Open(name, o...) }))
}

// OpenBlockFile attaches to the block in the file at path.
func OpenBlockFile(path string, opts ...Option) (*Block, error) {
	return blockOf(open(blockSpec(0), opts, func(o ...shm.Option) (*shm.Region, error) { return shm.OpenFile(path, o...) }))
}

// OpenBlockFD attaches to the block in an inherited or received file, as a memfd.
// The caller keeps f and may close it.
func OpenBlockFD(f *os.File, opts ...Option) (*Block, error) {
	return blockOf(open(blockSpec(0), opts, func(o ...shm.Option) (*shm.Region, error) { return shm.FromFile(f, o...) }))
}

// OpenOrCreateBlock opens the block of that name, which must be of that size
// (ErrMismatch), or creates it.
func OpenOrCreateBlock(name string, size int, opts ...Option) (*Block, error) {
	return openOrCreate(
		func() (*Block, error) {
			return blockOf(open(blockSpec(size), opts, func(o ...shm.Option) (*shm.Region, error) { return shm.Open(name, o...) }))
		},
		func() (*Block, error) { return CreateBlock(name, size, opts...) })
}

// OpenOrCreateBlockFile is OpenOrCreateBlock for a file.
func OpenOrCreateBlockFile(path string, size int, opts ...Option) (*Block, error) {
	return openOrCreate(
		func() (*Block, error) {
			return blockOf(open(blockSpec(size), opts, func(o ...shm.Option) (*shm.Region, error) { return shm.OpenFile(path, o...) }))
		},
		func() (*Block, error) { return CreateBlockFile(path, size, opts...) })
}

// AttachBlock makes a block of what lies in region, as Attach does a cell.
func AttachBlock(region *shm.Region) (*Block, error) { return blockOf(attach(region, blockSpec(0))) }

func blockOf(h *handle, err error) (*Block, error) {
	if err != nil {
		return nil, err
	}
	return &Block{h}, nil
}
