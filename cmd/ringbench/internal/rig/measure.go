package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"annulus/cmd/ringbench/internal/report"
)

// How long the parent waits for what should take milliseconds. Tests wait less.
var (
	startGrace = 10 * time.Second
	stopGrace  = 5 * time.Second
)

// tick is how often Watch is called.
const tick = 200 * time.Millisecond

// Outcome is what one measurement found.
type Outcome struct {
	Messages     uint64
	Seconds      float64
	CPUSeconds   float64 // of all processes that took part
	Latency      *report.Latency
	Distribution []int64 // at report.Quantiles; nil where none was kept
	Wakes        *uint64
	Notes        [2][]byte // of Noters: the sender's, the receiver's
}

// Watch is called now and then, from Measure's goroutine, while a measurement
// runs.
type Watch func(messages uint64, elapsed time.Duration)

// Measure runs one measurement. When ctx ends, the window closes at once and
// what was counted until then is the outcome; where the window had not opened
// yet, the error is ctx's. All workers have ended and were reaped when it
// returns. Concurrent calls disturb each other's figures, nothing else.
func Measure(ctx context.Context, t *Transport, p Params, watch Watch) (Outcome, error) {
	// The workers are tied to this thread's life.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	w, err := t.Setup(&p)
	if err != nil {
		return Outcome{}, fmt.Errorf("%s: %w", t.Name, err)
	}
	pg, shared, err := newPage()
	if err != nil {
		return Outcome{}, errors.Join(err, closeWiring(w))
	}
	r := run{ctx: ctx, p: &p, page: pg, watch: watch, done: make(chan outcome, 2)}
	out, err := r.start(t, w, shared.File)
	if err = errors.Join(err, closeWiring(w), shared.Close()); err != nil {
		return out, fmt.Errorf("%s: %w", t.Name, err)
	}
	return out, nil
}

// run is one measurement under way.
type run struct {
	ctx   context.Context
	p     *Params
	page  *page
	watch Watch
	procs []*process
	done  chan outcome
	got   []outcome
}

func (r *run) start(t *Transport, w *Wiring, pageFile *os.File) (Outcome, error) {
	spec, err := json.Marshal(w.Spec)
	if err != nil {
		return Outcome{}, err
	}
	roles := []Role{Send, Receive}
	if t.InOne {
		roles = []Role{Both}
	}
	for i, role := range roles {
		job := &Job{Transport: t.Name, Role: role, Params: *r.p, Spec: spec}
		var files []*os.File
		cpus := r.p.CPUs
		switch {
		case role == Both:
		case role == Send:
			files = w.Sender
		default:
			files = w.Receiver
		}
		if role != Both && len(cpus) > 0 {
			cpus = cpus[i : i+1]
		}
		proc, err := spawn(job, cpus, t.Blocked, files, pageFile, r.done)
		if err != nil {
			return Outcome{}, r.abort(err)
		}
		r.procs = append(r.procs, proc)
	}
	// The workers hold the only ends now: each sees when the other is gone.
	closeFiles(w)

	opened, err := r.phases()
	if err == nil {
		err = r.gather()
	}
	if err != nil {
		if err = r.abort(err); r.interrupted(err) {
			err = r.ctx.Err()
		}
		return Outcome{}, err
	}
	if !opened {
		return Outcome{}, r.ctx.Err()
	}
	return r.fold()
}

// phases leads the workers through the run and tells whether the window was
// opened.
func (r *run) phases() (opened bool, err error) {
	for deadline := time.Now().Add(startGrace); r.page.ready.Load() < uint32(len(r.procs)); {
		if err := r.sleep(r.ctx, time.Millisecond); err != nil {
			return false, err
		}
		if r.ctx.Err() != nil {
			return false, nil
		}
		if len(r.got) > 0 {
			return false, errors.New("a worker ended before the start")
		}
		if time.Now().After(deadline) {
			return false, fmt.Errorf("the workers were not ready within %v", startGrace)
		}
	}
	if r.p.Count > 0 {
		r.page.phase.Store(phaseMeasure) // the workers count the warm-up themselves
		return true, r.window(r.ctx)
	}
	r.page.phase.Store(phaseWarm)
	if err := r.sleep(r.ctx, r.p.WarmUp); err != nil {
		return false, err
	}
	if r.ctx.Err() == nil {
		r.page.phase.Store(phaseMeasure)
		opened = true
		ctx, cancel := context.WithTimeout(r.ctx, r.p.Duration)
		defer cancel()
		err = r.window(ctx)
	}
	return opened, err
}

// window waits until ctx or the workers end.
func (r *run) window(ctx context.Context) error {
	start := time.Now()
	defer r.page.phase.Store(phaseStop)
	for ctx.Err() == nil && len(r.got) < len(r.procs) {
		if err := r.sleep(ctx, tick); err != nil {
			return err
		}
		if r.watch != nil && ctx.Err() == nil {
			r.watch(r.page.progress.Load(), time.Since(start))
		}
	}
	return nil
}

// sleep returns after d, when ctx ends, or when a worker has ended; the error
// is that worker's.
func (r *run) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case o := <-r.done:
		r.got = append(r.got, o)
		return o.err
	}
	return nil
}

// gather waits for every worker's report after the stop.
func (r *run) gather() error {
	r.page.phase.Store(phaseStop)
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	for len(r.got) < len(r.procs) {
		if err := r.sleep(ctx, stopGrace); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the workers did not stop within %v", stopGrace)
		}
	}
	return nil
}

// ErrNothing: no message passed in the window.
var ErrNothing = errors.New("found none: take a longer one")

// NothingMeasured is ErrNothing with the window.
func NothingMeasured(p *Params) error {
	return fmt.Errorf("expected messages within a window of %v, %w", p.Duration, ErrNothing)
}

// fold makes one outcome of the workers' halves.
func (r *run) fold() (Outcome, error) {
	var send, receive *Half
	var out Outcome
	for _, o := range r.got {
		var cpu int64
		for _, h := range []*Half{o.report.Send, o.report.Receive} {
			if h == nil {
				continue
			}
			cpu = max(cpu, h.CPUNanos) // both halves of one process saw the same
			if h.Wakes != nil {
				sum := *h.Wakes
				if out.Wakes != nil {
					sum += *out.Wakes
				}
				out.Wakes = &sum
			}
		}
		out.CPUSeconds += float64(cpu) / 1e9
		if o.report.Send != nil {
			send = o.report.Send
		}
		if o.report.Receive != nil {
			receive = o.report.Receive
		}
	}
	if send == nil || receive == nil {
		return Outcome{}, errors.New("a worker reported nothing")
	}
	if send.Total != receive.Total {
		return Outcome{}, fmt.Errorf("%d messages were sent and %d received", send.Total, receive.Total)
	}
	out.Notes = [2][]byte{send.Notes, receive.Notes}
	half := receive
	if r.p.Kind == RoundTrip {
		half = send
	}
	out.Messages = half.Messages
	out.Seconds = float64(half.Nanos) / 1e9
	if out.Messages == 0 && r.ctx.Err() == nil {
		return out, NothingMeasured(r.p)
	}
	var err error
	out.Latency, out.Distribution, err = latency(half.Hist)
	return out, err
}

func closeFiles(w *Wiring) {
	for _, f := range append(w.Sender, w.Receiver...) {
		f.Close()
	}
	w.Sender, w.Receiver = nil, nil
}

func closeWiring(w *Wiring) error {
	closeFiles(w)
	if w.Close == nil {
		return nil
	}
	return w.Close()
}
