package seqlock

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"annulus/internal/cpu"
	"annulus/internal/element"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
	"annulus/shm"
)

// handle is what Cell and Block have in common: one process' hold on the
// memory. Its methods may be called from any goroutine.
type handle struct {
	region   *shm.Region
	mem      []byte
	geometry layout.CellGeometry
	element  element.Type // as the creator said; a block has none

	value *layout.CellState
	seq   *layout.Seq
	arm   *layout.Arm
	owner *layout.Endpoint

	mu        sync.Mutex
	closed    bool
	endpoints map[*endpoint]func() error // open ones and how to close them
}

// Option is a choice of this process alone; it is not persisted.
type Option func(*options)

type options struct{ region []shm.Option }

// WithRegion passes options to the memory under the cell: mode, huge pages,
// prefault, mlock, owner, read-only.
func WithRegion(opts ...shm.Option) Option {
	return func(o *options) { o.region = append(o.region, opts...) }
}

func collect(opts []Option) options {
	var o options
	for _, f := range opts {
		f(&o)
	}
	return o
}

// spec is what a caller asks for: to be created, or to be found.
type spec struct {
	kind uint32
	size int // 0: any block will do
	element.Type
}

func specOf[T any]() (spec, error) {
	t, err := element.Of[T]()
	if err != nil {
		return spec{}, fmt.Errorf("cell: %w", err)
	}
	return spec{kind: layout.CellKindValue, size: t.Size, Type: t}, nil
}

func blockSpec(size int) spec { return spec{kind: layout.CellKindBlock, size: size} }

// accepts compares what is asked for with what is there. A cell without a
// fingerprint, as C creates it, has to fit in size.
func (s spec) accepts(h *handle) error {
	g := &h.geometry
	if s.kind != g.Kind {
		return fmt.Errorf("cell %s: %w: it is a %s, want a %s", h.name(), ErrMismatch, kindName(g.Kind), kindName(s.kind))
	}
	if s.size != 0 && uint64(s.size) != g.Size {
		return fmt.Errorf("cell %s: %w: its size is %d bytes, want %d", h.name(), ErrMismatch, g.Size, s.size)
	}
	if s.kind == layout.CellKindValue && h.element.Fingerprint != 0 && h.element.Fingerprint != s.Fingerprint {
		return fmt.Errorf("cell %s: %w: its value is a %q, want a %q", h.name(), ErrMismatch, h.element.Name, s.Name)
	}
	return nil
}

func kindName(kind uint32) string {
	if kind == layout.CellKindBlock {
		return "block"
	}
	return "cell"
}

type newRegion = func(size int, opts ...shm.Option) (*shm.Region, error)

func create(s spec, opts []Option, region newRegion) (*handle, error) {
	if s.size < 1 {
		return nil, fmt.Errorf("create %s: %w: size is %d, want at least 1 byte", kindName(s.kind), ErrGeometry, s.size)
	}
	g, err := layout.ComputeCell(s.kind, uint64(s.size), uint64(cpu.Stride()))
	if err == nil && uint64(int(g.TotalSize)) != g.TotalSize {
		err = fmt.Errorf("%w: %d bytes are more than this machine can address", ErrGeometry, g.TotalSize)
	}
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", kindName(s.kind), err)
	}
	id := layout.Identity{
		Fingerprint: s.Fingerprint, Element: s.Name,
		BootID: proc.BootID(), CreatedNS: uint64(time.Now().UnixNano()), CreatorPID: uint64(os.Getpid()),
	}
	format := func(b []byte) error { layout.FormatCell(b, g, id); return nil }
	m, err := region(int(g.TotalSize), append(collect(opts).region, shm.WithInit(format))...)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", kindName(s.kind), err)
	}
	return attach(m, s)
}

func open(s spec, opts []Option, region func(...shm.Option) (*shm.Region, error)) (*handle, error) {
	m, err := region(collect(opts).region...)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", kindName(s.kind), err)
	}
	return attach(m, s)
}

// attach makes a handle on what lies in region, after checking every field of
// its header, and takes the region over.
func attach(region *shm.Region, s spec) (*handle, error) {
	return attachIf(region, s.accepts)
}

func attachIf(region *shm.Region, accepts func(*handle) error) (*handle, error) {
	h, err := attachTo(region)
	if err == nil {
		err = accepts(h)
	}
	if err != nil {
		return nil, errors.Join(err, region.Close())
	}
	return h, nil
}

func attachTo(region *shm.Region) (*handle, error) {
	b := region.Bytes()
	raw := make([]byte, min(len(b), layout.HeaderSize))
	copy(raw, b)
	h := &handle{region: region, mem: b, endpoints: make(map[*endpoint]func() error)}
	g, header, err := layout.DecodeCell(raw, uint64(len(b)))
	if cerr := region.Check(); cerr != nil {
		err = cerr // zeros read from a lost page explain themselves
	}
	if err != nil {
		return nil, fmt.Errorf("cell %s: %w", h.name(), err)
	}
	h.geometry = g
	name, _, _ := bytes.Cut(header.Element[:], []byte{0})
	h.element = element.Type{Name: string(name), Size: int(g.Size), Fingerprint: header.Fingerprint}
	h.value = layout.CellStateAt(b, g.WriterArea)
	h.seq = layout.SeqAt(b, g.WriterArea, g.Stride)
	h.owner = layout.EndpointAt(b, g.WriterArea, g.Stride)
	h.arm = layout.ArmAt(b, g.ReaderArea, g.Stride)
	if w := mem.Load(&h.arm.Arm); w&layout.ArmValid == 0 {
		return nil, h.implausible("the readers' arm word is %#x, without its valid bit", w)
	}
	return h, nil
}

// Name returns the name or path the cell was opened by; "" for memory without.
func (h *handle) Name() string { return h.region.Name() }

// name is Name for error texts.
func (h *handle) name() string {
	if n := h.region.Name(); n != "" {
		return fmt.Sprintf("%q", n)
	}
	return "in " + h.region.Backing().String() + " memory"
}

// Region returns the memory under the cell, for its File (to pass a memfd on)
// and its Notes. Do not close it.
func (h *handle) Region() *shm.Region { return h.region }

// Close closes the writer and the readers that are still open here, then the
// handle. The cell itself stays, with its value, until it is removed. A second
// Close returns ErrClosed.
func (h *handle) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return fmt.Errorf("cell %s: handle is %w", h.name(), ErrClosed)
	}
	h.closed = true
	var closers []func() error
	for _, f := range h.endpoints {
		closers = append(closers, f)
	}
	h.mu.Unlock()
	var errs []error
	for _, f := range closers {
		if err := f(); err != nil && !errors.Is(err, ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, h.region.Close())...)
}

// remember lets Close find an endpoint.
func (h *handle) remember(e *endpoint, closer func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return fmt.Errorf("cell %s: handle is %w", h.name(), ErrClosed)
	}
	h.endpoints[e] = closer
	return nil
}

func (h *handle) forget(e *endpoint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.endpoints, e)
}
