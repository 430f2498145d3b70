package main

import (
	"errors"
	"flag"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/futex"
	"annulus/internal/cpu"
)

// topologies are those that the transports of this build can be measured in.
var topologies = []string{"spsc"}

// defaultCapacity is what a transport may buffer, in bytes.
const defaultCapacity = 1 << 20

// options are the flags that the measuring commands share.
type options struct {
	transports  []string
	topology    string
	sizes       []int
	waits       []string // empty: each transport's default
	batch       int
	duration    time.Duration
	count       uint64
	capacity    int
	cpus        []int // nil: the first two allowed
	rate        int
	pairs       int
	backing     string
	backingName string
	json        bool
}

func (o *options) common(fs *flag.FlagSet) {
	fs.Func("cpus", "run the sender on the first and the receiver on the second CPU of `A,B`; default: the first two allowed", func(s string) error {
		cpus, err := splitInts(s, 0)
		if err != nil || len(cpus) != 2 {
			return errors.New("expected two CPU numbers A,B")
		}
		o.cpus = cpus
		return nil
	})
	fs.BoolVar(&o.json, "json", false, "print one JSON document of schema ringbench/1 instead of a table")
}

func (o *options) measuring(fs *flag.FlagSet, sizes ...int) {
	o.common(fs)
	o.transports, o.sizes, o.batch, o.pairs = transportNames(), sizes, 1, 1
	o.topology, o.capacity, o.duration, o.backing = topologies[0], defaultCapacity, time.Second, "memfd"
	fs.Var(someOf(contenderNames(), func(s string) error {
		o.transports = strings.Split(s, ",")
		return nil
	}), "transport", "measure `LIST` out of "+strings.Join(contenderNames(), ",")+"; default: "+strings.Join(transportNames(), ","))
	fs.Var(oneOf(&o.topology, topologies), "topology", "measure topology `T` out of "+strings.Join(topologies, ",")+"; default: "+topologies[0])
	fs.Func("size", "bytes per message, at least 8, a `LIST`; default: "+joinInts(sizes), func(s string) (err error) {
		o.sizes, err = parseSizes(s, 8)
		return err
	})
	waits := futex.Names()
	fs.Var(listOf(&o.waits, waits), "wait", "how an idle side of a ring waits, a `LIST` out of "+strings.Join(waits, ",")+"; default: spin")
	fs.Func("capacity", "`BYTES` that a ring, a channel or a rival may buffer, less than 2G, of a ring a power of two from 4K on; default: 1M", func(s string) (err error) {
		o.capacity, err = parseBytes(s)
		return err
	})
	fs.Func("duration", "measure for a `TIME` each; default: 1s", atLeast(&o.duration, time.Millisecond))
	fs.Func("count", "measure `N` messages each, for as long as that takes; default: by --duration", messages(&o.count))
	fs.Func("pairs", "run everything `N` times, interleaved, and print medians; default: 1", between(&o.pairs, 1, 1e6))
	fs.Func("path", "keep the ring in the file `FILE`", o.setBacking("path"))
	fs.Func("shm", "keep the ring in POSIX shared memory `NAME`", o.setBacking("shm"))
	fs.BoolFunc("memfd", "keep the ring in a memfd; this is the default", func(string) error { return o.setBacking("memfd")("") })
}

func (o *options) setBacking(kind string) func(string) error {
	return func(name string) error {
		if kind != "memfd" && name == "" {
			return errors.New("expected a name")
		}
		o.backing, o.backingName = kind, name
		return nil
	}
}

// params are those of one measurement, without transport, size and wait.
func (o *options) params(kind rig.Kind, cpus []int) rig.Params {
	return rig.Params{
		Kind: kind, Topology: o.topology, Batch: o.batch, Capacity: o.capacity, Rate: o.rate,
		Count: o.count, Duration: o.duration, WarmUp: min(o.duration/5+time.Millisecond, 200*time.Millisecond),
		CPUs: cpus, OneCPU: len(cpus) == 0 || cpus[0] == cpus[1],
		Backing: o.backing, BackingName: o.backingName,
	}
}

// chooseCPUs checks --cpus or takes the first two allowed CPUs. A note says
// why nothing is pinned.
func (o *options) chooseCPUs() (cpus []int, note string, err error) {
	allowed, err := cpu.Allowed()
	switch {
	case errors.Is(err, errors.ErrUnsupported) && o.cpus == nil:
		return nil, err.Error() + "; measuring unpinned", nil
	case err != nil:
		return nil, "", err
	}
	if err := onlyAllowed(o.cpus, allowed); err != nil {
		return nil, "", err
	}
	switch {
	case o.cpus != nil:
		return o.cpus, "", nil
	case len(allowed) < 2:
		return nil, "only one CPU is allowed: both sides share it, unpinned", nil
	}
	return allowed[:2], "", nil
}

// onlyAllowed refuses CPUs that this process may not run on.
func onlyAllowed(cpus, allowed []int) error {
	for _, n := range cpus {
		if !slices.Contains(allowed, n) {
			return usagef("expected --cpus out of the allowed %s, found %d", cpu.FormatList(allowed), n)
		}
	}
	return nil
}
