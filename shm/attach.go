package shm

import (
	"fmt"
	"os"

	"github.com/edsrzf/mmap-go"
)

// attach maps size bytes of f and makes a Region of it, which then owns f. On
// an error f stays the caller's.
func attach(f *os.File, name string, backing Backing, size int, guarded bool, c *config) (*Region, error) {
	r := &Region{
		name: name, backing: backing, readOnly: c.readOnly,
		file: f, fd: int(f.Fd()), fault: new(faultFlag), guard: -1,
	}
	if err := r.mapIn(size, c); err != nil {
		return nil, fmt.Errorf("shm: mapping %d bytes of %s: %w", size, r.title(), err)
	}
	if err := adviseNoFork(r.mem); err != nil {
		r.note("fork: the mapping will be inherited by children that do not exec: %v", err)
	}
	if guarded && !c.noGuard {
		slot, why := guardAdd(r.mem, c.readOnly, r.fault)
		r.guard = slot
		if why != "" {
			r.note("fault guard: %s", why)
		}
	}
	if err := r.populate(c); err != nil {
		r.detach()
		return nil, err
	}
	return r, nil
}

// mapIn maps the file: through mmap-go, aligned to huge pages, or between guard pages.
func (r *Region) mapIn(size int, c *config) (err error) {
	if c.sealed {
		r.mem, r.unmap, err = mapGuarded(r.fd, size, r.readOnly)
		return err
	}
	if c.huge != HugeOff {
		if mem, unmap, ok := mapAligned(r.fd, size, r.readOnly); ok {
			r.mem, r.unmap = mem, unmap
			return nil
		}
	}
	prot := mmap.RDWR
	if r.readOnly {
		prot = mmap.RDONLY
	}
	m, err := mmap.MapRegion(r.file, size, prot, 0, 0)
	if err != nil {
		return err
	}
	r.mem = m[:size:size]
	r.unmap = m.Unmap
	return nil
}

// populate does what the options ask of the pages: huge ones, all of them now,
// never swapped out.
func (r *Region) populate(c *config) error {
	if c.huge != HugeOff {
		if why := r.hugePages(); why != "" {
			if c.poolErr != nil {
				why += fmt.Sprintf("; from the pool: %v", c.poolErr)
			}
			if c.huge == HugeRequire {
				return fmt.Errorf("shm: %s: %s: %w", r.title(), why, errHuge)
			}
			r.note("huge pages: asked try, got %d KiB pages: %s", os.Getpagesize()/1024, why)
		}
	}
	if c.prefault {
		if err := prefault(r.mem, r.readOnly); err != nil {
			r.note("prefault: not all pages are in memory: %v", err)
		}
	}
	if c.mlock {
		if err := mlock(r.mem); err != nil {
			r.note("mlock: %d bytes are not locked in memory: %v; raise RLIMIT_MEMLOCK", len(r.mem), err)
		}
	}
	return nil
}

// detach undoes attach and leaves the file open.
func (r *Region) detach() {
	guardRemove(r.guard)
	r.guard = -1
	_ = r.unmap()
}

// runInit runs the init callback of a region that is being created.
func (r *Region) runInit(c *config) error {
	if c.init == nil {
		return nil
	}
	if err := c.init(r.mem); err != nil {
		return fmt.Errorf("shm: initialising %s: %w", r.title(), err)
	}
	return nil
}
