package top

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/typeset"
	"annulus/internal/layout"
	"annulus/ring"
	"annulus/ring/metrics"
	"annulus/seqlock"
)

// Watcher looks at rings and cells again and again. It maps them for reading only and
// takes no lock. One goroutine at a time may use it.
type Watcher struct {
	args    []string
	metrics *metrics.Collector // nil: none
	entries map[string]*entry
	orphans []*entry // open, and their names are gone
	ids     int
}

// entry is a place that was looked at.
type entry struct {
	place
	handle
	foreign    bool // there is neither a ring nor a cell
	unreadable bool
	last       Sample
	due        time.Time
}

// NewWatcher watches what args name, or all of POSIX shared memory: names, patterns of
// path.Match, and, with a slash in them, paths of files. What it opens is added to m,
// if that is not nil.
func NewWatcher(args []string, m *metrics.Collector) *Watcher {
	return &Watcher{args: args, metrics: m, entries: map[string]*entry{}}
}

// Close lets go of everything.
func (w *Watcher) Close() error {
	var errs []error
	for _, e := range w.entries {
		errs = append(errs, e.close())
	}
	for _, e := range w.orphans {
		errs = append(errs, e.close())
	}
	w.entries, w.orphans = map[string]*entry{}, nil
	return errors.Join(errs...)
}

// Look takes a sample of everything that is due; of all there is if interval is 0.
func (w *Watcher) Look(interval time.Duration) Round {
	r := Round{At: time.Now()}
	all, err := places(w.args)
	if err != nil {
		r.Err = err
		return r
	}
	w.follow(all)
	if interval == 0 {
		for _, e := range w.entries {
			e.due = time.Time{}
		}
	}
	for _, e := range w.orphans { // no plan has them
		e.due = time.Time{}
	}
	for _, e := range w.entries {
		w.sample(e, r.At)
		switch {
		case e.foreign && !e.asked:
			r.Foreign++
			continue
		case e.unreadable && !e.asked:
			r.Unreadable++
			continue
		}
		r.Samples = append(r.Samples, e.last)
	}
	w.orphans = slices.DeleteFunc(w.orphans, func(e *entry) bool {
		e.last.Removed = true
		if w.sample(e, r.At); e.last.Err == "" && e.last.attached() {
			r.Samples = append(r.Samples, e.last)
			return false
		}
		_ = e.close() // read-only, and nobody has the name: nothing can be lost
		return true
	})
	slices.SortFunc(r.Samples, func(a, b Sample) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return a.ID - b.ID
	})
	w.plan(interval)
	r.Took = time.Since(r.At)
	return r
}

// plan says when each entry is looked at again.
func (w *Watcher) plan(interval time.Duration) {
	var list []*entry
	var costs []time.Duration
	for _, e := range w.entries {
		list, costs = append(list, e), append(costs, e.last.Took)
	}
	for i, d := range every(costs, interval) {
		list[i].due = list[i].last.At.Add(d - interval/2)
	}
}

// follow brings the entries in line with what there is.
func (w *Watcher) follow(all []place) {
	listed := map[string]bool{}
	for _, p := range all {
		listed[p.name] = true
		e := w.entries[p.name]
		if e != nil && e.open() {
			if n, err := e.links(); err == nil && n > 0 && p.here && p.inode == e.inode {
				e.place = p
				continue
			}
			w.orphan(e)
			e = nil
		}
		if e == nil || !e.same(p) {
			w.entries[p.name] = w.enter(p)
		}
	}
	for name, e := range w.entries {
		if listed[name] {
			continue
		}
		if e.open() {
			w.orphan(e)
		}
		delete(w.entries, name)
	}
}

// orphan keeps an open entry whose name is gone, for as long as somebody is attached. One that has
// another name is not its own any more: it is found by that.
func (w *Watcher) orphan(e *entry) {
	if w.metrics != nil {
		w.metrics.Remove(e.last.Name)
	}
	if n, err := e.links(); err == nil && n > 0 {
		_ = e.close() // read-only: nothing can be lost
		return
	}
	w.orphans = append(w.orphans, e)
}

// enter opens what lies at a place, or finds out why not.
func (w *Watcher) enter(p place) *entry {
	w.ids++
	e := &entry{place: p, last: Sample{ID: w.ids, Name: p.name}}
	err := e.attach()
	e.unreadable = errors.Is(err, fs.ErrPermission)
	if err != nil {
		e.last.Err = typeset.OneLine(err)
		return e
	}
	switch {
	case w.metrics == nil:
	case e.ring != nil:
		err = w.metrics.Add(e.ring, metrics.As(p.name))
	case e.cell != nil:
		err = w.metrics.AddCell(e.cell, metrics.As(p.name))
	}
	if err != nil {
		e.last.Err = typeset.OneLine(errors.Join(err, e.close()))
		e.handle = handle{}
	}
	return e
}

// attach opens a ring or a cell. Of what is neither it says so.
func (e *entry) attach() error {
	region, err := e.region()
	if err != nil {
		// What cannot even be mapped is no ring of ours, but for who may not read it.
		e.foreign = !errors.Is(err, fs.ErrPermission)
		return err
	}
	switch b := region.Bytes(); {
	case layout.HasMagic(b, layout.Magic):
		e.ring, err = ring.Attach(region)
	case layout.HasMagic(b, layout.CellMagic):
		e.cell, err = seqlock.AttachAny(region)
	default:
		e.foreign = true
		err = errors.Join(errors.New("neither a ring nor a cell"), region.Close())
	}
	return err
}

// sample reads an open entry that is due. One that fails is opened anew the next time.
func (w *Watcher) sample(e *entry, now time.Time) {
	if !e.open() {
		e.last.At = now
		return
	}
	if now.Before(e.due) {
		return
	}
	s := Sample{ID: e.last.ID, Name: e.last.Name, Removed: e.last.Removed, At: time.Now()}
	err := e.read(&s)
	s.Took = time.Since(s.At)
	if err != nil {
		s = Sample{ID: s.ID, Name: s.Name, At: s.At, Err: typeset.OneLine(errors.Join(err, e.close()))}
		e.handle, e.place.mod = handle{}, time.Time{}
	}
	e.last = s
}
