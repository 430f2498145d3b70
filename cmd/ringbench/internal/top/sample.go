package top

import (
	"fmt"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/ring"
	"annulus/seqlock"
)

// Sample is what the words of one ring or cell said at one moment.
type Sample struct {
	ID      int // of the handle: a new one when a name is given to another ring
	Name    string
	At      time.Time
	Took    time.Duration
	Err     string // why it cannot be looked at, in one line; then nothing below is known
	Removed bool   // it has lost its name, and is in use still
	Backing string // posix or file
	Size    int64  // bytes

	Config ring.Config
	Info   ring.Info
	Stats  ring.Stats

	Cell *CellSample // not nil: it is a cell or block, and none of a ring's is known
}

// CellSample is what the words of a cell said.
type CellSample struct {
	seqlock.Stats
	Kind    string // cell or block
	Element string
	Room    int // bytes of the value; of a block, the most there can be
}

// Round is one look at all there is.
type Round struct {
	At         time.Time
	Took       time.Duration
	Samples    []Sample
	Foreign    int   // files that hold neither rings nor cells
	Unreadable int   // files that may not be read
	Err        error // why it is not known what there is
}

// handle is an open ring, or an open cell.
type handle struct {
	ring *ring.Ring
	cell *seqlock.Any
}

func (h handle) open() bool { return h.ring != nil || h.cell != nil }

func (h handle) close() error {
	switch {
	case h.ring != nil:
		return h.ring.Close()
	case h.cell != nil:
		return h.cell.Close()
	}
	return nil
}

func (h handle) links() (int, error) {
	if h.ring != nil {
		return h.ring.Region().Links()
	}
	return h.cell.Region().Links()
}

// read takes a sample of an open handle.
func (h handle) read(s *Sample) (err error) {
	if h.cell != nil {
		r := h.cell.Region()
		s.Backing, s.Size = r.Backing().String(), int64(r.Size())
		s.Cell = &CellSample{Kind: h.cell.Kind(), Element: h.cell.Element(), Room: h.cell.Size()}
		s.Cell.Stats, err = h.cell.Stats()
		return err
	}
	s.Backing = h.ring.Region().Backing().String()
	s.Config, s.Info = h.ring.Config(), h.ring.Info()
	s.Size = s.Info.Size
	s.Stats, err = h.ring.Stats()
	return err
}

// attached tells whether anybody holds a role of it.
func (s *Sample) attached() bool {
	if s.Cell != nil {
		return s.Cell.Attached
	}
	return s.Stats.Producer.Attached || s.Stats.Consumer.Attached
}

// oneLine is the text of an error, whatever it wraps, and whatever name is in it.
func oneLine(err error) string {
	return report.Visible(strings.ReplaceAll(fmt.Sprint(err), "\n", "; "))
}
