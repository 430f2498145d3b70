package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"annulus/cmd/ringbench/internal/diff"
	"annulus/cmd/ringbench/internal/report"
)

// worseStatus is the exit status of diff when something got worse.
const worseStatus = 3

func diffCommand() *command {
	return &command{
		name:    "diff",
		args:    "FILE FILE",
		summary: "compare the results of two runs: ratios, confidence intervals, exit status for CI",
		help: `Compares two documents, old and new, that throughput, latency, compare, crowd and run print with --json: results of the same
name, with medians, confidence intervals at 95 %, and the Mann-Whitney U test, as benchstat does. Run with
--pairs 10 or so: it says where there are too few repetitions to tell. Each side may be several
documents, A1.json,A2.json: their repetitions are one sample. It says what is in one side only, and in what
the machines differ.

Exit status: 0 if nothing got significantly worse by more than the threshold, 3 if something did, 1 after an
error, 2 after a mistake in the command line.`,
		examples: `ringbench diff old.json new.json
ringbench diff --threshold 10% --metric rate,p99 old1.json,old2.json new1.json,new2.json
ringbench diff --json old.json new.json`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := diff.Options{Threshold: 0.05, Alpha: 0.05}
			var metrics []string
			fs.Func("threshold", "changes for the worse up to `PERCENT` do not count; default: 5%", func(s string) error {
				v, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
				if err != nil || !(v >= 0) || v >= 100 {
					return errors.New("expected a percentage from 0% to less than 100%, such as 5%")
				}
				o.Threshold = v / 100
				return nil
			})
			fs.Func("alpha", "a difference counts if its p is not greater than `P`; default: 0.05", func(s string) error {
				v, err := strconv.ParseFloat(s, 64)
				if err != nil || !(v > 0) || v >= 1 {
					return errors.New("expected a number between 0 and 1, such as 0.01")
				}
				o.Alpha = v
				return nil
			})
			fs.Var(listOf(&metrics, diff.Metrics), "metric", "compare only metrics out of `LIST`: rate, p50, p99, cpu; default: all")
			asJSON := fs.Bool("json", false, "print one JSON document of schema "+diff.Schema+" instead of a table")
			return func(_ context.Context, io *stdio, args []string) error {
				if len(args) != 2 {
					return usagef("expected OLD.json and NEW.json, found %d arguments: %q", len(args), args)
				}
				var sides [2]*diff.Side
				for i, arg := range args {
					var err error
					if sides[i], err = diff.Read(strings.Split(arg, ",")); err != nil {
						return err
					}
					sides[i].Keep(metrics)
				}
				return printDiff(io, diff.Compare(sides[0], sides[1], o), *asJSON)
			}
		},
	}
}

func printDiff(io *stdio, c *diff.Comparison, asJSON bool) error {
	var err error
	if asJSON {
		err = report.Indented(io.out, c)
	} else {
		err = c.Write(io.out)
	}
	switch {
	case err != nil:
		return err
	case len(c.Rows) == 0:
		return errors.New("expected results of the same names on both sides, found none")
	case c.Worse > 0:
		return statusError{worseStatus, fmt.Errorf("%d of %d figures got worse by more than %v%%", c.Worse, len(c.Rows), 100*c.Threshold)}
	}
	return nil
}
