package rig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"annulus/cmd/ringbench/internal/typeset"
	"annulus/internal/cpu"
)

// TetherApart is tether for a process that only its parent ends: in a process group of
// its own, so that a terminal's signals do not reach it.
func TetherApart(cmd *exec.Cmd) {
	tether(cmd)
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
}

// process is one running worker.
type process struct {
	role Role
	cmd  *exec.Cmd
	life *os.File // its end tells the worker that the parent is gone
	err  tail
}

// outcome is what became of a worker.
type outcome struct {
	role   Role
	report workerReport
	err    error
}

// spawn starts a worker on the given CPUs, with those signals blocked, and sends its outcome to done
// once it has ended and was reaped. The caller has locked its goroutine to its
// thread.
func spawn(job *Job, cpus []int, blocked []syscall.Signal, files []*os.File, pageFile *os.File, done chan<- outcome) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	jobR, jobW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer jobR.Close()
	repR, repW, err := os.Pipe()
	if err != nil {
		jobW.Close()
		return nil, err
	}
	defer repW.Close()

	job.NumFiles = len(files)
	p := &process{role: job.Role, life: jobW, cmd: exec.Command(self, WorkerCommand)}
	p.cmd.ExtraFiles = append([]*os.File{jobR, repW, pageFile}, files...)
	p.cmd.Stderr = &p.err
	tether(p.cmd)
	err = withBlocked(blocked, func() error { return StartPinned(p.cmd, cpus) })
	if err == nil {
		// A job fits into the pipe: this cannot block on a worker that hangs.
		if err = json.NewEncoder(jobW).Encode(job); err != nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
	}
	if err != nil {
		jobW.Close()
		repR.Close()
		return nil, fmt.Errorf("cannot start the %s worker: %w", job.Role, err)
	}
	go func() { done <- p.collect(repR) }()
	return p, nil
}

func (p *process) collect(rep *os.File) outcome {
	o := outcome{role: p.role}
	data, readErr := io.ReadAll(rep)
	rep.Close()
	waitErr := p.cmd.Wait()
	p.life.Close()
	err := errors.Join(readErr, json.Unmarshal(data, &o.report))
	switch {
	case err == nil && o.report.Error != "":
		o.err = fmt.Errorf("%s worker: %s", p.role, typeset.FirstLine(o.report.Error))
	case err != nil || waitErr != nil:
		if waitErr != nil {
			err = waitErr
		}
		o.err = fmt.Errorf("%s worker ended without a report: %w", p.role, err)
		if line := typeset.FirstLine(p.err.String()); line != "" {
			o.err = fmt.Errorf("%w (%s)", o.err, line)
		}
	}
	return o
}

// tail keeps the beginning of what a worker writes to stderr: a panic's first
// lines say most.
type tail struct{ bytes.Buffer }

func (t *tail) Write(b []byte) (int, error) {
	if room := 4096 - t.Len(); room > 0 {
		t.Buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

// StartPinned starts cmd on the given CPUs, or where it may run anyway.
func StartPinned(cmd *exec.Cmd, cpus []int) error {
	err := cpu.On(cpus, cmd.Start)
	if err != nil && cmd.Process != nil {
		cmd.Process.Kill()
		cmd.Wait()
	}
	return err
}
