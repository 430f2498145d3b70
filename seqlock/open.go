package seqlock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"annulus/shm"
)

// Create makes a cell for a T in POSIX shared memory under name, which must be
// free (fs.ErrExist). The cell has the name only once it is complete. T must be
// free of pointers (ErrPointers).
func Create[T any](name string, opts ...Option) (*Cell[T], error) {
	return createCell[T](opts, posix(name))
}

// CreateFile makes a cell in a new file at path.
func CreateFile[T any](path string, opts ...Option) (*Cell[T], error) {
	return createCell[T](opts, file(path))
}

// CreateMemfd makes a cell in memory without a name, sealed against resizing, to
// be passed on as Region().File(). label is for people.
func CreateMemfd[T any](label string, opts ...Option) (*Cell[T], error) {
	return createCell[T](opts, memfd(label))
}

// New makes a cell on the Go heap, for goroutines of this process.
func New[T any](opts ...Option) (*Cell[T], error) { return createCell[T](opts, shm.Heap) }

// Open attaches to the cell of that name in POSIX shared memory; fs.ErrNotExist
// if there is none, ErrMismatch if it holds no T.
func Open[T any](name string, opts ...Option) (*Cell[T], error) {
	return openCell[T](opts, func(o ...shm.Option) (*shm.Region, error) { return shm.Open(name, o...) })
}

// OpenFile attaches to the cell in the file at path.
func OpenFile[T any](path string, opts ...Option) (*Cell[T], error) {
	return openCell[T](opts, func(o ...shm.Option) (*shm.Region, error) { return shm.OpenFile(path, o...) })
}

// OpenFD attaches to the cell in an inherited or received file, as a memfd. The
// caller keeps f and may close it.
func OpenFD[T any](f *os.File, opts ...Option) (*Cell[T], error) {
	return openCell[T](opts, func(o ...shm.Option) (*shm.Region, error) { return shm.FromFile(f, o...) })
}

// OpenOrCreate opens the cell of that name, or creates it: for peers of which
// any may start first.
func OpenOrCreate[T any](name string, opts ...Option) (*Cell[T], error) {
	return openOrCreate(
		func() (*Cell[T], error) { return Open[T](name, opts...) },
		func() (*Cell[T], error) { return Create[T](name, opts...) })
}

// OpenOrCreateFile is OpenOrCreate for a file.
func OpenOrCreateFile[T any](path string, opts ...Option) (*Cell[T], error) {
	return openOrCreate(
		func() (*Cell[T], error) { return OpenFile[T](path, opts...) },
		func() (*Cell[T], error) { return CreateFile[T](path, opts...) })
}

// Attach makes a cell of what lies in region, and takes the region over: Close
// closes it. If Attach fails the region is closed too.
func Attach[T any](region *shm.Region) (*Cell[T], error) {
	s, err := specOf[T]()
	if err != nil {
		return nil, errors.Join(err, region.Close())
	}
	return cellOf[T](attach(region, s))
}

// Remove takes the name of a cell or block in POSIX shared memory away. Those
// attached go on with the nameless one.
func Remove(name string) error { return shm.Remove(name) }

// RemoveFile removes the file of a cell or block. Those attached go on.
func RemoveFile(path string) error { return shm.RemoveFile(path) }

func createCell[T any](opts []Option, region newRegion) (*Cell[T], error) {
	s, err := specOf[T]()
	if err != nil {
		return nil, err
	}
	return cellOf[T](create(s, opts, region))
}

func openCell[T any](opts []Option, region func(...shm.Option) (*shm.Region, error)) (*Cell[T], error) {
	s, err := specOf[T]()
	if err != nil {
		return nil, err
	}
	return cellOf[T](open(s, opts, region))
}

func cellOf[T any](h *handle, err error) (*Cell[T], error) {
	if err != nil {
		return nil, err
	}
	return &Cell[T]{h}, nil
}

func posix(name string) newRegion {
	return func(size int, o ...shm.Option) (*shm.Region, error) { return shm.Create(name, size, o...) }
}

func file(path string) newRegion {
	return func(size int, o ...shm.Option) (*shm.Region, error) { return shm.CreateFile(path, size, o...) }
}

func memfd(label string) newRegion {
	return func(size int, o ...shm.Option) (*shm.Region, error) { return shm.Memfd(label, size, o...) }
}

func openOrCreate[H any](open, create func() (*H, error)) (*H, error) {
	// Each round lost means that another process has created or removed it in
	// between.
	for range 100 {
		h, err := open()
		if !errors.Is(err, fs.ErrNotExist) {
			return h, err
		}
		if h, err = create(); !errors.Is(err, fs.ErrExist) {
			return h, err
		}
	}
	return nil, fmt.Errorf("open cell: %w: it is created and removed over and over", ErrNotReady)
}
