package rig

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"annulus/internal/mem"
)

// WorkerCommand is the hidden first argument that makes the binary a worker:
// its main calls WorkerMain then.
const WorkerCommand = "__rig-worker"

// The files a worker inherits, in the order of exec.Cmd.ExtraFiles.
const (
	jobFD    = 3 + iota // JSON of Job, then silence until the parent is gone
	reportFD            // JSON of workerReport
	pageFD              // the shared page
	firstFD             // the transport's own
)

type workerReport struct {
	Error   string `json:"error,omitempty"`
	Send    *Half  `json:"send"`
	Receive *Half  `json:"receive"`
}

// ending are the signals that end the parent, and workers only by way of it.
var ending = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// WorkerMain plays one side of a measurement and returns the exit status. find
// looks a transport up by name.
func WorkerMain(find func(name string) *Transport) int {
	// A terminal's interrupt goes to the parent as well: it ends the run.
	signal.Ignore(ending...)
	jobFile := os.NewFile(jobFD, "job")
	var job Job
	dec := json.NewDecoder(jobFile)
	if err := dec.Decode(&job); err != nil {
		fmt.Fprintf(os.Stderr, "ringbench: %s is started by ringbench itself, expected a job on descriptor %d, found: %v\n",
			WorkerCommand, jobFD, err)
		return 2
	}
	go func() {
		io.Copy(io.Discard, jobFile)
		os.Exit(1) // the parent is gone
	}()

	var rep workerReport
	if err := play(&job, find(job.Transport), &rep); err != nil {
		rep.Error = err.Error()
	}
	if err := json.NewEncoder(os.NewFile(reportFD, "report")).Encode(rep); err != nil || rep.Error != "" {
		return 1
	}
	return 0
}

func play(job *Job, t *Transport, rep *workerReport) error {
	if t == nil {
		return fmt.Errorf("no transport %q in this build", job.Transport)
	}
	shared, err := MapShared(os.NewFile(pageFD, "page"))
	if err != nil {
		return err
	}
	// Never unmapped: where one loop of two fails, the other looks at it until the process ends.
	pg := mem.As[page](shared.Ptr, 0)
	for i := range job.NumFiles {
		fd := firstFD + i
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		job.Files = append(job.Files, os.NewFile(uintptr(fd), fmt.Sprintf("%s %d", job.Transport, i)))
	}
	link, err := t.Open(job)
	if err != nil {
		return err
	}
	var wakes func() uint64
	if w, ok := link.(Waker); ok {
		wakes = w.Wakes
	}

	pg.ready.Add(1)
	for pg.phase.Load() == phaseHold {
		time.Sleep(100 * time.Microsecond)
	}

	if err := loop(job, link, pg, wakes, rep); err != nil {
		return err // the other loop may wait for this one for ever: the process ends
	}
	if n, ok := link.(Noter); ok {
		notes, err := n.Notes()
		if err != nil {
			return err
		}
		for _, h := range []*Half{rep.Send, rep.Receive} {
			if h != nil {
				h.Notes = notes
			}
		}
	}
	return link.Close()
}

// loop runs the loops of the job's role, until all have ended or one has failed.
func loop(job *Job, link Link, pg *page, wakes func() uint64, rep *workerReport) error {
	// Progress counts what the figures count: round trips, or what arrived.
	done := make(chan error, 2)
	loops := 0
	if job.Role != Receive {
		s := &Sender{meter: newMeter(&job.Params, pg, wakes)}
		s.publish = s.Kind == RoundTrip
		half := link.Produce
		if s.Kind == RoundTrip {
			half = link.Ping
		}
		loops++
		go func() {
			err := half(s)
			rep.Send = s.finish()
			done <- err
		}()
	}
	if job.Role != Send {
		r := newReceiver(&job.Params, pg, wakes)
		r.publish = r.Kind != RoundTrip
		half := link.Consume
		if r.Kind == RoundTrip {
			half = link.Pong
		}
		loops++
		go func() {
			err := half(r)
			rep.Receive = r.finish()
			done <- err
		}()
	}
	for range loops {
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}

// finish encodes the histogram, if there is one with something in it.
func (m *meter) finish() *Half {
	if m.hist != nil && m.hist.TotalCount() > 0 {
		// The encoder fails on nothing that New made.
		m.half.Hist, _ = encodeHistogram(m.hist)
	}
	return &m.half
}
