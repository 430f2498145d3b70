package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"

	"annulus/ring/feed"
)

// listener listens at the address.
func (f *far) listener(ctx context.Context) (net.Listener, error) {
	d, err := f.dial()
	if err != nil {
		return nil, err
	}
	return feed.Listen(ctx, f.url, d.TLS)
}

// listens says where connections are welcome: all is ready for them.
func (f *far) listens(l net.Listener) {
	fmt.Fprintf(f.io.err, "listening at %s://%s\n", f.scheme.name, l.Addr())
}

// dial says how to connect.
func (f *far) dial() (d feed.Dial, err error) {
	d.Retry = feed.Retry{AtEnd: !f.once, Report: f.report}
	if f.once {
		d.Retry.Tries = 1
	}
	if f.scheme.name == "tls" {
		d.TLS, err = f.tls.Load()
	}
	return d, err
}

func dialSource(f *far) (feed.Source, error) {
	d, err := f.dial()
	if err != nil {
		return nil, err
	}
	return feed.DialSource(f.url, f.framing, d)
}

func dialSink(f *far) (feed.Sink, error) {
	d, err := f.dial()
	if err != nil {
		return nil, err
	}
	return feed.DialSink(f.url, f.framing, d)
}

// Who receives datagrams needs nobody: it is there before they are, and opened once.
func datagramSource(f *far) (feed.Source, error) {
	return feed.DatagramSource(f.url, feed.Datagrams{ReadBuffer: f.buffer})
}

func datagramSink(f *far) (feed.Sink, error) {
	return feed.DatagramSink(f.url, feed.Datagrams{Lossy: f.lossy, Retry: feed.Retry{Report: f.report}})
}

func (f *far) fifo() feed.FIFO {
	return feed.FIFO{Create: f.create, Once: f.once, Report: f.report}
}

func fifoSource(f *far) (feed.Source, error) { return feed.ReadFIFO(f.rest, f.framing, f.fifo()) }
func fifoSink(f *far) (feed.Sink, error)     { return feed.WriteFIFO(f.rest, f.framing, f.fifo()) }

func fileSource(f *far) (feed.Source, error) {
	if f.follow {
		return feed.Follow(f.rest, f.framing, feed.Following{FromEnd: f.fromEnd, Report: f.report})
	}
	return feed.ReadFile(f.rest, f.framing)
}

func fileSink(f *far) (feed.Sink, error) {
	s, err := feed.WriteFile(f.rest, f.framing, f.file())
	return s, f.exists(err)
}

func (f *far) file() feed.File {
	c := feed.File{Sync: feed.Sync(max(0, slices.Index(syncs, f.sync)))}
	if f.cut {
		c.Torn = feed.CutTorn
	}
	switch {
	case f.appending:
		c.Existing = feed.Append
	case f.truncate:
		c.Existing = feed.Truncate
	}
	return c
}

// exists names the flags that a file that is there needs.
func (f *far) exists(err error) error {
	if errors.Is(err, os.ErrExist) {
		return because(err, "%s is there already: expected --append, --truncate or another name", f.url)
	}
	return err
}

func (f *far) mq() feed.MessageQueue {
	return feed.MessageQueue{Name: f.rest, Create: f.create, MaxMessages: f.depth, MaxSize: f.size, Priority: uint32(f.priority)}
}

func mqSource(f *far) (feed.Source, error) { return f.mq().Source() }
func mqSink(f *far) (feed.Sink, error)     { return f.mq().Sink() }

func (f *far) sysv() (feed.SysVQueue, error) {
	key, err := keyOf(f.rest, byte(f.project))
	return feed.SysVQueue{Key: key, Create: f.create, Type: f.kind}, err
}

func sysvSource(f *far) (feed.Source, error) {
	q, err := f.sysv()
	if err != nil {
		return nil, err
	}
	return q.Source()
}

func sysvSink(f *far) (feed.Sink, error) {
	q, err := f.sysv()
	if err != nil {
		return nil, err
	}
	return q.Sink()
}

// The standard files stay open: errors are still to be printed.

func stdinSource(f *far) (feed.Source, error) {
	in, err := feed.Inherit(f.io.in)
	if err != nil {
		return nil, err
	}
	return feed.Reader(in, f.framing), nil
}

func stdoutSink(f *far) (feed.Sink, error) {
	file, ok := f.io.out.(*os.File)
	if !ok {
		return feed.Writer(struct{ io.Writer }{f.io.out}, f.framing), nil
	}
	out, err := feed.Inherit(file)
	if err != nil {
		return nil, err
	}
	return feed.Writer(out, f.framing), nil
}
