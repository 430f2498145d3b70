package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/stress"
)

// onlyHostile refuses flags of stress that mean nothing with --hostile, or without it.
func onlyHostile(fs *flag.FlagSet, hostile bool) (err error) {
	fs.Visit(func(f *flag.Flag) {
		switch shared := slices.Contains([]string{"hostile", "seed", "limit", "json"}, f.Name); {
		case shared || err != nil:
		case hostile && f.Name != "flips":
			err = usagef("expected --flips, --seed, --limit or --json with --hostile, found --%s", f.Name)
		case !hostile && f.Name == "flips":
			err = usagef("expected --flips only with --hostile, found it alone")
		}
	})
	return err
}

func runHostile(ctx context.Context, io *stdio, o stress.HostileOptions, asJSON bool) error {
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	r, err := stress.RunHostile(ctx, o, func(r *stress.HostileReport) {
		fmt.Fprintf(io.err, "%d of %d flips\n", r.Flips, o.Flips)
	})
	if err != nil {
		return err
	}
	if err := printHostile(io.out, r, asJSON); err != nil {
		return err
	}
	switch n := r.Violations(); {
	case r.Interrupted:
		return fmt.Errorf("interrupted after %d of %d flips: %d violations", r.Flips, o.Flips, n)
	case n > 0:
		return fmt.Errorf("%d violations", n)
	}
	return nil
}

func printHostile(w io.Writer, r *stress.HostileReport, asJSON bool) error {
	if asJSON {
		return report.Indented(w, r)
	}
	who := "the same user"
	if r.Stranger {
		who = "another user"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "hostile process of %s, seed %d, %.1f s\n", who, r.Seed, r.Seconds)
	for _, row := range []struct {
		name  string
		value any
	}{
		{"flips", r.Flips}, {"rings", fmt.Sprintf("%d, of which %d were found spoilt", r.Rings, r.Poisoned)},
		{"calls", r.Calls}, {"messages", r.Messages}, {"kills", r.Kills},
		{"crashed", r.Crashed}, {"hung", r.Hung}, {"failed", r.Failed}, {"too long", r.TooLong},
	} {
		fmt.Fprintf(&b, "  %-9s %v\n", row.name, row.value)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
