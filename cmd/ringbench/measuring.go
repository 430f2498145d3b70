package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/ring"
)

// measureAndPrint is the whole of a measuring command. What was measured before
// an error is printed as well.
func measureAndPrint(ctx context.Context, std *stdio, o *options, kind rig.Kind, table func(io.Writer, []report.Result) error) (err error) {
	cpus, note, err := o.chooseCPUs()
	if err != nil {
		return err
	}
	builder := newBuilder()
	defer func() { err = errors.Join(err, builder.Close()) }()
	list, err := contenders(o.transports, builder)
	if err != nil {
		return err
	}
	if slices.Contains(o.transports, "ring") {
		if err := (ring.Config{Capacity: o.capacity}).Validate(); err != nil {
			return usagef("expected a --capacity that a ring can have: %w", err)
		}
	}
	steps, err := plan(list, o.params(kind, cpus), o.sizes, o.waits)
	if err != nil {
		return err
	}
	if note != "" {
		fmt.Fprintln(std.err, "ringbench: "+note)
	}
	env := report.Here(cpus)
	results, measureErr := measureAll(ctx, steps, o.pairs, newProgress(std.err), nil)
	if o.json {
		return errors.Join(measureErr, report.WriteJSON(std.out, env, results))
	}
	if len(results) == 0 {
		return measureErr
	}
	return errors.Join(measureErr, printTable(std.out, env, results, table))
}

func printTable(w io.Writer, env report.Environment, results []report.Result, table func(io.Writer, []report.Result) error) error {
	if err := env.Write(w); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return table(w, results)
}
