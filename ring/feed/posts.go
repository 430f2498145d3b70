package feed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Semaphore is a counting semaphore: a *futex.Semaphore, *futex.NamedSemaphore or
// *SysVSemaphore. It stays the caller's, who closes it when the pump is done.
type Semaphore interface {
	Acquire(ctx context.Context) error // takes a token, and waits for it until ctx ends
	TryAcquire() bool                  // takes a token if there is one
	Release() error                    // adds one
}

// confirmer is a semaphore that gives back what a killed process has taken and not
// confirmed.
type confirmer interface {
	Confirm(n int) error
	GiveBack(n int) error
}

// Posts returns the source of a message for each post of s: how many there have been with it since
// the source began, eight bytes, little-endian. A process that is killed between a post that it took and its
// message loses it, unless s is a SysVSemaphore with Undo.
func Posts(s Semaphore) Source {
	ctx, stop := context.WithCancel(context.Background())
	return &posts{s: s, ctx: ctx, stop: stop}
}

type posts struct {
	s       Semaphore
	ctx     context.Context
	stop    context.CancelFunc
	count   uint64
	pending int // taken by the last Fill, whose messages are not known to be sent
}

// Stop is Source.Stop.
func (p *posts) Stop() { p.stop() }

// Fill is Source.Fill.
func (p *posts) Fill(in *Intake) error {
	if err := p.confirm(); err != nil {
		return err
	}
	if err := p.s.Acquire(p.ctx); err != nil {
		if p.ctx.Err() != nil {
			return ErrStopped
		}
		return err
	}
	for {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], p.count+1)
		if err := in.Put(b[:]); err != nil {
			err = errors.Join(err, p.giveBack(1))
			if !in.failed() { // the ring takes those before
				err = errors.Join(err, p.confirm())
			}
			return err
		}
		p.count++
		p.pending++
		if p.pending == batchMessages || !p.s.TryAcquire() {
			return nil
		}
	}
}

// confirm makes final what the last Fill took: it has been sent.
func (p *posts) confirm() (err error) {
	if c, ok := p.s.(confirmer); ok && p.pending > 0 {
		err = c.Confirm(p.pending)
	}
	p.pending = 0
	return err
}

// giveBack returns n tokens that were taken in vain.
func (p *posts) giveBack(n int) (err error) {
	if c, ok := p.s.(confirmer); ok {
		return c.GiveBack(n)
	}
	for ; n > 0 && err == nil; n-- {
		err = p.s.Release()
	}
	return err
}

// Close is Source.Close. Posts that no message was sent for are given back.
func (p *posts) Close() error {
	p.stop()
	err := p.giveBack(p.pending)
	p.pending = 0
	return err
}

// Posting returns a sink that posts s for each message that sink has taken, or once for each batch of
// them if batch is set: a doorbell for those who look where sink has put them. A nil sink drops the
// messages: the posts are all that comes of them. What is taken again is posted again: what a
// connection that broke did not carry (Stats.Again), or a killed process has not released from its ring.
//
// A semaphore that is at its maximum is an error; its message is then taken all the same.
func Posting(sink Sink, s Semaphore, batch bool) Sink {
	if sink == nil {
		sink = dropping{}
	}
	return &posting{sink, s, batch}
}

type posting struct {
	Sink
	s     Semaphore
	batch bool
}

// Take is Sink.Take.
func (p *posting) Take(msgs [][]byte) (int, error) {
	n, err := p.Sink.Take(msgs)
	posts := n
	if p.batch {
		posts = min(n, 1)
	}
	for range posts {
		if perr := p.s.Release(); perr != nil {
			// Alone: err, if it is about the next message, comes again, and might be passed over.
			return n, fmt.Errorf("feed: post for a message that was taken: %w", perr)
		}
	}
	return n, err
}

// Unwrap lets a pump ask the sink what has arrived: see Sink. Posts do not wait for that: who waits
// for one may be the peer.
func (p *posting) Unwrap() Sink { return p.Sink }

// dropping is a sink that takes everything.
type dropping struct{}

func (dropping) Take(msgs [][]byte) (int, error) { return len(msgs), nil }
func (dropping) Stop()                           {}
func (dropping) Close() error                    { return nil }
