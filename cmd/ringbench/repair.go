package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"annulus/ring"
)

func repairCommand() *command {
	return &command{
		name:    "repair",
		args:    "NAME",
		summary: "settle what dead producers and consumers left in a ring",
		help: `Peers do this by themselves as soon as they are kept waiting; repair does it now,
for a ring that nobody waits at. Claims of dead producers are skipped, messages in
the hands of dead consumers dropped, or left to the next consumer if the ring was
created so. Whoever lives is never robbed, running or stopped; a stopped process
keeps its claim until it goes on. --kill-paused ends one that holds up the others:
it must be attached to this ring, and be stopped.`,
		examples: `ringbench repair jobs
ringbench repair --kill-paused 4711 jobs`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			var n named
			n.flags(fs)
			pid := fs.Int("kill-paused", 0, "kill the stopped process `PID` first")
			return func(ctx context.Context, io *stdio, args []string) (err error) {
				if err := n.resolve(args); err != nil {
					return err
				}
				r, err := n.open()
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, r.Close()) }()
				if *pid != 0 {
					if err := killPaused(ctx, r, *pid); err != nil {
						return fmt.Errorf("ring %q: %w", n.name, err)
					}
					fmt.Fprintf(io.out, "killed %d\n", *pid)
				}
				found, err := r.Recover()
				if err != nil {
					return err
				}
				return printRecovery(io.out, n.name, r, found)
			}
		},
	}
}

func printRecovery(w io.Writer, name string, r *ring.Ring, found ring.Recovery) error {
	text := fmt.Sprintf("%d claims skipped, %d messages dropped, %d wait for a consumer, %d held by live ones",
		found.Skipped, found.Dropped, found.Waiting, found.Claimed)
	switch r.Config().Topology {
	case ring.SPSC:
		text = "one producer and one consumer, nothing to settle: their successors go on where they left off"
	case ring.MPSC:
		text = "a lane for each producer, and one consumer, nothing to settle: their successors go on where they left off"
	case ring.Broadcast:
		text = "a broadcast ring, nothing to settle: a next producer goes on where the last left off, and does not wait for dead consumers"
	}
	if _, err := fmt.Fprintf(w, "ring %q: %s\n", name, text); err != nil {
		return err
	}
	s, err := r.Stats()
	if err != nil {
		return err
	}
	for _, p := range peersOf(r.Config(), s) {
		if !p.stopped {
			continue
		}
		holds := ""
		if p.claims > 0 {
			holds = fmt.Sprintf(" and holds %d", p.claims)
		}
		if _, err := fmt.Fprintf(w, "%s %d is stopped%s; continue it, or end it with --kill-paused %d\n", p.role, p.pid, holds, p.pid); err != nil {
			return err
		}
	}
	return nil
}

// peer is an attached process.
type peer struct {
	role    string
	pid     int
	stopped bool
	claims  int
}

// peersOf lists who is attached to a ring.
func peersOf(c ring.Config, s ring.Stats) (list []peer) {
	see := func(role string, side ring.SideStats) {
		if side.Attached {
			list = append(list, peer{role, side.PID, side.Stopped, 0})
		}
	}
	// Where a side has many endpoints, they are members.
	if c.Topology == ring.SPSC || c.Topology == ring.Broadcast {
		see("producer", s.Producer)
	}
	for _, m := range s.Members {
		role := "consumer"
		if m.Producer {
			role = "producer"
		}
		if m.Attached {
			list = append(list, peer{role, m.PID, m.Stopped, m.Claims})
		}
	}
	if c.Topology == ring.SPSC || c.Topology == ring.MPSC {
		see("consumer", s.Consumer)
	}
	return list
}

// attachedAs tells how process pid is attached to r, and whether it is stopped.
func attachedAs(r *ring.Ring, pid int) (attached, stopped bool, others []string, err error) {
	s, err := r.Stats()
	if err != nil {
		return false, false, nil, err
	}
	for _, p := range peersOf(r.Config(), s) {
		others = append(others, fmt.Sprint(p.pid))
		if p.pid == pid {
			attached, stopped = true, stopped || p.stopped
		}
	}
	return attached, stopped, others, nil
}

// killPaused kills a process that is attached to r and stopped, and waits until the
// kernel says that it is gone.
func killPaused(ctx context.Context, r *ring.Ring, pid int) error {
	kill, done, err := processHandle(pid)
	if err != nil {
		return fmt.Errorf("expected the pid of an attached process, found %d: %w", pid, err)
	}
	defer done()
	attached, stopped, others, err := attachedAs(r, pid) // after the handle: it cannot be another process now
	switch {
	case err != nil:
		return err
	case !attached:
		return fmt.Errorf("expected the pid of an attached process (%s), found %d", strings.Join(others, ", "), pid)
	case !stopped:
		return fmt.Errorf("process %d is not stopped: it is left alone", pid)
	}
	if err := kill(); err != nil {
		return fmt.Errorf("kill %d: %w", pid, err)
	}
	for deadline := time.Now().Add(10 * time.Second); attached; time.Sleep(time.Millisecond) {
		if attached, _, _, err = attachedAs(r, pid); err != nil {
			return err
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("process %d was killed, and still holds its place", pid)
		}
	}
	return nil
}
