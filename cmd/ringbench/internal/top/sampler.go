package top

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// Look is one round and the rows it makes.
type Look struct {
	Round Round
	Rows  []Row
	panic any // of the goroutine that looks, to be raised where the terminal is restored
}

// Sampler looks whenever it is asked to, on a goroutine of its own: keys are answered
// while a look takes long.
type Sampler struct {
	ask  chan struct{}
	Got  chan Look
	done chan struct{}
}

// NewSampler starts looking through w, which is the Sampler's until Stop.
func NewSampler(w *Watcher, interval time.Duration) *Sampler {
	s := &Sampler{ask: make(chan struct{}, 1), Got: make(chan Look, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer func() {
			if p := recover(); p != nil {
				s.Got <- Look{panic: fmt.Sprintf("%v\n%s", p, debug.Stack())}
			}
		}()
		var h History
		for range s.ask {
			r := w.Look(interval)
			s.Got <- Look{Round: r, Rows: h.Add(r, interval)}
		}
	}()
	return s
}

// Ask asks for one look; it comes by Got. The next may be asked for when it is there.
func (s *Sampler) Ask() { s.ask <- struct{}{} }

// Stop ends it and waits for its end.
func (s *Sampler) Stop() {
	close(s.ask)
	<-s.done
}

// Twice looks twice, an interval apart, or until ctx is over. It returns the second round.
func Twice(ctx context.Context, w *Watcher, interval time.Duration) (Look, time.Duration) {
	var h History
	first := w.Look(interval)
	h.Add(first, interval)
	if first.Err == nil {
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
	r := w.Look(0) // all of it
	return Look{Round: r, Rows: h.Add(r, interval)}, r.At.Sub(first.At)
}

// Keep follows what comes and goes, for the metrics of w, until ctx is over.
func Keep(ctx context.Context, w *Watcher, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		w.Look(interval)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
