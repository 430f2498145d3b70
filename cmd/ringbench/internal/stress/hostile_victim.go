package stress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"

	"annulus/futex"
	"annulus/ring"
)

// company is what attacker and victim have in common: from the same seed both draw the same.
type company struct {
	conn *net.UnixConn
	l    *ledger
	rng  *rand.Rand
}

func newCompany(seed uint64, l *ledger) (*company, error) {
	f := os.NewFile(ringFD, "socket")
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return nil, err
	}
	l.set(wordState, stateWorking)
	return &company{conn: conn.(*net.UnixConn), l: l, rng: rand.New(rand.NewPCG(seed, 3))}, nil
}

// draw draws the next ring, and which end of it the attacker has.
func (c *company) draw() (ring.Role, ring.Config) {
	role, config := ring.AsProducer+ring.Role(c.rng.IntN(2)), ring.Config{Capacity: 4096 << (4 * c.rng.IntN(2))}
	if c.rng.IntN(3) == 0 {
		config = ring.Config{Kind: ring.Slots, Capacity: 2 << c.rng.IntN(6), SlotSize: 1 + c.rng.IntN(100)}
	}
	return role, config
}

func anybody(ring.Cred) error { return nil }

// over tells whether err says that the other process is gone.
func over(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, ring.ErrRemoved) || err == io.EOF
}

// suffer accepts one ring after the other and uses it as long as that goes well.
func suffer(seed uint64, l *ledger) error {
	c, err := newCompany(seed, l)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	mine := rand.New(rand.NewPCG(seed, 4))
	for l.get(wordStop) == 0 {
		role, config := c.draw()
		ctx, cancel := context.WithTimeout(context.Background(), endAfter)
		r, err := ring.Accept(ctx, c.conn, ring.AsProducer+ring.AsConsumer-role, ring.Config{}, ring.WithPeer(anybody))
		cancel()
		if over(err) {
			return nil
		}
		if errors.Is(err, ring.ErrCorrupt) { // spoilt before this side had looked
			err = nil
			l.set(wordPoisoned, l.get(wordPoisoned)+1)
		}
		if err != nil {
			return fmt.Errorf("role %v, %+v: %w", role, config, err)
		}
		if r != nil {
			l.set(wordRings, l.get(wordRings)+1)
			v := victim{l: l, r: r, rng: mine}
			err = v.use()
			if cerr := r.Close(); err == nil && cerr != nil && !errors.Is(cerr, ring.ErrCorrupt) {
				err = fmt.Errorf("close: %w", cerr)
			}
		}
		if err != nil {
			return err
		}
		if _, err := c.conn.Write([]byte{'n'}); err != nil {
			return nil // it is gone
		}
	}
	return nil
}

// victim is one user of one ring.
type victim struct {
	l   *ledger
	r   *ring.Ring
	rng *rand.Rand
	sum byte
}

// use calls whatever there is until nonsense is found, the peer is gone or it was enough.
func (v *victim) use() error {
	strategy := []futex.Strategy{futex.Adaptive(), futex.Futex(), futex.Yield(), futex.Spin()}[v.rng.IntN(4)]
	for attach := range 3 {
		p, c, err := v.attach(strategy)
		for n := 0; err == nil && n < 20000>>(2*attach); n++ {
			v.l.set(wordCalls, v.l.get(wordCalls)+1)
			if p != nil {
				err = v.send(p)
			} else {
				err = v.receive(c)
			}
			if v.usual(err) {
				err = nil
			}
		}
		switch {
		case errors.Is(err, ring.ErrCorrupt):
			v.l.set(wordPoisoned, v.l.get(wordPoisoned)+1)
			return v.dead(p, c)
		case err == nil, err == io.EOF, errors.Is(err, ring.ErrClosed):
		case over(err):
			return nil
		default:
			return err
		}
		if p != nil {
			err = p.Close()
		} else if c != nil {
			err = c.Close()
		}
		if err != nil {
			return fmt.Errorf("close an endpoint: %w", err)
		}
	}
	return nil
}

func (v *victim) attach(s futex.Strategy) (p *ring.Producer, c *ring.Consumer, err error) {
	if p, err = v.r.Producer(ring.WithStrategy(s)); errors.Is(err, os.ErrPermission) {
		c, err = v.r.Consumer(ring.WithStrategy(s))
	}
	return p, c, err
}

func (v *victim) usual(err error) bool {
	return err == ring.ErrFull || err == ring.ErrEmpty || errors.Is(err, context.DeadlineExceeded)
}

// dead holds a handle that found nonsense to that: nothing works any more.
func (v *victim) dead(p *ring.Producer, c *ring.Consumer) error {
	var err error
	switch {
	case p != nil:
		err = p.TrySend(nil)
	case c != nil:
		_, err = c.TryRecv(nil)
	default:
		err = ring.ErrCorrupt
	}
	if !errors.Is(err, ring.ErrCorrupt) {
		return fmt.Errorf("an endpoint that had found nonsense goes on: %v", err)
	}
	if p != nil {
		p.Close()
	} else if c != nil {
		c.Close()
	}
	if _, _, err := v.attach(futex.Spin()); !errors.Is(err, ring.ErrCorrupt) {
		return fmt.Errorf("an endpoint follows one that had found nonsense: %v", err)
	}
	return nil
}

// brief is the patience of a call that waits.
func brief() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 300*time.Microsecond)
}

func (v *victim) send(p *ring.Producer) error {
	c := p.Config()
	size := c.SlotSize
	if c.Kind == ring.Bytes {
		size = v.rng.IntN(min(c.MaxMessage, 200))
	}
	msg := make([]byte, size)
	switch v.rng.IntN(64) {
	case 0:
		_, err := v.r.Stats()
		return err
	case 1:
		ctx, cancel := brief()
		defer cancel()
		return p.Send(ctx, msg)
	case 3, 4:
		if _, err := p.TryReserve(size); err != nil {
			return err
		}
		return p.Commit(size)
	case 5:
		_, err := p.TrySendBatch([][]byte{msg, msg, msg})
		return err
	}
	err := p.TrySend(msg)
	if err == nil {
		v.l.set(wordMessages, v.l.get(wordMessages)+1)
	}
	return err
}

func (v *victim) receive(c *ring.Consumer) error {
	most := c.Config().MaxMessage
	var msgs [8][]byte
	n := 1
	var err error
	switch v.rng.IntN(64) {
	case 0:
		_, err := v.r.Stats()
		return err
	case 1:
		ctx, cancel := brief()
		defer cancel()
		msgs[0], err = c.Recv(ctx, nil)
	case 3, 4, 5:
		if n, err = c.TryPeekBatch(msgs[:]); err == nil && v.rng.IntN(2) == 0 {
			v.look(msgs[:n], most)
			if err = c.ReleaseFirst(v.rng.IntN(n + 1)); err != nil {
				return err
			}
		}
		if err == nil {
			v.look(msgs[:n], most)
			return c.Release()
		}
	case 6:
		if msgs[0], err = c.TryPeek(); err == nil && v.rng.IntN(4) > 0 {
			err = c.Release()
		}
	default:
		msgs[0], err = c.TryRecv(nil)
	}
	if err == nil {
		v.look(msgs[:n], most)
	}
	return err
}

// look reads all of what was received.
func (v *victim) look(msgs [][]byte, most int) {
	for _, m := range msgs {
		if len(m) > most {
			v.l.set(wordTooLong, v.l.get(wordTooLong)+1)
		}
		for _, b := range m {
			v.sum += b
		}
		v.l.set(wordMessages, v.l.get(wordMessages)+1)
	}
}
