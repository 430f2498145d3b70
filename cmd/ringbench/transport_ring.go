package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"syscall"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/futex"
	"annulus/ring"
)

// ringTransport passes records of variable length, the ring's general kind.
func ringTransport() *rig.Transport { return ringOf("ring", ring.Bytes) }

// slotsTransport passes messages of one size, typed where the size is one of
// those that ringbench has a type for.
func slotsTransport() *rig.Transport { return ringOf("slots", ring.Slots) }

// ringTransportKind is the kind of ring of the transport of that name.
func ringTransportKind(name string) ring.Kind {
	if name == "slots" {
		return ring.Slots
	}
	return ring.Bytes
}

func ringOf(name string, kind ring.Kind) *rig.Transport {
	return &rig.Transport{
		Name: name, Topology: "spsc", Waits: futex.Names(), Family: "ring",
		Setup: func(p *rig.Params) (*rig.Wiring, error) { return setupRing(kind, p) },
		Open:  openRing,
	}
}

// ringSpec tells the workers where the rings are: inherited as files, with the
// eventfds behind them, or by name.
type ringSpec struct {
	There    string `json:"there"` // name or path; "" inherited
	Back     string `json:"back"`
	Inherit  int    `json:"inherit"`  // number of inherited rings
	Eventfds int    `json:"eventfds"` // number of inherited eventfds, two for each ring
}

// ringConfig makes a ring of about p.Capacity bytes.
func ringConfig(kind ring.Kind, p *rig.Params) ring.Config {
	c := ring.Config{Kind: kind, Capacity: p.Capacity}
	if kind == ring.Slots {
		n := max(p.Capacity/((p.Size+15)&^7), 2)
		c.Capacity = 1 << (bits.Len(uint(n)) - 1)
		if t, ok := typedRings[p.Size]; ok {
			return t.config(c.Capacity)
		}
		c.SlotSize = p.Size
	}
	return c
}

func setupRing(kind ring.Kind, p *rig.Params) (_ *rig.Wiring, err error) {
	w := &rig.Wiring{}
	spec := ringSpec{}
	var undo []func() error
	w.Close = func() error {
		var errs []error
		for _, f := range undo {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	c := ringConfig(kind, p)
	names := []string{"there"}
	if p.Kind == rig.RoundTrip {
		names = append(names, "back")
	}
	var efds []*futex.Eventfd
	for i, dir := range names {
		var opts []ring.Option
		if p.Wait == "eventfd" {
			for range 2 {
				e, err := futex.NewEventfd()
				if err != nil {
					return nil, err
				}
				undo = append(undo, e.Close)
				efds = append(efds, e)
			}
			opts = append(opts, ring.WithEventfds(efds[2*i], efds[2*i+1]))
		}
		name := p.BackingName
		if dir == "back" {
			name += "-back"
		}
		r, remove, err := makeRing(p.Backing, name, c, opts)
		if err != nil {
			return nil, err
		}
		undo = append(undo, r.Close)
		if remove != nil {
			undo = append(undo, remove)
			if dir == "back" {
				spec.Back = name
			} else {
				spec.There = name
			}
			continue
		}
		spec.Inherit++
		if err := inherit(w, r.Region().File()); err != nil {
			return nil, err
		}
	}
	for _, e := range efds {
		spec.Eventfds++
		if err := inherit(w, e.File()); err != nil {
			return nil, err
		}
	}
	w.Spec = spec
	return w, nil
}

func makeRing(backing, name string, c ring.Config, opts []ring.Option) (r *ring.Ring, remove func() error, err error) {
	switch backing {
	case "shm":
		r, err = ring.Create(name, c, opts...)
		return r, func() error { return ring.Remove(name) }, err
	case "path":
		r, err = ring.CreateFile(name, c, opts...)
		return r, func() error { return ring.RemoveFile(name) }, err
	}
	r, err = ring.CreateMemfd("ringbench", c, opts...)
	return r, nil, err
}

// inherit lets both workers have f.
func inherit(w *rig.Wiring, f *os.File) error {
	for _, files := range []*[]*os.File{&w.Sender, &w.Receiver} {
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			return fmt.Errorf("duplicate a descriptor: %w", err)
		}
		syscall.CloseOnExec(fd)
		*files = append(*files, os.NewFile(uintptr(fd), f.Name()))
	}
	return nil
}

// closeAll closes what both workers were to have.
func closeAll(w *rig.Wiring) (err error) {
	for _, f := range append(w.Sender, w.Receiver...) {
		err = errors.Join(err, f.Close())
	}
	return err
}

func openRing(job *rig.Job) (rig.Link, error) { return openRingWith(job) }

// openRingWith is openRing with more options of the endpoints.
func openRingWith(job *rig.Job, more ...ring.EndpointOption) (_ rig.Link, err error) {
	var spec ringSpec
	if err := json.Unmarshal(job.Spec, &spec); err != nil {
		return nil, err
	}
	s, err := futex.ParseStrategy(job.Params.Wait)
	if err != nil {
		return nil, err
	}
	l := &ringLink{size: job.Params.Size, batch: job.Params.Batch}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	var efds []*futex.Eventfd
	for _, f := range job.Files[spec.Inherit:] {
		e, err := futex.EventfdFromFile(f)
		if err != nil {
			return nil, err
		}
		l.closers = append(l.closers, e.Close)
		efds = append(efds, e)
	}
	names := []string{spec.There}
	if job.Params.Kind == rig.RoundTrip {
		names = append(names, spec.Back)
	}
	var rings []*ring.Ring
	for i, name := range names {
		var opts []ring.Option
		if len(efds) > 0 {
			opts = append(opts, ring.WithEventfds(efds[2*i], efds[2*i+1]))
		}
		var r *ring.Ring
		switch {
		case spec.Inherit > 0:
			r, err = ring.OpenFD(job.Files[i], opts...)
		case job.Params.Backing == "shm":
			r, err = ring.Open(name, opts...)
		default:
			r, err = ring.OpenFile(name, opts...)
		}
		if err != nil {
			return nil, err
		}
		l.closers = append(l.closers, r.Close)
		rings = append(rings, r)
	}
	for _, f := range job.Files {
		l.closers = append(l.closers, f.Close)
	}
	return linkRings(l, job, s, rings, more...)
}

// linkRings takes the roles of this side.
func linkRings(l *ringLink, job *rig.Job, s futex.Strategy, rings []*ring.Ring, more ...ring.EndpointOption) (rig.Link, error) {
	out, in := rings[0], rings[len(rings)-1] // the sender's
	if job.Role == rig.Receive {
		out, in = in, out
	}
	wait := ring.WithStrategy(s)
	if job.Params.Kind == rig.Throughput && !job.Params.Sealed && out.Config().Kind == ring.Slots {
		if t, ok := typedRings[job.Params.Size]; ok {
			return t.link(l, job.Role, out, wait)
		}
	}
	opts := append(more, wait)
	var err error
	if job.Role == rig.Send || len(rings) > 1 {
		if l.p, err = out.Producer(opts...); err != nil {
			return nil, err
		}
		l.wakes = append(l.wakes, l.p.Wakes)
	}
	if job.Role == rig.Receive || len(rings) > 1 {
		if l.c, err = in.Consumer(opts...); err != nil {
			return nil, err
		}
		l.wakes = append(l.wakes, l.c.Wakes)
	}
	return l, nil
}
