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
type rivalsOptions struct{ build, clean, json bool }

const rivalsSchema = "ringbench/rivals/1"

// rivalsDoc is what rivals prints with --json.
type rivalsDoc struct {
	Schema string        `json:"schema"`
	Rivals []rivalStatus `json:"rivals"`
}

// rivalStatus is how it stands with one.
type rivalStatus struct {
	Name  string `json:"name"`
	What  string `json:"what"`
	State string `json:"state"`         // "built"; "on demand": built when it is measured; "missing", "unsupported", "failed"
	Why   string `json:"why,omitempty"` // of the last three
	Do    string `json:"do,omitempty"`  // the command that helps
}

// words are the state for people.
func (s *rivalStatus) words() string {
	switch {
	case s.State == "on demand":
		return "is built when it is measured"
	case s.State == "built":
		return s.State
	case s.State == "failed":
		return "failed: " + s.Why
	case s.Do != "":
		return s.Why + ": " + s.Do
	}
	return s.Why
}

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
ringbench rivals --json
ringbench rivals --clean`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &rivalsOptions{}
			fs.BoolVar(&o.build, "build", false, "build all that can be built; this uses the network")
			fs.BoolVar(&o.clean, "clean", false, "remove what was built")
			fs.BoolVar(&o.json, "json", false, "print one JSON document of schema "+rivalsSchema+" instead of a table")
			return func(ctx context.Context, std *stdio, _ []string) error { return o.run(ctx, std) }
		},
	}
}

func (o *rivalsOptions) run(ctx context.Context, std *stdio) (err error) {
	if o.build && o.clean {
		return usagef("expected --build or --clean, found both")
	}
	if o.clean && o.json {
		return usagef("expected --clean or --json, found both: what is removed is not listed")
	}
	if o.clean {
		return rival.Clean()
	}
	b := newBuilder()
	defer func() { err = errors.Join(err, b.Close()) }()
	doc := rivalsDoc{Schema: rivalsSchema}
	var failed []error
	for _, r := range append(rival.All[:len(rival.All):len(rival.All)], rival.Vyukov) {
		if o.build {
			fmt.Fprintf(std.err, "building %s\n", r.Name)
			err = buildRival(ctx, b, r, std.err)
		} else {
			err = b.Ready(ctx, r, rivalParams(r)[0])
		}
		status, failure := rivalState(r, o.build, err)
		if failure != nil {
			failed = append(failed, failure)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		doc.Rivals = append(doc.Rivals, status)
	}
	if o.json {
		err = report.Indented(std.out, doc)
	} else {
		err = doc.print(std.out)
	}
	return errors.Join(append(failed, err)...)
}

func (d *rivalsDoc) print(w io.Writer) error {
	rows := [][]string{{"rival", "what it is", "state"}}
	for _, r := range d.Rivals {
		rows = append(rows, []string{r.Name, r.What, r.words()})
	}
	return report.Table(w, len(rows[0]), rows)
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

// rivalState says how it stands with r. What is missing is no failure.
func rivalState(r *rival.Rival, build bool, err error) (s rivalStatus, failure error) {
	s = rivalStatus{Name: r.Name, What: r.What}
	var missing *rival.Missing
	switch {
	case errors.As(err, &missing):
		s.State, s.Why, s.Do = "missing", missing.Why, missing.Do
	case errors.Is(err, errors.ErrUnsupported):
		s.State, s.Why = "unsupported", "needs Linux"
	case err != nil:
		s.State, s.Why, failure = "failed", typeset.OneLine(err), err
	case build || !r.OnDemand():
		s.State = "built"
	default:
		s.State = "on demand"
	}
	return s, failure
}
