package load

import (
	"errors"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
	"annulus/ring"
)

// sender is a producer at work.
type sender struct {
	*worker
	p     *ring.Producer
	pick  func() int
	pacer pacer // nil: as fast as possible
	due   int64 // of the next message, where there is a pacer
	buf   [][]byte
	msgs  [][]byte
	dues  []int64

	dropped, woken uint64 // what the ring counted when last looked at
	own            uint64 // messages that this process has sent
}

func (w *worker) produce(o ...ring.EndpointOption) error {
	s := &sender{worker: w}
	err := rig.WhileAttached(func() (err error) { s.p, err = w.ring.Producer(o...); return err })
	if err != nil {
		return err
	}
	s.dropped, s.woken = s.p.Dropped(), s.p.Wakes()
	if s.pick, err = w.Group.Size.picker(w.rng); err != nil {
		return err
	}
	_, most := w.Group.Size.bounds()
	for range w.Group.Batch {
		s.buf = append(s.buf, make([]byte, most))
	}
	for _, b := range s.buf {
		for i := range b {
			b[i] = byte(w.rng.Uint32())
		}
	}
	start := w.begin()
	if w.ctx.Err() == nil && !w.Group.Pace.Max() {
		if s.pacer, err = w.Group.Pace.pacer(start, rig.Now(), w.rng); err != nil {
			return err
		}
		s.due = s.pacer()
	}
	for w.ctx.Err() == nil && mem.Load(&w.Stop) == 0 && !w.spent(s.own) {
		if !s.gather() {
			break
		}
		if err := s.send(); err != nil {
			return err
		}
		s.account()
	}
	return s.p.Close()
}

// gather makes the messages that are due, as many as go together, and waits for the first.
// It is false if the end comes before.
func (s *sender) gather() bool {
	s.msgs, s.dues = s.msgs[:0], s.dues[:0]
	if s.pacer != nil && !s.await() {
		return false
	}
	now := rig.Now()
	for len(s.msgs) < len(s.buf) && (s.pacer == nil || s.due <= now) {
		due := now
		if s.pacer != nil {
			due, s.due = s.due, s.pacer()
			s.Times.record(now - due)
		}
		b := s.buf[len(s.msgs)][:s.pick()]
		seal(b, head{s.Place, s.Next + uint64(len(s.msgs)), due})
		s.msgs, s.dues = append(s.msgs, b), append(s.dues, due)
	}
	return true
}

// timerGrain is how late a timer may be.
const timerGrain = 1500 * time.Microsecond

// await waits until the next message is due.
func (s *sender) await() bool {
	for {
		left := time.Duration(s.due - rig.Now())
		switch {
		case left <= 0:
			return true
		case s.ctx.Err() != nil || mem.Load(&s.Stop) != 0:
			return false
		case s.Group.Spin:
		case left > 2*timerGrain: // so long that it must end at once when it is to
			timer := time.NewTimer(left - timerGrain)
			select {
			case <-timer.C:
			case <-s.ctx.Done():
			}
			timer.Stop()
		default:
			rig.Nap(left)
		}
	}
}

// send sends what was gathered, and waits for room: the end comes between two messages.
func (s *sender) send() error {
	mem.Publish(&s.Intent, s.Next+uint64(len(s.msgs)))
	var held int64
	for len(s.msgs) > 0 {
		n, err := s.try(held != 0)
		for _, b := range s.msgs[:n] {
			add(&s.Octets, uint64(len(b)))
		}
		s.own += uint64(n)
		add(&s.Count, uint64(n))
		mem.Publish(&s.Next, s.Next+uint64(n))
		s.msgs = s.msgs[n:]
		if held != 0 && n > 0 {
			s.release(held)
			held = 0
		}
		switch {
		case err == nil:
		case s.ctx.Err() != nil:
			// What was not sent never will be.
			mem.Publish(&s.Intent, s.Next)
			return nil
		case err == ring.ErrFull:
			held = rig.Now()
		case errors.Is(err, ring.ErrClosed): // the consumer has left, and another will come
			if held == 0 {
				held = rig.Now()
			}
			time.Sleep(100 * time.Microsecond)
		default:
			return err
		}
	}
	return nil
}

// try sends as much as there is room for; with wait, it waits for that.
func (s *sender) try(wait bool) (n int, err error) {
	switch {
	case len(s.msgs) > 1 && wait:
		return s.p.SendBatch(s.ctx, s.msgs)
	case len(s.msgs) > 1:
		return s.p.TrySendBatch(s.msgs)
	case wait:
		err = s.p.Send(s.ctx, s.msgs[0])
	default:
		err = s.p.TrySend(s.msgs[0])
	}
	if err != nil {
		return 0, err
	}
	if d := s.p.Dropped(); d != s.dropped { // its number is the next one's
		add(&s.Dropped, d-s.dropped)
		s.dropped = d
		s.msgs = s.msgs[:0]
		mem.Publish(&s.Intent, s.Next)
		return 0, nil
	}
	return 1, nil
}

func (s *sender) release(since int64) {
	add(&s.Held, uint64(rig.Now()-since))
	add(&s.Holds, 1)
}

func (s *sender) account() {
	if w := s.p.Wakes(); w != s.woken {
		add(&s.Wakes, w-s.woken)
		s.woken = w
	}
}
