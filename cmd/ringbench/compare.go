package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/page"
	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"

	"golang.org/x/sys/unix"
)

// compareBudget is what the measurements of a comparison take together where nothing is chosen; compiling
// rivals comes on top.
const compareBudget = 75 * time.Second

// comparison is a run of the command.
type comparison struct {
	options
	methods []string // as asked for; nil: the default
	budget  time.Duration
	csv     bool
	html    string // a file for the page; "" for none
}

func compareCommand() *command {
	return &command{
		name:    "compare",
		summary: "rings beside every other way between two processes, in under two minutes",
		help: `Throughput and round trips of every method, interleaved, as medians of --pairs
runs. Messages are sealed: each has its number and a checksum of all its bytes,
which the receiver verifies, so that nobody is fast by dropping. --methods takes
names of methods, of transports (ring: all its waits) and of families (ring,
memory, pipe, socket, queue, signal, file, rival):

  ring-WAIT   a ring in shared memory, by how an idle side waits
  mmap        a mailbox of one message in a memory-mapped file, polled by both:
              what is written by hand. A ring over a file is the same code as one
              over memory (throughput --path), so it is not measured again.
  shm         slots in POSIX shared memory and two semaphores of C
  pipe, fifo  pipes without and with a name, on Go's poller, as are all sockets
  unix, unixgram, seqpacket    Unix sockets: stream, datagrams, whole messages
  tcp, tls    over the loopback with TCP_NODELAY; TLS 1.3 with a certificate made for it
  udp         over the loopback; the receiver grants the sender credits, by
              datagrams of its own, so that no buffer overflows
  mq, sysv    POSIX and System V message queues, in blocking calls
  signal      real-time signals with a value of 8 bytes, read from a signalfd;
              credits as with udp
  file        appended to by one side, read again and again by the other
  channel     a Go channel, within one process; then come programs in C, C++ ...

A method that is not to be had here, or that cannot carry a size, is named with the
reason and the command that helps; the others go on. One that hangs is cut off.
Where only one CPU is allowed, what only spins is left out.`,
		examples: `ringbench compare
ringbench compare --html report.html
ringbench compare --methods ring,pipe,tcp,boost --size 64,4096 --pairs 7
ringbench compare --methods ring-spin,socket --duration 500ms --csv
ringbench compare --size all --budget 10m --json`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &comparison{budget: compareBudget}
			o.flags(fs)
			return func(ctx context.Context, io *stdio, _ []string) error { return o.run(ctx, io) }
		},
	}
}

func (o *comparison) flags(fs *flag.FlagSet) {
	o.common(fs)
	o.topology, o.batch, o.capacity, o.backing = topologies[0], 1, defaultCapacity, "memfd"
	o.sizes, o.pairs = []int{8, 1024, 64 << 10}, 3
	fs.Var(someOf(methodWords(), func(s string) error {
		o.methods = strings.Split(s, ",")
		_, err := chooseMethods(o.methods, nil)
		return err
	}), "methods", "compare `LIST` out of "+strings.Join(methodNames(), ",")+", of transports or families; default: all but ring-yield and slots")
	fs.Func("size", "bytes per message, at least 8, a `LIST`, or all: the powers of two up to 64K; default: "+joinInts(o.sizes), func(s string) (err error) {
		if s == "all" {
			o.sizes = powersOfTwo(8, 64<<10)
			return nil
		}
		o.sizes, err = parseSizes(s, 8)
		return err
	})
	fs.Func("pairs", "run everything `N` times, interleaved, and print medians; default: 3", between(&o.pairs, 1, 1e6))
	fs.Func("budget", "spend about `TIME` on all measurements together; default: "+compareBudget.String(), atLeast(&o.budget, time.Second))
	fs.Func("duration", "measure for a `TIME` each; default: by --budget, at least "+leastWindow.String(), atLeast(&o.duration, time.Millisecond))
	fs.Func("html", "write a page with pictures of the results to `FILE`, beside what is printed", func(s string) error {
		if s == "" {
			return errors.New("expected a name")
		}
		o.html = s
		return nil
	})
	fs.BoolVar(&o.csv, "csv", false, "print one line of comma-separated values for each result instead of a table")
}

func powersOfTwo(from, to int) (list []int) {
	for n := from; n <= to; n *= 2 {
		list = append(list, n)
	}
	return list
}

func (o *comparison) run(ctx context.Context, std *stdio) (err error) {
	if o.csv && o.json {
		return usagef("expected --json or --csv, found both")
	}
	if err := writable(o.html); err != nil {
		return err
	}
	cpus, note, err := o.chooseCPUs()
	if err != nil {
		return err
	}
	done, err := scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	builder := newBuilder()
	defer func() { err = errors.Join(err, builder.Close()) }()
	methods, err := chooseMethods(o.methods, builder)
	if err != nil {
		return err
	}
	if note != "" {
		fmt.Fprintln(std.err, "ringbench: "+note)
	}
	load := crowded(loadavg(), runtime.NumCPU())
	p := newComparing(o, methods, cpus)
	doc := report.Document{Schema: report.Schema, Environment: report.Here(cpus)}
	var measureErr error
	doc.Results, measureErr = measureAll(ctx, p.steps, o.pairs, newProgress(std.err), p.lost)
	doc.Missing = p.missing()
	if err := errors.Join(o.print(std, doc, load), o.writePage(doc)); err != nil {
		return errors.Join(measureErr, err)
	}
	if measureErr == nil && len(doc.Results) == 0 {
		return errors.New("nothing could be measured")
	}
	return measureErr
}

// print prints what was measured, all of it or what there is after an interrupt.
func (o *comparison) print(std *stdio, doc report.Document, load string) error {
	switch {
	case o.json:
		return report.WriteDocument(std.out, doc)
	case o.csv:
		return report.CSV(std.out, doc.Results)
	}
	if len(doc.Results) == 0 && len(doc.Missing) == 0 {
		return nil
	}
	if err := doc.Environment.Write(std.out); err != nil {
		return err
	}
	if err := report.Comparison(std.out, doc, columns(std.out)); err != nil {
		return err
	}
	if load != "" {
		_, err := fmt.Fprintf(std.out, "\n%s\n", load)
		return err
	}
	return nil
}

// writable tells before all measurements that the page will have no place.
func writable(name string) error {
	if name == "" {
		return nil
	}
	place := name
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		place, err = filepath.Dir(name), nil
	case err == nil && info.IsDir():
		return fmt.Errorf("expected a file for --html, found the directory %s", name)
	}
	if err == nil {
		err = unix.Access(place, unix.W_OK)
	}
	if err != nil {
		return fmt.Errorf("expected a place for --html %s that can be written: %w", name, err)
	}
	return nil
}

// writePage writes the page of what was measured, if one is wanted.
func (o *comparison) writePage(doc report.Document) error {
	if o.html == "" || len(doc.Results) == 0 {
		return nil
	}
	f, err := os.Create(o.html)
	if err != nil {
		return err
	}
	return errors.Join(page.Write(f, doc), f.Close())
}

// What one measurement takes beside its window, and the least window that a figure comes from.
const (
	aroundWindow = 45 * time.Millisecond
	leastWindow  = 40 * time.Millisecond
)

// window is how long each of n measurements may take.
func (o *comparison) window(n int) time.Duration {
	if o.duration > 0 {
		return o.duration
	}
	each := o.budget/time.Duration(max(n, 1)) - aroundWindow
	return max(each*5/6, leastWindow) // the rest is the warm-up
}

// sealedParams are those of one measurement of n, without kind, size and wait.
func (o *comparison) sealedParams(n int, cpus []int) rig.Params {
	timed := o.options
	timed.duration = o.window(n)
	p := timed.params(rig.Throughput, cpus)
	p.Sealed = true
	return p
}
