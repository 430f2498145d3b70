package shm

import "io/fs"

// HugePages says how much huge pages matter.
type HugePages uint8

const (
	// HugeOff asks for nothing: the system's default pages.
	HugeOff HugePages = iota
	// HugeTry takes huge pages where they can be had and leaves a note
	// (Region.Notes) where not.
	HugeTry
	// HugeRequire fails where they cannot be had.
	HugeRequire
)

// String returns off, try or require.
func (h HugePages) String() string {
	switch h {
	case HugeTry:
		return "try"
	case HugeRequire:
		return "require"
	}
	return "off"
}

// An Option changes how a region is created or opened. Options that mean
// nothing for a backing (a mode for Heap) are ignored; those that would silently
// not do what they say (WithInit for Open) are an error, fs.ErrInvalid.
type Option func(*config)

type config struct {
	init     func(mem []byte) error
	mode     fs.FileMode
	owners   []int
	huge     HugePages
	prefault bool
	mlock    bool
	readOnly bool
	noGuard  bool

	sealed  bool  // written by one process: see Sealed
	poolErr error // why a memfd could not be had from the hugetlb pool
}

// WithInit runs f on the whole mapping before its name becomes visible. An
// error from f removes everything and is returned, wrapped. mem is valid as
// long as the region.
func WithInit(f func(mem []byte) error) Option { return func(c *config) { c.init = f } }

// WithMode sets the permission bits of a new file, exactly, whatever the umask
// is. The default is 0600; bits beyond 0666 are refused.
func WithMode(mode fs.FileMode) Option { return func(c *config) { c.mode = mode } }

// WithPrefault touches every page at once, so that no page fault comes later.
func WithPrefault() Option { return func(c *config) { c.prefault = true } }

// WithMlock keeps the pages in memory. What RLIMIT_MEMLOCK refuses is a note,
// not an error.
func WithMlock() Option { return func(c *config) { c.mlock = true } }

// WithHugePages asks for huge pages: for a Memfd from the hugetlb pool first
// (sizes are then rounded up to a huge page), for all backings but Heap as
// transparent huge pages.
func WithHugePages(h HugePages) Option { return func(c *config) { c.huge = h } }

// ReadOnly opens and maps for reading only: a store through Bytes is a crash.
// It applies to Open, OpenFile and FromFile.
func ReadOnly() Option { return func(c *config) { c.readOnly = true } }

// WithOwner accepts files of user uid too, besides those of the process' own
// effective user. It may be given several times.
func WithOwner(uid int) Option { return func(c *config) { c.owners = append(c.owners, uid) } }

// WithoutFaultGuard leaves SIGBUS alone for this region: touching a truncated
// file then ends the program, or panics under debug.SetPanicOnFault.
func WithoutFaultGuard() Option { return func(c *config) { c.noGuard = true } }

func newConfig(opts []Option) *config {
	c := &config{mode: 0o600}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	return c
}

// forCreate checks the options of the constructors that make something new.
func (c *config) forCreate() error {
	if c.readOnly {
		return invalid("ReadOnly does not apply to a new region: create it, then open it with ReadOnly")
	}
	if c.mode&^0o666 != 0 {
		return invalid("mode %#o: only permission bits within 0666 make sense for memory", uint32(c.mode))
	}
	return nil
}

// forOpen checks the options of the constructors that take what is there.
func (c *config) forOpen() error {
	if c.init != nil {
		return invalid("WithInit does not apply to an existing region: use it when creating")
	}
	return nil
}
