package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"annulus/ring"
	"annulus/seqlock"
)

// Collector is a prometheus.Collector over rings and cells. Its methods may be called
// from any goroutine, at any time: also while rings are used, closed and removed. The zero
// value is not usable; see New.
type Collector struct {
	mu      sync.Mutex
	entries map[string]source // by label
}

// source is a ring or a cell, and what was said of it.
type source interface {
	collect(label string, out chan<- prometheus.Metric) error
	check() error // os.ErrClosed if its handle is closed
}

// New returns a Collector of nothing yet.
func New() *Collector { return &Collector{entries: map[string]source{}} }

// Option is a choice for one ring or cell.
type Option func(*label)

type label struct{ name string }

// As sets the label ring or cell, which without it is the ring's Name: what it was opened
// by. Memory without a name needs it.
func As(name string) Option { return func(l *label) { l.name = name } }

// Cell is a handle on a cell or block: a *seqlock.Cell[T], *seqlock.Block or *seqlock.Any.
type Cell interface {
	Name() string
	Stats() (seqlock.Stats, error)
}

// Add makes a ring part of each scrape from now on, until its handle is closed or Remove.
// The handle may be read-only. The error, errors.ErrUnsupported or os.ErrExist, says that
// the ring has no name, or that another open one has it.
func (c *Collector) Add(r *ring.Ring, opts ...Option) error {
	return c.add(r.Name(), newRingSource(r), opts)
}

// AddCell is Add for a cell or block.
func (c *Collector) AddCell(cell Cell, opts ...Option) error {
	return c.add(cell.Name(), &cellSource{cell: cell}, opts)
}

// Remove takes the ring or cell of that label out of scrapes. It need not be there.
func (c *Collector) Remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, valid(name))
}

func (c *Collector) add(name string, s source, opts []Option) error {
	l := label{name}
	for _, o := range opts {
		o(&l)
	}
	if l.name = valid(l.name); l.name == "" {
		return fmt.Errorf("metrics: this ring or cell has no name; give it one by metrics.As: %w", errors.ErrUnsupported)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[l.name]; old != nil && !errors.Is(old.check(), os.ErrClosed) {
		return fmt.Errorf("metrics: there is a ring or cell called %q already; give this one another name by metrics.As: %w", l.name, os.ErrExist)
	}
	c.entries[l.name] = s
	return nil
}

// valid makes a label of a name, which may be any bytes.
func valid(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		out <- d
	}
}

// Collect implements prometheus.Collector. It takes as long as Stats of each ring: what
// lies in a ring of records is walked over. A closed handle is dropped. One that fails
// otherwise, as by a truncated file, has annulus_ring_up 0 and nothing else.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.entries))
	for name := range c.entries {
		names = append(names, name)
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, name := range names {
		if err := c.entries[name].collect(name, out); errors.Is(err, os.ErrClosed) {
			delete(c.entries, name)
		}
	}
}
