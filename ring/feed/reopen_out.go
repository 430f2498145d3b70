package feed

import (
	"context"
	"errors"
	"io"
	"syscall"
)

// WriterOf returns the sink that writes messages to a stream that open opens, at the
// first Take, and again when it breaks. Messages that had not arrived before the break, as
// Writer has it, are written to the next stream, counted in Stats.Again: there may be copies of them in the
// one that broke. open is to heed its context, which Stop ends.
func WriterOf(open func(context.Context) (io.WriteCloser, error), f Framing, r Retry) Sink {
	return newWriterOf(open, func(w io.WriteCloser) (link, error) { return linkTo(w, f) }, r)
}

func newWriterOf(open func(context.Context) (io.WriteCloser, error), use func(io.WriteCloser) (link, error), r Retry) *writerOf {
	return &writerOf{reopening: newReopening(r), open: open, through: use}
}

// link is a sink to one connection or stream.
type link interface {
	Sink
	settler
	any() bool // whether any message has arrived
}

// linkTo returns the sink for w: a socket that keeps messages apart needs no framing.
func linkTo(w io.WriteCloser, f Framing) (link, error) {
	if c, ok := packetConn(w); ok {
		return newDatagramSink(w, c, Datagrams{})
	}
	return newStreamSink(w, plain{f}), nil
}

type writerOf struct {
	reopening
	open    func(context.Context) (io.WriteCloser, error)
	through func(io.WriteCloser) (link, error)
	now     link
	err     error // why there is none, if it broke
	lost    int   // messages taken last that did not arrive before it broke, to be told
	trusts  bool  // see settler.trust
	sound   func() error
}

// Take is Sink.Take. It comes back when messages are to be taken again.
func (w *writerOf) Take(msgs [][]byte) (int, error) {
	for {
		if err := w.ready(); err != nil {
			return 0, err
		}
		n, err := w.now.Take(msgs)
		if err == nil || errors.Is(err, ErrStopped) || refused(err) || errors.Is(err, syscall.EFAULT) {
			return n, err // another connection does not make memory whole
		}
		w.total.again.Add(uint64(len(msgs) - n))
		w.breaks(err)
		if n > 0 || w.lost > 0 {
			return n, nil
		}
	}
}

// ready opens a stream if there is none.
func (w *writerOf) ready() error {
	for w.now == nil {
		if w.err != nil {
			if err := w.again(w.err); err != nil {
				return err
			}
			w.err = nil
		}
		if w.ctx.Err() != nil {
			return ErrStopped
		}
		c, err := w.open(w.ctx)
		if err != nil {
			w.err = err
			continue
		}
		now, err := w.through(c)
		if err != nil {
			return errors.Join(err, c.Close())
		}
		if w.trusts {
			now.trust()
		}
		if k, ok := now.(checked); ok {
			k.lies(w.sound)
		}
		w.total.opened.Add(1)
		w.now = now
		if k, ok := now.(counted); ok {
			k.countIn(w.total)
		}
		w.use(w.now)
	}
	return nil
}

// breaks gives the stream up.
func (w *writerOf) breaks(err error) {
	w.total.failed.Add(1)
	w.lost, _, _ = w.now.settle()
	w.note()
	w.err = err
	_ = w.Close() // it has failed already, and says so in err
}

// note notes that a stream was not in vain.
func (w *writerOf) note() {
	if w.now != nil && w.now.any() {
		w.vain = 0
	}
}

// settle is settler.settle.
func (w *writerOf) settle() (waiting int, broken bool, err error) {
	if w.now != nil {
		waiting, _, err = w.now.settle()
		w.note()
		if err == nil || errors.Is(err, ErrStopped) {
			return waiting, false, err
		}
		w.breaks(err)
	}
	waiting, w.lost = w.lost, 0
	return waiting, waiting > 0, nil
}

// pass is settler.pass.
func (w *writerOf) pass() {
	if w.now != nil {
		w.now.pass()
	}
}

// lies is of checked.
func (w *writerOf) lies(sound func() error) { w.sound = sound }

// trust is settler.trust.
func (w *writerOf) trust() { w.trusts = true }

// ending is settler.ending.
func (w *writerOf) ending() {
	if w.now != nil {
		w.now.ending()
	}
}

// Close is Sink.Close.
func (w *writerOf) Close() error {
	if w.now == nil {
		return nil
	}
	w.use(nil)
	err := w.now.Close()
	w.now = nil
	return err
}
