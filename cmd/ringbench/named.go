package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"annulus/futex"
	"annulus/ring"
	"annulus/shm"
)

// named says which ring a command works on.
type named struct {
	path bool   // name is a file's, not one of POSIX shared memory
	name string // "" until resolved, but for --shm and --path

	owner shm.Option // accepts its owner, where that is known already
}

func (n *named) flags(fs *flag.FlagSet) {
	set := func(path bool) func(string) error {
		return func(s string) error {
			if s == "" {
				return errors.New("expected a name")
			}
			if n.name != "" {
				return fmt.Errorf("expected one ring, found %q before", n.name)
			}
			n.path, n.name = path, s
			return nil
		}
	}
	fs.Func("shm", "the ring in POSIX shared memory: another way to give `NAME`", set(false))
	fs.Func("path", "the ring in the file `FILE`, in place of NAME", set(true))
}

// resolve takes the name from the arguments, unless a flag gave it.
func (n *named) resolve(args []string) error {
	all := args
	if n.name != "" {
		all = append([]string{n.name}, args...)
	}
	switch {
	case len(all) == 0 || len(all) == 1 && all[0] == "":
		return usagef("expected the NAME of a ring or --path FILE, found nothing")
	case len(all) > 1:
		return usagef("expected one ring, found %d: %q", len(all), all)
	}
	n.name = all[0]
	return nil
}

func (n *named) open(opts ...shm.Option) (*ring.Ring, error) {
	if n.path {
		r, err := ring.OpenFile(n.name, ring.WithRegion(opts...))
		return r, badName(err)
	}
	r, err := ring.Open(n.name, ring.WithRegion(opts...))
	return r, badName(err)
}

// openOrCreate creates a ring of that capacity (0: the default) if there is
// none. One that is there keeps its own: the peer may have been faster.
func (n *named) openOrCreate(capacity int) (*ring.Ring, error) {
	f := ring.OpenOrCreate
	if n.path {
		f = ring.OpenOrCreateFile
	}
	r, err := f(n.name, ring.Config{Capacity: capacity})
	if errors.Is(err, ring.ErrMismatch) {
		return n.open()
	}
	return r, badName(err)
}

func (n *named) remove() error {
	if n.path {
		return badName(ring.RemoveFile(n.name))
	}
	return badName(ring.Remove(n.name))
}

// badName makes a mistake in the command line of a name that cannot be one.
func badName(err error) error {
	if errors.Is(err, shm.ErrName) {
		return usagef("expected the name of a ring in shared memory, or --path FILE: %w", err)
	}
	return err
}

// side are the flags that produce and consume share.
type side struct {
	ring     named
	framing  framing
	capacity int
	wait     futex.Strategy
	stats    bool
}

func (s *side) flags(fs *flag.FlagSet, framings string) {
	s.ring.flags(fs)
	s.framing = framing{kind: byLines}
	fs.Func("framing", framings, func(v string) (err error) {
		s.framing, err = parseFraming(v)
		return err
	})
	fs.Func("capacity", "create the ring with `BYTES`, a power of two, with K, M or G; default: 1M; a ring that is there keeps its own", func(v string) (err error) {
		if s.capacity, err = parseBytes(v); err == nil {
			err = ring.Config{Capacity: s.capacity}.Validate()
		}
		if err != nil && errors.Is(err, ring.ErrGeometry) {
			err = fmt.Errorf("expected the capacity of a ring: %w", err)
		}
		return err
	})
	// The eventfds of a ring cannot be had by its name.
	waits := slices.DeleteFunc(futex.Names(), func(w string) bool { return w == "eventfd" })
	fs.Func("wait", "how to wait for the other side, one of "+strings.Join(waits, ",")+"; default: adaptive", func(v string) (err error) {
		if err = oneOf(&v, waits)(v); err == nil {
			s.wait, err = futex.ParseStrategy(v)
		}
		return err
	})
	fs.BoolVar(&s.stats, "stats", false, "at the end, say on stderr how much was passed")
}

// anyOwner accepts the ring of whoever it belongs to: for commands that only
// read it.
func (n *named) anyOwner() shm.Option {
	if n.owner != nil {
		return n.owner
	}
	if !n.path {
		objects, err := shm.List()
		i := slices.IndexFunc(objects, func(o shm.Info) bool { return o.Name == n.name })
		if err != nil || i < 0 {
			return shm.WithOwner(os.Geteuid()) // opening it says why
		}
		return shm.WithOwner(objects[i].UID)
	}
	if fi, err := os.Lstat(n.name); err == nil {
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			return shm.WithOwner(int(st.Uid))
		}
	}
	return shm.WithOwner(os.Geteuid())
}

// region maps the file for reading, whatever is in it.
func (n *named) region() (*shm.Region, error) {
	if n.path {
		return shm.OpenFile(n.name, shm.ReadOnly(), n.anyOwner())
	}
	return shm.Open(n.name, shm.ReadOnly(), n.anyOwner())
}
