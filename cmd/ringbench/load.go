package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/load"
	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
)

// loadOptions are the flags of run.
type loadOptions struct {
	duration, warmUp time.Duration // 0 and -1: the profile's
	pairs            int
	json             bool
	list             bool
	print            string
	flat             flatProfile
}

func runCommand() *command {
	return &command{
		name:    "run",
		args:    "[PROFILE]",
		summary: "put rings under the load that a profile describes: mixed sizes, bursts, slow consumers, churn",
		help: `Plays a profile, a file in YAML, or one that comes along (--list): rings, and groups of
processes that send to them and receive from them, with sizes and times as services have them, or as
ringbench record has recorded. Per ring and group it prints rates, delays from when a message was due
(corrected for coordinated omission), how long senders were held up, how full the ring was, and what
was lost to overruns and kills. Every message is checked: exit status 1 if one is lost, doubled, torn or
out of order that should not be.

Without a profile the flags from --topology on describe one ring with a group on each side.
The format is in docs/guide/load.md; --print NAME prints a profile to start from. --pairs N runs all N times, for
ringbench diff. An interrupt ends it early and prints what there is.`,
		examples: `ringbench run work-queue
ringbench run --print market-data >mine.yaml
ringbench run mine.yaml --duration 10s --pairs 10 --json >new.json
ringbench run --topology mpmc --producers 4 --consumers 2 --size 64B-1KiB --rate 10k/s --work 5us`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &loadOptions{pairs: 1, warmUp: -1}
			fs.BoolVar(&o.list, "list", false, "list the profiles that come along")
			fs.Var(oneOf(&o.print, load.Builtin()), "print", "print the profile of this `NAME`")
			fs.Func("duration", "measure for a `TIME`, in place of the profile's", atLeast(&o.duration, time.Millisecond))
			fs.Func("warm-up", "run for a `TIME` before that", atLeast(&o.warmUp, 0))
			fs.Func("pairs", "run it `N` times, and print medians; default: 1", between(&o.pairs, 1, 1000))
			fs.BoolVar(&o.json, "json", false, "print one JSON document of schema ringbench/1 instead of tables")
			o.flat.flags(fs)
			return o.run
		},
	}
}

func (o *loadOptions) run(ctx context.Context, std *stdio, args []string) error {
	if n := len(args); (o.list || o.print != "") && (n > 0 || o.flat.given > 0 || o.list && o.print != "") {
		return usagef("expected --list or --print NAME alone, found more: they only print")
	}
	switch {
	case o.list:
		return listProfiles(std.out)
	case o.print != "":
		text, _ := load.Source(o.print)
		_, err := std.out.Write(text)
		return err
	}
	p, err := o.profile(args)
	if err != nil {
		return err
	}
	if o.duration > 0 {
		p.Duration = o.duration
	}
	if o.warmUp >= 0 {
		p.WarmUp = o.warmUp
	}
	var cpus []int
	for _, g := range p.Groups {
		cpus = append(cpus, g.CPUs...)
	}
	slices.Sort(cpus)
	env := report.Here(slices.Compact(cpus))
	results, measureErr := o.measure(ctx, p, newProgress(std.err))
	if o.json {
		return errors.Join(measureErr, report.WriteJSON(std.out, env, results))
	}
	if len(results) == 0 {
		return measureErr
	}
	return errors.Join(measureErr, printTable(std.out, env, results, func(w io.Writer, results []report.Result) error {
		return printLoad(w, p, results)
	}))
}

// profile is the one that was asked for: a file, one that comes along, or what flags say.
func (o *loadOptions) profile(args []string) (*load.Profile, error) {
	switch {
	case len(args) > 1:
		return nil, usagef("expected one profile, found %d: %q", len(args), args)
	case len(args) == 0 && o.flat.given == 0:
		return nil, usagef("expected a FILE.yaml, one of %s, or flags such as --topology, found nothing; see ringbench help run", strings.Join(load.Builtin(), ", "))
	case len(args) == 0:
		return o.flat.profile()
	case o.flat.given > 0:
		return nil, usagef("expected a profile or the flags from --topology on, found both")
	}
	if text, ok := load.Source(args[0]); ok {
		return load.Parse(args[0]+".yaml", text)
	}
	text, err := os.ReadFile(args[0])
	if errors.Is(err, os.ErrNotExist) {
		return nil, usagef("expected a file, or one of %s, found %q", strings.Join(load.Builtin(), ", "), args[0])
	}
	if err != nil {
		return nil, fmt.Errorf("expected a profile, a file in YAML that can be read: %w", err)
	}
	p, err := load.Parse(args[0], text)
	if err != nil {
		return nil, usageError{err}
	}
	return p, nil
}

// measure plays the profile as often as asked, and returns the medians of what was finished.
func (o *loadOptions) measure(ctx context.Context, p *load.Profile, bar *progress) ([]report.Result, error) {
	var runs [][]report.Result
	done, err := 0, error(nil)
	for i := 0; i < o.pairs && err == nil; i++ {
		bar.begin(i+1, o.pairs, "load/"+p.Name, &rig.Params{Duration: p.WarmUp + p.Duration})
		var results []report.Result
		results, err = load.Run(ctx, p, bar.update)
		// A fragment goes into no median: it stands where there is nothing else.
		if err == nil || len(runs) == 0 && len(results) > 0 {
			runs = append(runs, results)
		}
		if err == nil {
			done++
		}
	}
	bar.end()
	if errors.Is(err, context.Canceled) {
		text := fmt.Sprintf("interrupted after %d of %d runs", done, o.pairs)
		if err.Error() != context.Canceled.Error() {
			text += ": " + strings.TrimSpace(strings.ReplaceAll(err.Error(), context.Canceled.Error(), ""))
		}
		err = because(err, "%s", text)
	}
	var out []report.Result
	for i := range firstOf(runs) {
		var column []report.Result
		for _, r := range runs {
			column = append(column, r[i])
		}
		out = append(out, report.Median(column))
	}
	return out, err
}

func firstOf(runs [][]report.Result) []report.Result {
	if len(runs) == 0 {
		return nil
	}
	return runs[0]
}

func listProfiles(w io.Writer) error {
	for _, name := range load.Builtin() {
		text, _ := load.Source(name)
		p, err := load.Parse(name+".yaml", text)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%-14s %s\n", name, p.About); err != nil {
			return err
		}
	}
	return nil
}
