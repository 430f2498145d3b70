package rig

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// meter opens and closes one side's window and tells its loop how far it may
// run before it asks again. It belongs to one goroutine.
type meter struct {
	*Params
	Payload
	page    *page
	wakes   func() uint64 // nil where they are not counted
	publish bool          // this side's count is the progress people see
	hist    *hdrhistogram.Histogram
	step    int
	warm    uint64

	begun     bool
	n0, wake0 uint64
	t0, cpu0  int64
	half      Half
}

// Half is what one side counted in its window.
type Half struct {
	Total    uint64  `json:"total"`    // messages of the whole run, warm-up included
	Messages uint64  `json:"messages"` // messages in the window
	Nanos    int64   `json:"nanos"`
	CPUNanos int64   `json:"cpu_nanos"`
	Wakes    *uint64 `json:"wakes"`
	Hist     []byte  `json:"hist"`            // HdrHistogram V2, compressed; nil where none was kept
	Notes    []byte  `json:"notes,omitempty"` // of a Noter
}

func newMeter(p *Params, pg *page, wakes func() uint64) meter {
	m := meter{Params: p, Payload: NewPayload(p), page: pg, wakes: wakes, step: p.quantum(), warm: p.warmCount()}
	if p.Kind != Throughput {
		m.hist = newHistogram()
	}
	return m
}

// newHistogram covers 1 ns to 10 s with three digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 10e9, 3) }

// mark notes that n messages are done and returns how many may follow before
// the next mark.
func (m *meter) mark(n uint64) int {
	if m.publish {
		m.page.progress.Store(n)
	}
	if !m.begun {
		switch {
		case m.Count > 0:
			if n < m.warm {
				return int(min(uint64(m.step), m.warm-n))
			}
			m.begin(n)
		case m.page.phase.Load() == phaseMeasure:
			// Never after the stop: the rate of the drain is not a rate.
			m.begin(n)
		}
	}
	return m.step
}

func (m *meter) begin(n uint64) {
	m.begun = true
	if m.hist != nil {
		m.hist.Reset()
	}
	if m.wakes != nil {
		m.wake0 = m.wakes()
	}
	m.n0, m.cpu0, m.t0 = n, cpuNanos(), Now()
}

// end closes the window at time t, after n messages in all. Where the window
// was never opened (a side that did not get to run in it) it is empty.
func (m *meter) end(n uint64, t int64) {
	m.half.Total = n
	if m.publish {
		m.page.progress.Store(n)
	}
	if !m.begun {
		return
	}
	m.half.Messages = n - m.n0
	m.half.Nanos = t - m.t0
	m.half.CPUNanos = cpuNanos() - m.cpu0
	if m.wakes != nil {
		d := m.wakes() - m.wake0
		m.half.Wakes = &d
	}
}

// record clamps what the histogram cannot hold: nothing drops out of it.
func (m *meter) record(ns int64) {
	m.hist.RecordValue(min(max(ns, 0), 10e9))
}

// Sender steers the sending loop. It belongs to one goroutine.
type Sender struct {
	meter
	start int64
}

// More takes the number of messages sent (or round trips made) so far and
// returns how many to do before asking again: a multiple of the batch except
// at the end of a counted run, 0 when it is time to end the stream.
func (s *Sender) More(sent uint64) int {
	last := s.warm + s.Count
	if s.page.phase.Load() == phaseStop || s.Count > 0 && sent >= last {
		s.end(sent, Now())
		return 0
	}
	n := s.mark(sent)
	if s.Count > 0 {
		n = int(min(uint64(n), last-sent))
	}
	return n
}

// Echoed ends round trip seq, begun at start (see Now), with the echo that has
// arrived: it records the time and checks the message.
func (s *Sender) Echoed(seq uint64, start int64, echo []byte) error {
	s.record(Now() - start)
	return s.Holds(echo, seq)
}

// Paced tells whether messages leave at a steady rate: each carries the time
// that Due returns in place of its sequence number, and is sent by itself.
func (s *Sender) Paced() bool { return s.Kind == OneWay }

// Due waits until message seq is to leave and returns that time. It is false
// when the run ended meanwhile. A sender that is late sends at once, with the
// time the message should have left: the delay counts.
func (s *Sender) Due(seq uint64) (int64, bool) {
	if seq == 0 {
		s.start = Now()
	}
	due := s.start + paceOffset(seq, s.Rate)
	for {
		left := due - Now()
		if left <= 0 {
			return due, true
		}
		if s.page.phase.Load() == phaseStop {
			s.end(seq, Now())
			return 0, false
		}
		if s.OneCPU {
			time.Sleep(time.Duration(left))
		}
	}
}

// Receiver steers the receiving loop. It belongs to one goroutine.
type Receiver struct {
	meter
	plain       bool // messages carry their number and nothing else
	start, last int64
}

func newReceiver(p *Params, pg *page, wakes func() uint64) *Receiver {
	r := &Receiver{meter: newMeter(p, pg, wakes)}
	r.plain = !r.sealed && p.Kind != OneWay
	return r
}

// Mark takes the number of messages received so far and returns how many to
// receive before the next Mark, at least 1.
func (r *Receiver) Mark(got uint64) int { return r.mark(got) }

// Check checks message seq: its number, or where messages are paced (see Sender.Paced)
// the time at which it was to leave, whose delay it records; and all of it where messages are sealed.
func (r *Receiver) Check(seq uint64, msg []byte) error {
	if r.plain && binary.LittleEndian.Uint64(msg) == seq {
		return nil
	}
	return r.check(seq, msg)
}

func (r *Receiver) check(seq uint64, msg []byte) error {
	if r.Kind == OneWay {
		return r.arrived(seq, binary.LittleEndian.Uint64(msg))
	}
	return r.Holds(msg, seq)
}

// CheckStamp is Check of a message that is not sealed and is not in bytes.
func (r *Receiver) CheckStamp(seq, stamp uint64) error {
	if r.plain && stamp == seq {
		return nil
	}
	return r.checkStamp(seq, stamp)
}

func (r *Receiver) checkStamp(seq, stamp uint64) error {
	if r.Kind == OneWay {
		return r.arrived(seq, stamp)
	}
	return outOfSequence(seq, stamp)
}

func (r *Receiver) arrived(seq, stamp uint64) error {
	now, due := Now(), int64(stamp)
	if seq == 0 {
		r.start = due
	}
	if want := r.start + paceOffset(seq, r.Rate); due != want {
		return fmt.Errorf("message %d was to leave %d ns after the first, found one of %d ns: lost or out of order",
			seq, want-r.start, due-r.start)
	}
	r.record(now - due)
	r.last = now
	return nil
}

// End takes the number of all messages received, at the end of the stream.
func (r *Receiver) End(got uint64) {
	t := Now()
	if r.last != 0 {
		t = r.last // the end of a paced stream is seen long after its last message
	}
	r.end(got, max(t, r.t0))
}

// paceOffset is when message seq leaves, in nanoseconds after the first, exact
// over any length of run.
func paceOffset(seq uint64, rate int) int64 {
	hz := uint64(rate)
	return int64(min(seq/hz*1e9+seq%hz*1e9/hz, math.MaxInt64/2))
}

func cpuNanos() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
