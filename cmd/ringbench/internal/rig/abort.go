package rig

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// abort ends and reaps the workers that are left and returns err with what
// they said. A worker that failed takes its peer along (a broken pipe, say):
// the peer gets a moment, so that the cause is found whichever ended first.
func (r *run) abort(err error) error {
	r.page.phase.Store(phaseStop)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	for len(r.got) < len(r.procs) && ctx.Err() == nil {
		r.sleep(ctx, time.Second)
	}
	if len(r.got) < len(r.procs) {
		for _, p := range r.procs {
			p.cmd.Process.Kill() // nothing happens to one that was reaped
		}
	}
	for len(r.got) < len(r.procs) {
		o := <-r.done
		o.err = nil // it was killed here
		r.got = append(r.got, o)
	}
	for _, o := range r.got {
		if o.err != nil && !errors.Is(err, o.err) {
			err = errors.Join(err, o.err)
		}
	}
	return err
}

// interrupted tells whether a worker died of a signal that was for all of its process group, before it
// could ignore it, and ctx ends by that.
func (r *run) interrupted(err error) bool {
	if !EndedBy(err, ending...) {
		return false
	}
	select {
	case <-r.ctx.Done():
		return true
	case <-time.After(stopGrace):
		return false
	}
}

// EndedBy tells whether err, of a process that was waited for, says that one of the signals ended it.
func EndedBy(err error, signals ...os.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains(signals, os.Signal(status.Signal()))
}
