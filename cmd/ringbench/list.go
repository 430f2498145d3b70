package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"annulus/cmd/ringbench/internal/report"
	"annulus/internal/layout"
	"annulus/ring"
	"annulus/shm"
)

func listCommand() *command {
	return &command{
		name:    "list",
		summary: "list the rings in POSIX shared memory",
		help: `Looks into each object of POSIX shared memory and prints those that are rings,
with the number of messages in them and the state of each side: none (never
attached), attached, stopped (and attached), closing, closed, or dead. The capacity
of an mpsc ring is that of each lane. Rings that this program cannot open, such as
those of a newer layout, are printed with the reason.`,
		examples: `ringbench list
ringbench list --json
ringbench list --path /var/lib/ticks`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			var dir string
			fs.Func("path", "list the rings in the files of directory `DIR` instead", func(s string) error {
				if s == "" {
					return errors.New("expected a directory")
				}
				dir = s
				return nil
			})
			asJSON := fs.Bool("json", false, "print one JSON document of schema "+listSchema)
			return func(_ context.Context, io *stdio, _ []string) error {
				all, err := candidates(dir)
				if err != nil {
					return err
				}
				doc := &listing{Schema: listSchema, Rings: []listed{}}
				for _, n := range all {
					doc.add(n)
				}
				if *asJSON {
					return report.Indented(io.out, doc)
				}
				return doc.print(io.out)
			}
		},
	}
}

const listSchema = "ringbench/list/1"

type listing struct {
	Schema     string   `json:"schema"`
	Rings      []listed `json:"rings"`
	Unreadable int      `json:"unreadable"` // files that may be rings, but may not be read
}

// listed is one ring; of one that cannot be opened only name, size and error
// are known.
type listed struct {
	Name     string `json:"name"`
	Size     int64  `json:"size"` // bytes of the file
	Error    string `json:"error,omitempty"`
	Kind     string `json:"kind,omitempty"`
	Topology string `json:"topology,omitempty"`
	Capacity int    `json:"capacity,omitempty"`
	SlotSize int    `json:"slot_size,omitempty"`
	Waiting  uint64 `json:"waiting"` // messages committed and not released; 0 of broadcast rings
	Passed   uint64 `json:"passed"`  // messages released, by all consumers together
	Producer string `json:"producer,omitempty"`
	Consumer string `json:"consumer,omitempty"`
}

// candidates returns the names of shared memory, or the regular files of a
// directory.
func candidates(dir string) (all []named, err error) {
	if dir == "" {
		objects, err := shm.List()
		for _, o := range objects {
			all = append(all, named{name: o.Name, owner: shm.WithOwner(o.UID)})
		}
		return all, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list rings: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			all = append(all, named{path: true, name: filepath.Join(dir, e.Name())})
		}
	}
	return all, nil
}

// add looks into a file. What is not a ring, or gone meanwhile, is left out.
func (l *listing) add(n named) {
	region, err := n.region()
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			l.Unreadable++
		}
		return
	}
	b := region.Bytes()
	e := listed{Name: n.name, Size: int64(len(b))}
	if !layout.HasMagic(b, layout.Magic) {
		// Read-only and never locked: nothing can go wrong, or matters.
		_ = region.Close()
		return
	}
	r, err := ring.Attach(region)
	if err == nil {
		err = e.describe(r)
		err = errors.Join(err, r.Close())
	}
	if err != nil {
		e.Error = visible(err)
	}
	l.Rings = append(l.Rings, e)
}

func (e *listed) describe(r *ring.Ring) error {
	s, err := r.Stats()
	if err != nil {
		return err
	}
	c := r.Config()
	e.Kind, e.Capacity, e.SlotSize = c.Kind.String(), c.Capacity, c.SlotSize
	e.Topology, e.Waiting, e.Passed = topologyName(c.Topology), unreleased(c, s), s.Consumer.Messages
	e.Producer, e.Consumer = state(s.Producer), state(s.Consumer)
	return nil
}

func (l *listing) print(w io.Writer) error {
	rows := [][]string{{"name", "topology", "kind", "producer", "consumer", "capacity", "waiting", "passed", "size"}}
	var broken strings.Builder
	for _, e := range l.Rings {
		if e.Error != "" {
			fmt.Fprintf(&broken, "%s: %s\n", printable(e.Name), e.Error)
			continue
		}
		capacity := fmt.Sprintf("%d B", e.Capacity)
		if e.SlotSize != 0 {
			capacity = fmt.Sprintf("%d x %d B", e.Capacity, e.SlotSize)
		}
		waiting := fmt.Sprint(e.Waiting)
		if e.Topology == topologyName(ring.Broadcast) { // each consumer has its own
			waiting = "-"
		}
		rows = append(rows, []string{
			printable(e.Name), e.Topology, e.Kind, e.Producer, e.Consumer, capacity, waiting, fmt.Sprint(e.Passed), fmt.Sprintf("%d B", e.Size),
		})
	}
	if len(rows) > 1 {
		if err := report.Table(w, 5, rows); err != nil {
			return err
		}
	} else if broken.Len() == 0 {
		broken.WriteString("no rings\n")
	}
	if l.Unreadable > 0 {
		fmt.Fprintf(&broken, "%d other files may not be read by this user\n", l.Unreadable)
	}
	_, err := io.WriteString(w, broken.String())
	return err
}

// visible is the text of an error, whatever it wraps, and whatever name is in it.
func visible(err error) string { return report.Visible(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// printable quotes a name that would spoil a table or a terminal.
func printable(s string) string {
	odd := func(c rune) bool {
		return !unicode.IsPrint(c) || unicode.IsSpace(c) || c == '"' || c == unicode.ReplacementChar
	}
	if strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}
