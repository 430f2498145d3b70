package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"strings"

	"annulus/ring"
	"annulus/shm"
)

func removeCommand() *command {
	return &command{
		name:    "remove",
		args:    "NAME",
		summary: "remove a ring and what is in it",
		help: `Takes the name of a ring in POSIX shared memory away, and its memory as soon as
nobody has it open. It refuses while a producer or consumer is attached, and
what is not a sound ring; --force removes these too. Attached processes go on
with the nameless ring until one of them ends.`,
		examples: `ringbench remove numbers
ringbench remove --force numbers
ringbench remove --path /tmp/ticks.ring`,
		setup: func(set *flag.FlagSet) func(context.Context, *stdio, []string) error {
			var n named
			n.flags(set)
			force := set.Bool("force", false, "remove it although it is in use, or is no ring")
			return func(_ context.Context, io *stdio, args []string) error {
				if err := n.resolve(args); err != nil {
					return err
				}
				what, obstacle := n.obstacle()
				if obstacle != nil && !*force || errors.As(obstacle, &usageError{}) {
					return obstacle
				}
				if err := n.remove(); err != nil {
					return err
				}
				_, err := fmt.Fprintf(io.out, "removed %q%s\n", n.name, what)
				return err
			}
		},
	}
}

// obstacle says why a ring should stay, and what to tell when it is removed.
func (n *named) obstacle() (what string, err error) {
	r, err := n.open(shm.ReadOnly(), n.anyOwner())
	if errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err != nil {
		return ", which was no sound ring", fmt.Errorf("%w; --force removes what is not a sound ring", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := r.Stats()
	if err != nil {
		return "", err
	}
	what = fmt.Sprintf(", a ring with %d messages in it", unreleased(r.Config(), s))
	if r.Config().Topology == ring.Broadcast {
		what = ", a broadcast ring"
	}
	var live []string
	for _, p := range peersOf(r.Config(), s) {
		live = append(live, fmt.Sprintf("a %s (pid %d)", p.role, p.pid))
	}
	if len(live) == 0 {
		return what, nil
	}
	goes := " goes on without its name"
	if len(live) > 1 {
		goes = " go on without its name"
	}
	who := strings.Join(live, " and ")
	return what + "; " + who + goes, because(ring.ErrAttached, "ring %q is in use by %s; end that first, or use --force", n.name, who)
}
