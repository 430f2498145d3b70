package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/load"
	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/rival"
	"annulus/cmd/ringbench/internal/stress"
	"annulus/internal/killpoint"
	"annulus/ring"
)

func stressCommand() *command {
	return &command{
		name:    "stress",
		summary: "kill producers and consumers, over and over, and check what arrives",
		help: `Runs producers and consumers as processes, kills them with SIGKILL at random
moments, stops and continues some, starts successors, and checks by ledgers that
survive the kills: nothing that was sent is lost, doubled, torn or out of order,
nobody hangs, no slot is lost. Exit status 1 if anything is wrong. An interrupt, and
--limit, end it in order: what was sent is received and judged before the report.
Without --redeliver an MPMC ring drops what a killed consumer had in its hands;
these are counted apart. --hostile, with --flips, --seed, --limit and --json alone, runs something else: a
process, of another user where it can be, that offers rings and writes nonsense over all of its memory while
another accepts and uses them; no call may hang, crash or read beside the ring. --point kills at one named point only, in a build with
-tags killpoints (go run -tags killpoints ./cmd/ringbench stress --point drawn): ` +
			strings.Join(killpoint.Names, ", ") + ".",
		examples: `ringbench stress --kills 1000
ringbench stress --topology mpmc --redeliver --producers 4 --consumers 4 --kills 100000 --json
ringbench stress --topology spsc --kills 1000
ringbench stress --topology broadcast --overrun block --kills 1000
ringbench stress --c-peers 3 --kills 1000
ringbench stress --hostile --flips 100000000`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := stress.Options{Wait: "adaptive"}
			topology, overrun := "mpmc", ""
			fs.Var(oneOf(&topology, stress.Names()), "topology", "`KIND` of ring: "+strings.Join(stress.Names(), ", ")+" (default mpmc)")
			fs.Var(oneOf(&overrun, overruns), "overrun", "broadcast: `WHAT` becomes of slow consumers: "+strings.Join(overruns, ", ")+" (default overwrite)")
			fs.BoolVar(&o.Redeliver, "redeliver", false, "mpmc: hand what a killed consumer held to another")
			fs.Func("producers", "`N` producer processes (default 3, or one where there can be one)", between(&o.Producers, 1, stressMost-1))
			fs.Func("consumers", "`N` consumer processes (default 3, or one where there can be one)", between(&o.Consumers, 1, stressMost-1))
			fs.IntVar(&o.CPeers, "c-peers", 0, "`N` of the processes, at random places, are in C; needs gcc")
			fs.IntVar(&o.Capacity, "capacity", 0, "`N` slots or bytes; default: few")
			fs.Var(oneOf(&o.Wait, load.Waits()), "wait",
				"`HOW` they wait: "+strings.Join(sharedWaits(), ", ")+", of spsc also semaphore (default adaptive)")
			hostile := fs.Bool("hostile", false, "write nonsense in place of killing")
			flips := fs.Uint64("flips", 1e7, "hostile: `N` stores of nonsense, at least")
			fs.IntVar(&o.Kills, "kills", 1000, "`N` processes to kill")
			fs.IntVar(&o.Stops, "stops", 0, "`N` times to stop a process and continue it")
			fs.IntVar(&o.All, "all", 500, "kill all at once after each `N` kills; 0: never")
			fs.IntVar(&o.Burst, "burst", 2, "kill up to `N` at the same moment")
			fs.IntVar(&o.Aim, "aim", 10, "`PERCENT` of the kills that wait until the victim, stopped, has a claim in flight")
			fs.Var(among(killpoint.Names, func(s string) error { o.Point = s; return nil }), "point", "kill at the point of this `NAME` only")
			fs.Uint64Var(&o.Seed, "seed", 0, "`N` that starts the random numbers; 0: the time")
			fs.Func("limit", "`TIME` after which it ends, done or not; default: never", atLeast(&o.Limit, time.Millisecond))
			asJSON := fs.Bool("json", false, "print the report as JSON")
			return func(ctx context.Context, io *stdio, _ []string) error {
				if err := onlyHostile(fs, *hostile); err != nil {
					return err
				}
				if *hostile {
					return runHostile(ctx, io, stress.HostileOptions{Flips: *flips, Seed: o.Seed, Limit: o.Limit}, *asJSON)
				}
				o.Traits = stress.Find(topology)
				if err := completeStress(&o, overrun); err != nil {
					return err
				}
				return runStress(ctx, io, o, *asJSON)
			}
		},
	}
}

// stressMost is how many processes can be put under stress.
const stressMost = 120

// completeStress sets what was not given and refuses what does not go together.
func completeStress(o *stress.Options, overrun string) error {
	for _, side := range []struct {
		name string
		n    *int
		most int
	}{{"producer", &o.Producers, o.MostProducers}, {"consumer", &o.Consumers, o.MostConsumers}} {
		switch {
		case *side.n == 0 && side.most > 0:
			*side.n = side.most
		case *side.n == 0:
			*side.n = 3
		case side.most > 0 && *side.n > side.most:
			return usagef("expected at most %d %s in a ring of topology %s, found %d", side.most, side.name, o.Name, *side.n)
		}
	}
	if o.Capacity == 0 {
		o.Capacity = o.Default
	}
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	o.Overrun = parseOverrun(overrun)
	switch {
	case o.Producers+o.Consumers > stressMost:
		return usagef("expected at most %d processes in all, found %d", stressMost, o.Producers+o.Consumers)
	case o.Aim < 0 || o.Aim > 100 || o.Burst < 1:
		return usagef("expected --aim from 0 to 100 and --burst of at least 1, found %d and %d", o.Aim, o.Burst)
	case o.Kills < 0 || o.Stops < 0 || o.All < 0:
		return usagef("expected --kills, --stops and --all of at least 0, found %d, %d and %d", o.Kills, o.Stops, o.All)
	case overrun != "" && o.Topology != ring.Broadcast:
		return usagef("expected --overrun only with --topology broadcast, found --topology %s", o.Name)
	case o.Redeliver && o.Topology != ring.MPMC:
		return usagef("expected --redeliver only with --topology mpmc, found --topology %s", o.Name)
	case o.Wait == "semaphore" && o.Topology != ring.SPSC:
		return usagef("expected --wait %s, for peers that share a side sleep on futexes, found semaphore", strings.Join(sharedWaits(), ", "))
	case o.CPeers < 0 || o.CPeers > o.Producers+o.Consumers:
		return usagef("expected --c-peers from 0 to %d, found %d", o.Producers+o.Consumers, o.CPeers)
	}
	if err := o.Validate(); err != nil {
		return usagef("expected a ring that can be made: %w", err)
	}
	return nil
}

func runStress(ctx context.Context, io *stdio, o stress.Options, asJSON bool) error {
	if o.CPeers > 0 {
		b := peerBuilder()
		defer b.Close()
		var err error
		if o.CWorker, err = b.Build(ctx, rival.Peer, new(rig.Params)); err != nil {
			return err
		}
	}
	r, err := stress.Run(ctx, o, func(r *stress.Report) {
		fmt.Fprintf(io.err, "%d of %d kills\n", r.Kills, o.Kills)
	})
	if r == nil {
		return err
	}
	if perr := printStress(io.out, r, asJSON); err == nil {
		err = perr
	}
	n := r.Violations()
	switch {
	case err != nil:
	case r.Interrupted:
		err = fmt.Errorf("interrupted after %d of %d kills: %d violations", r.Kills, o.Kills, n)
	case n > 0:
		err = fmt.Errorf("%d violations", n)
	}
	return err
}

func printStress(w io.Writer, r *stress.Report, asJSON bool) error {
	if asJSON {
		return report.Indented(w, r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s ring, capacity %d, %d producers, %d consumers, wait %s, seed %d, %.1f s\n",
		r.Topology, r.Capacity, r.Producers, r.Consumers, r.Wait, r.Seed, r.Seconds)
	share := 0.0
	if r.Kills > 0 {
		share = 100 * float64(r.InFlight) / float64(r.Kills)
	}
	for _, row := range []struct {
		name  string
		value string
	}{
		{"kills", fmt.Sprintf("%d (%d of processes in C), at least %d (%.0f %%) with a claim in flight; %d at the point; %d times all at once", r.Kills, r.KillsC, r.InFlight, share, r.AtPoint, r.KillsAll)},
		{"stops", fmt.Sprint(r.Stops)},
		{"committed", fmt.Sprint(r.Committed)},
		{"received", fmt.Sprintf("%d; %d redelivered", r.Received, r.Redelivered)},
		{"settled", fmt.Sprintf("%d claims of producers, %d of consumers, %d handed on", r.Skipped, r.Dropped, r.Handed)},
		{"lost in hand", fmt.Sprint(r.LostInHand)}, {"overruns", fmt.Sprintf("%d lost to them, and reported", r.Overruns)},
		{"lost", fmt.Sprint(r.Lost)}, {"duplicated", fmt.Sprint(r.Duplicated)}, {"torn", fmt.Sprint(r.Torn)},
		{"reordered", fmt.Sprint(r.Reordered)}, {"phantom", fmt.Sprint(r.Phantom)}, {"misjudged", fmt.Sprint(r.Misjudged)},
		{"hung", fmt.Sprint(r.Hung)}, {"leaked slots", fmt.Sprint(r.Leaked)}, {"failed", fmt.Sprint(r.Failed)},
		{"kill to progress", fmt.Sprintf("p50 %.2f ms, p99 %.2f ms; longest stall %.1f ms", r.ProgressP50, r.ProgressP99, r.Longest)},
	} {
		fmt.Fprintf(&b, "  %-17s %s\n", row.name, row.value)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
