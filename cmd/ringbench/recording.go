package main

import (
	"context"
	"flag"

	"annulus/ring/feed"
)

// capture is the far end of record and replay.
var capture = &scheme{
	address: "FILE",
	source: func(f *far) (feed.Source, error) {
		speed := f.pace
		switch {
		case f.fast:
			speed = 0
		case speed == 0:
			speed = 1
		}
		return feed.Replay(f.url, feed.Replaying{Speed: speed, Recover: f.recover, Report: f.report})
	},
	sink: func(f *far) (feed.Sink, error) {
		s, err := feed.Record(f.url, feed.Capture{File: f.file(), Report: f.report})
		return s, f.exists(err)
	},
	sourceFlags: []string{"pace", "fast", "recover"},
	sinkFlags:   []string{"append", "truncate", "sync"},
}

func recordCommand() *command {
	return &command{
		name:    "record",
		args:    "NAME FILE",
		summary: "record what comes through a ring, with its times",
		help: `Takes messages out of the ring NAME in POSIX shared memory, which is created if it is
not there, and writes them to FILE, a capture: each with the time at which it came, and
a checksum. It ends when a producer has closed the ring and all is drained. A message leaves the
ring when it is written, with --sync each when it is on the disk. If the disk is full
the capture ends with a whole message, and the rest stays in the ring.

A recorder that is killed leaves a torn tail at most, which --append cuts off and reports.
To record what others receive as well, use a broadcast ring.

SIGINT, SIGTERM or SIGHUP asks the producer to stop, records what is committed and ends with exit
status 0. A second signal is immediate.`,
		examples: `ringbench record --topology broadcast ticks ticks.capture
ringbench record log log.capture --append --sync end`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			s, f := &side{}, &far{sink: true, scheme: capture}
			f.flags(fs, capture)
			s.ringFlags(fs)
			return func(ctx context.Context, io *stdio, args []string) error {
				if len(args) == 0 || args[len(args)-1] == "" {
					return usagef("expected the NAME of a ring and a FILE, found %q", args)
				}
				f.io, f.url = io, args[len(args)-1]
				if err := f.agree(); err != nil {
					return err
				}
				if err := s.ring.resolve(args[:len(args)-1]); err != nil {
					return err
				}
				return drainRing(ctx, io, s, f)
			}
		},
	}
}

func replayCommand() *command {
	return &command{
		name:    "replay",
		args:    "FILE NAME",
		summary: "send what was recorded through a ring",
		help: `Sends the messages of FILE, a capture that ringbench record has written, through the ring NAME in
POSIX shared memory, which is created if it is not there: at the pace at which they came,
FACTOR times as fast with --pace, or as fast as the ring takes them with --fast.

A capture that is damaged is sent up to the damage, with exit status 1. With --recover it goes on
behind it, and a torn tail is the end. What is passed over is reported on stderr.

SIGINT, SIGTERM or SIGHUP stops it in order, with exit status 0. A second signal is immediate.`,
		examples: `ringbench replay ticks.capture ticks
ringbench replay --pace 10 --recover ticks.capture --topology broadcast ticks
ringbench replay --fast log.capture log`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			s, f := &side{}, &far{scheme: capture}
			f.flags(fs, capture)
			s.ringFlags(fs)
			return func(ctx context.Context, io *stdio, args []string) error {
				if len(args) == 0 || args[0] == "" {
					return usagef("expected a FILE and the NAME of a ring, found %q", args)
				}
				f.io, f.url = io, args[0]
				if err := f.agree(); err != nil {
					return err
				}
				if err := s.ring.resolve(args[1:]); err != nil {
					return err
				}
				return feedRing(ctx, io, s, f)
			}
		},
	}
}
