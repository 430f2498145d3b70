package ring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"annulus/internal/layout"
	"annulus/shm"
)

// Create makes a ring in POSIX shared memory under name, which must be free
// (fs.ErrExist). The ring has the name only once it is complete.
func Create(name string, c Config, opts ...Option) (*Ring, error) {
	return create(c, opts, func(size int, o ...shm.Option) (*shm.Region, error) { return shm.Create(name, size, o...) })
}

// CreateFile makes a ring in a new file at path.
func CreateFile(path string, c Config, opts ...Option) (*Ring, error) {
	return create(c, opts, func(size int, o ...shm.Option) (*shm.Region, error) { return shm.CreateFile(path, size, o...) })
}

// CreateMemfd makes a ring in memory without a name, sealed against resizing,
// to be passed on as Ring.Region().File(). label is for people.
func CreateMemfd(label string, c Config, opts ...Option) (*Ring, error) {
	return create(c, opts, func(size int, o ...shm.Option) (*shm.Region, error) { return shm.Memfd(label, size, o...) })
}

// New makes a ring on the Go heap, for goroutines of this process.
func New(c Config, opts ...Option) (*Ring, error) { return create(c, opts, shm.Heap) }

func create(c Config, opts []Option, region func(int, ...shm.Option) (*shm.Region, error)) (*Ring, error) {
	c = c.withDefaults()
	g, err := c.geometry()
	if err != nil {
		return nil, fmt.Errorf("create ring: %w", err)
	}
	o := collect(opts)
	id := identity(c, o)
	format := func(b []byte) error { layout.Format(b, g, id); return nil }
	m, err := region(int(g.TotalSize), append(o.region, shm.WithInit(format))...)
	if err != nil {
		return nil, fmt.Errorf("create ring: %w", err)
	}
	return Attach(m, opts...)
}

// Open attaches to the ring of that name in POSIX shared memory; fs.ErrNotExist
// if there is none.
func Open(name string, opts ...Option) (*Ring, error) {
	return open(opts, func(o ...shm.Option) (*shm.Region, error) { return shm.Open(name, o...) })
}

// OpenFile attaches to the ring in the file at path.
func OpenFile(path string, opts ...Option) (*Ring, error) {
	return open(opts, func(o ...shm.Option) (*shm.Region, error) { return shm.OpenFile(path, o...) })
}

// OpenFD attaches to the ring in an inherited or received file, as a memfd. The
// caller keeps f and may close it.
func OpenFD(f *os.File, opts ...Option) (*Ring, error) {
	return open(opts, func(o ...shm.Option) (*shm.Region, error) { return shm.FromFile(f, o...) })
}

func open(opts []Option, region func(...shm.Option) (*shm.Region, error)) (*Ring, error) {
	m, err := region(collect(opts).region...)
	if err != nil {
		return nil, fmt.Errorf("open ring: %w", err)
	}
	return Attach(m, opts...)
}

// OpenOrCreate opens the ring of that name, or creates it: for peers of which
// any may start first. An existing ring must be what the non-zero fields of c
// say (ErrMismatch).
func OpenOrCreate(name string, c Config, opts ...Option) (*Ring, error) {
	return openOrCreate(c,
		func() (*Ring, error) { return Open(name, opts...) },
		func() (*Ring, error) { return Create(name, c, opts...) })
}

// OpenOrCreateFile is OpenOrCreate for a file.
func OpenOrCreateFile(path string, c Config, opts ...Option) (*Ring, error) {
	return openOrCreate(c,
		func() (*Ring, error) { return OpenFile(path, opts...) },
		func() (*Ring, error) { return CreateFile(path, c, opts...) })
}

func openOrCreate(c Config, open, create func() (*Ring, error)) (*Ring, error) {
	// Each round lost means that another process has created or removed the
	// ring in between.
	for range 100 {
		r, err := open()
		if errors.Is(err, fs.ErrNotExist) {
			r, err = create()
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			return r, err
		}
		if err != nil {
			return nil, err
		}
		if err := c.accepts(r.config); err != nil {
			return nil, errors.Join(fmt.Errorf("ring %s: %w", r.name(), err), r.Close())
		}
		return r, nil
	}
	return nil, fmt.Errorf("open ring: %w: it is created and removed over and over", ErrNotReady)
}

// Remove takes the name of a ring in POSIX shared memory away. Attached peers
// go on with the nameless ring.
func Remove(name string) error { return shm.Remove(name) }

// RemoveFile removes the file of a ring. Attached peers go on.
func RemoveFile(path string) error { return shm.RemoveFile(path) }
