package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"annulus/cmd/ringbench/internal/load"
	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
	"annulus/shm"
)

// named says which ring a command works on.
type named struct {
	path bool   // name is a file's, not one of POSIX shared memory
	name string // "" until resolved, but for --shm and --path

	owner shm.Option // accepts its owner, where that is known already
}

func (n *named) flags(set *flag.FlagSet) {
	name := func(path bool) func(string) error {
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
	set.Func("shm", "the ring in POSIX shared memory: another way to give `NAME`", name(false))
	set.Func("path", "the ring in the file `FILE`, in place of NAME", name(true))
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
		return r, n.missing(err)
	}
	r, err := ring.Open(n.name, ring.WithRegion(opts...))
	return r, n.missing(err)
}

// openOrCreate creates a ring of c if there is none. One that is there must be only
// what asked says: the peer may have been faster, and had other defaults.
func (n *named) openOrCreate(c, asked ring.Config) (*ring.Ring, error) {
	f := ring.OpenOrCreate
	if n.path {
		f = ring.OpenOrCreateFile
	}
	r, err := f(n.name, c)
	if errors.Is(err, ring.ErrMismatch) {
		r, err = f(n.name, asked)
	}
	return r, n.explain(err)
}

func (n *named) remove() error {
	if n.path {
		return n.missing(ring.RemoveFile(n.name))
	}
	return n.missing(ring.Remove(n.name))
}

// missing is explain for a ring that should be there: it says how to find those that are.
func (n *named) missing(err error) error {
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return n.explain(err)
	case n.path:
		return fmt.Errorf("%w; ringbench list --path DIR shows the rings in a directory", err)
	}
	return fmt.Errorf("%w; ringbench list shows the rings there are", err)
}

// explain makes a mistake in the command line of a name that cannot be one, and says
// who may use the ring of another user.
func (n *named) explain(err error) error {
	switch {
	case errors.Is(err, shm.ErrName):
		return usagef("expected the name of a ring in shared memory, or --path FILE: %w", err)
	case errors.Is(err, shm.ErrOwner):
		return because(err, "ring %q belongs to uid %d, this is uid %d: run ringbench as that user", n.name, n.uid(), os.Geteuid())
	}
	return err
}

// side are the flags of commands that send to a ring or receive from it.
type side struct {
	ring     named
	capacity int // 0: the default
	topology string
	overrun  string
	members  int  // 0: the default
	slotSize int  // mpmc; 0: the default
	existing bool // do not create it
	wait     futex.Strategy
	stats    bool
	metrics  served
}

// open opens the ring, or creates it, and says so where a capacity that was asked
// for is not the ring's.
func (s *side) open(notices io.Writer) (*ring.Ring, error) {
	if s.existing {
		r, err := s.ring.open()
		return s.opened(notices, r, err)
	}
	c, asked, err := s.config()
	if err != nil {
		return nil, err
	}
	r, err := s.ring.openOrCreate(c, asked)
	return s.opened(notices, r, err)
}

// opened makes a ring known to --metrics and notes what is not as asked.
func (s *side) opened(notices io.Writer, r *ring.Ring, err error) (*ring.Ring, error) {
	if err == nil && s.metrics.Collector != nil {
		if err := s.metrics.Add(r); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return s.note(notices, r, err)
}

func (s *side) note(notices io.Writer, r *ring.Ring, err error) (*ring.Ring, error) {
	if err != nil {
		return r, err
	}
	c := r.Config()
	if s.capacity == 0 {
		return r, nil
	}
	asked, has := s.capacity, fmt.Sprintf("%d bytes", c.Capacity)
	if c.Kind == ring.Slots {
		asked, has = slotsIn(s.capacity, c.SlotSize), fmt.Sprintf("%d slots of %d bytes", c.Capacity, c.SlotSize)
	}
	if c.Capacity != asked {
		_, err = fmt.Fprintf(notices, "ring %q is there already and keeps its capacity of %s, not --capacity %d\n", r.Name(), has, s.capacity)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// ringFlags are those that say nothing of what is on the far side.
func (s *side) ringFlags(set *flag.FlagSet) {
	s.ring.flags(set)
	capacities := fmt.Sprintf("create the ring with `BYTES`, 4K to %dG, a power of two; default: 1M; a ring that is there keeps its own; mpsc: of each lane; mpmc: of all slots", maxCapacity>>30)
	set.Func("capacity", capacities, func(v string) (err error) {
		s.capacity, err = parseCapacity(v)
		return err
	})
	set.Var(oneOf(&s.topology, feedable), "topology", "create the ring for `KIND` of peers: "+strings.Join(feedable, ", ")+" (default spsc)")
	set.Var(oneOf(&s.overrun, overruns), "overrun", "broadcast: `WHAT` becomes of slow consumers: "+strings.Join(overruns, ", ")+" (default overwrite)")
	set.Func("members", "mpsc: create the ring for up to `N` producers (default 8); mpsc-ordered, mpmc, broadcast: for so many peers (default 64)",
		between(&s.members, 1, layout.MaxMembers))
	set.Func("slot-size", "mpmc: create the ring for messages of up to `BYTES` (default 1K)", func(v string) (err error) {
		s.slotSize, err = parseBytes(v)
		return err
	})
	set.BoolVar(&s.existing, "existing", false, "do not create the ring: fail if it is not there")
	waits := load.Waits()
	set.Var(among(waits, func(v string) (err error) {
		if v == "eventfd" {
			return fmt.Errorf("expected %s: a process needs to be handed the eventfds, it cannot open them by the ring's name", strings.Join(waits, ", "))
		}
		if err = oneOf(&v, waits).Set(v); err == nil {
			s.wait, err = futex.ParseStrategy(v)
		}
		return err
	}), "wait", "`HOW` to wait for the other side: "+strings.Join(waits, ", ")+"; default: adaptive")
	s.metrics.flag(set)
	set.BoolVar(&s.stats, "stats", false, "at the end, say on stderr how much was passed")
}

// anyOwner accepts the ring of whoever it belongs to: for commands that only
// read it.
func (n *named) anyOwner() shm.Option {
	if n.owner != nil {
		return n.owner
	}
	return shm.WithOwner(n.uid())
}

// uid is whom the ring belongs to; this user if that cannot be told: opening it says why.
func (n *named) uid() int {
	if !n.path {
		objects, err := shm.List()
		i := slices.IndexFunc(objects, func(o shm.Info) bool { return o.Name == n.name })
		if err != nil || i < 0 {
			return os.Geteuid()
		}
		return objects[i].UID
	}
	if fi, err := os.Lstat(n.name); err == nil {
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			return int(st.Uid)
		}
	}
	return os.Geteuid()
}

// region maps the file for reading, whatever is in it.
func (n *named) region() (*shm.Region, error) {
	if n.path {
		return shm.OpenFile(n.name, shm.ReadOnly(), n.anyOwner())
	}
	return shm.Open(n.name, shm.ReadOnly(), n.anyOwner())
}
