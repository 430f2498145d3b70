package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	iofs "io/fs"

	"annulus/cmd/ringbench/internal/doctor"
	"annulus/cmd/ringbench/internal/report"
	"annulus/ring"
	"annulus/shm"
)

func doctorCommand() *command {
	return &command{
		name:    "doctor",
		summary: "what on this machine will break rings, or cost them latency, and what to do",
		help: `Looks at /dev/shm, limits, memory, processors, clocks, the kernel's calls, filters of
them, namespaces, systemd-logind and the rings that are there. Each check says what it found, why that
matters, and what to do; docs/operations/machine.md has more of each. It changes nothing and
needs no root; what it cannot see without, it says. It sees what a process started here would: run it where the
peers run, in the same container, unit and user.

What each pair of processors costs is for ringbench topo to measure.

Exit status 1 if something will break, 0 if not. Colours only on a terminal, and not with NO_COLOR or
TERM=dumb.`,
		examples: `ringbench doctor
ringbench doctor --json
ringbench doctor --fix-commands > fix.sh
ringbench doctor --verbose`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			asJSON := fs.Bool("json", false, "print one JSON document of schema "+doctor.Schema)
			script := fs.Bool("fix-commands", false, "print only the commands that it advises, as a shell script to read and run")
			verbose := fs.Bool("verbose", false, "say of what is fine too why it matters")
			return func(_ context.Context, io *stdio, _ []string) error {
				if *asJSON && *script || *verbose && (*asJSON || *script) {
					return usagef("expected one of --json, --fix-commands and --verbose, found more")
				}
				m, err := doctor.Here(doctor.Self, ringsHere)
				if err != nil {
					return err
				}
				r := doctor.Examine(m, doctor.Checks())
				switch {
				case *asJSON:
					err = report.Indented(io.out, r)
				case *script:
					err = r.Script(io.out)
				default:
					err = r.Print(io.out, styleOf(io.out, *verbose))
				}
				if err == nil && r.Breaks > 0 {
					err = fmt.Errorf("%d of %d checks found what will break", r.Breaks, len(r.Findings))
				}
				return err
			}
		},
	}
}

// styleOf is how to print where w leads.
func styleOf(w io.Writer, verbose bool) doctor.Style {
	s := doctor.Style{Verbose: verbose}
	s.Width, s.Color = terminalOf(w)
	return s
}

// ringsHere lists the rings in shared memory for doctor.
func ringsHere() (found doctor.Rings, err error) {
	all, err := candidates("")
	if err != nil {
		return found, err
	}
	doc := &listing{}
	for _, n := range all {
		doc.add(n)
	}
	found.Unreadable = doc.Unreadable
	for _, e := range doc.Rings {
		r := doctor.Ring{Name: e.Name, Size: e.Size, Waiting: e.Waiting, Error: e.Error}
		if e.Error == "" {
			err := peersLeft(e.Name, &r)
			if errors.Is(err, iofs.ErrNotExist) {
				continue // removed meanwhile
			}
			if err != nil {
				r.Error = visible(err)
			}
		}
		found.List = append(found.List, r)
	}
	return found, nil
}

// peersLeft sees who is attached to a ring, stopped, or dead.
func peersLeft(name string, to *doctor.Ring) error {
	n := named{name: name}
	r, err := n.open(shm.ReadOnly(), n.anyOwner())
	if err != nil {
		return err
	}
	defer r.Close()
	s, err := r.Stats()
	if err != nil {
		return err
	}
	for _, p := range peersOf(r.Config(), s) {
		to.Attached = true
		if p.stopped {
			to.Stopped = append(to.Stopped, fmt.Sprintf("%s %d", p.role, p.pid))
		}
	}
	for _, side := range []ring.SideStats{s.Producer, s.Consumer} {
		to.Dead = to.Dead || state(side) == "dead"
	}
	for _, m := range s.Members {
		if !m.Attached && !m.Left {
			to.Dead = true
			to.Claims += m.Claims
		}
	}
	return nil
}
