package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/rival"
	"annulus/cmd/ringbench/internal/typeset"
)

// builtSizes are those that --build makes a program for where there is one for each.
var builtSizes = []int{8, 64, 1024, 64 << 10}

// rivalsOptions are the flags of rivals.
type rivalsOptions struct{ build, clean bool }

func rivalsCommand() *command {
	return &command{
		name:    "rivals",
		summary: "what the rings can be measured beside, and how to install it",
		help: `Lists the programs that throughput, latency, crowd and compare measure beside the rings,
and what is missing for each, with the command that installs it. Those in C and C++ are
compiled when they are measured, in seconds. aeron and iceoryx2 take minutes and
packages from Maven Central and crates.io: only --build fetches those, at the versions that
ringbench names, by mvn and cargo. What was built is kept in the user's cache (on
Linux ~/.cache/annulus/rivals, or in $ANNULUS_CACHE/rivals) until --clean.`,
		examples: `ringbench rivals
ringbench rivals --build
ringbench rivals --clean`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &rivalsOptions{}
			fs.BoolVar(&o.build, "build", false, "build all that can be built; this uses the network")
			fs.BoolVar(&o.clean, "clean", false, "remove what was built")
			return func(ctx context.Context, std *stdio, _ []string) error { return o.run(ctx, std) }
		},
	}
}

func (o *rivalsOptions) run(ctx context.Context, std *stdio) (err error) {
	if o.build && o.clean {
		return usagef("expected --build or --clean, found both")
	}
	if o.clean {
		return rival.Clean()
	}
	b := newBuilder()
	defer func() { err = errors.Join(err, b.Close()) }()
	rows := [][]string{{"rival", "what it is", "state"}}
	var failed []error
	for _, r := range append(rival.All[:len(rival.All):len(rival.All)], rival.Vyukov) {
		if o.build {
			fmt.Fprintf(std.err, "building %s\n", r.Name)
			err = buildRival(ctx, b, r, std.err)
		} else {
			err = b.Ready(ctx, r, rivalParams(r)[0])
		}
		state, failure := rivalState(r, o.build, err)
		if failure != nil {
			failed = append(failed, failure)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		rows = append(rows, []string{r.Name, r.What, state})
	}
	return errors.Join(append(failed, report.Table(std.out, len(rows[0]), rows))...)
}

// buildRival builds r, for each of rivalParams.
func buildRival(ctx context.Context, b *rival.Builder, r *rival.Rival, log io.Writer) error {
	if err := b.Prepare(ctx, r, log); err != nil {
		return err
	}
	for _, p := range rivalParams(r) {
		if _, err := b.Build(ctx, r, p); err != nil {
			return err
		}
	}
	return nil
}

// rivalParams are what r is built for: several sizes where there is a program for each.
func rivalParams(r *rival.Rival) (list []*rig.Params) {
	if r == rival.Vyukov {
		return []*rig.Params{crowdParams(crowdSlots)}
	}
	for _, size := range builtSizes {
		list = append(list, &rig.Params{Size: size, Capacity: defaultCapacity})
	}
	if !r.BySize() {
		list = list[:1]
	}
	return list
}

// rivalState says in a few words how it stands with r. What is missing is no failure.
func rivalState(r *rival.Rival, build bool, err error) (state string, failure error) {
	var missing *rival.Missing
	switch {
	case errors.As(err, &missing) && missing.Do == "":
		return missing.Why, nil
	case errors.As(err, &missing):
		return missing.Why + ": " + missing.Do, nil
	case errors.Is(err, errors.ErrUnsupported):
		return "needs Linux", nil
	case err != nil:
		return "failed: " + typeset.OneLine(err), err
	case build || !r.OnDemand():
		return "built", nil
	}
	return "is built when it is measured", nil
}
