package rival

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/typeset"
)

// How long a program may take: to stop and print when it is asked to, and to end by
// itself beyond its warm-up and its window, on a machine with other things to do too.
// Tests wait less.
var (
	stopGrace = 3 * time.Second
	hangGrace = 30 * time.Second
)

// Where programs keep what has a name: in memory. Tests have a prefix of their own.
const namesDir = "/dev/shm"

var namesPrefix = "ringbench-rival-"

// line is what a program prints.
type line struct {
	Messages     uint64          `json:"messages"`
	Seconds      float64         `json:"seconds"`
	CPUSeconds   float64         `json:"cpu_seconds"`
	Latency      *report.Latency `json:"latency_ns"`
	Distribution []int64         `json:"distribution"`
}

// Run runs a program that Build made for p. When ctx ends, the program stops
// and what it counted until then is the outcome. One that hangs is killed, and the error says
// so. Its processes have ended when Run returns, and nothing they made is left. watch gets
// no message count: the programs publish none.
func Run(ctx context.Context, r *Rival, bin string, p *rig.Params, watch rig.Watch) (rig.Outcome, error) {
	return run(ctx, r, bin, p, watch)
}

// run is Run with further arguments for the program.
func run(ctx context.Context, r *Rival, bin string, p *rig.Params, watch rig.Watch, more ...string) (out rig.Outcome, err error) {
	// The program is tied to this thread's life.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	args := arguments(p)
	if r.named {
		names, nameErr := newClaim(namesDir, namesPrefix)
		if nameErr != nil {
			return rig.Outcome{}, fmt.Errorf("%s: %w", r.Name, nameErr)
		}
		args = append(args, "--dir", names.dir)
		defer func() { err = errors.Join(err, names.close()) }()
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(bin, append(args, more...)...)
	rig.TetherApart(cmd)
	cmd.WaitDelay = stopGrace
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return rig.Outcome{}, fmt.Errorf("%s: %w", r.Name, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	limit := p.WarmUp + p.Duration + hangGrace
	if err = follow(ctx, cmd.Process, done, limit, watch); errors.Is(err, errHung) {
		return rig.Outcome{}, fmt.Errorf("%s was cut off after %v: expected it to end after %v", r.Name, limit, p.WarmUp+p.Duration)
	}
	return read(ctx, r, p, stdout.Bytes(), stderr.String(), err)
}

func arguments(p *rig.Params) []string {
	args := []string{
		"--mode", string(p.Kind),
		"--duration", millis(p.Duration),
		"--warm-up", millis(p.WarmUp),
		"--batch", strconv.Itoa(max(p.Batch, 1)),
		"--size", strconv.Itoa(p.Size),
	}
	if p.Capacity > 0 {
		args = append(args, "--capacity", strconv.Itoa(p.Capacity))
	}
	if p.Sealed {
		args = append(args, "--sealed", "1")
	}
	if len(p.CPUs) == 2 {
		args = append(args, "--cpus", fmt.Sprintf("%d,%d", p.CPUs[0], p.CPUs[1]))
	}
	return args
}

// read makes an outcome of what the program printed; err is how it ended.
func read(ctx context.Context, r *Rival, p *rig.Params, stdout []byte, stderr string, err error) (rig.Outcome, error) {
	var out line
	if jsonErr := json.Unmarshal(stdout, &out); jsonErr != nil {
		if ctx.Err() != nil {
			return rig.Outcome{}, ctx.Err()
		}
		if text := typeset.FirstLine(stderr); text != "" {
			return rig.Outcome{}, fmt.Errorf("%s: %s", r.Name, text)
		}
		if err == nil {
			err = jsonErr
		}
		return rig.Outcome{}, fmt.Errorf("%s printed no result: %w", r.Name, err)
	}
	if err != nil && ctx.Err() == nil {
		return rig.Outcome{}, fmt.Errorf("%s printed a result and failed: %w", r.Name, err)
	}
	if out.Messages == 0 && ctx.Err() == nil {
		return rig.Outcome{}, fmt.Errorf("%s: %w", r.Name, rig.NothingMeasured(p))
	}
	if n := len(out.Distribution); n != 0 && n != len(report.Quantiles) {
		return rig.Outcome{}, fmt.Errorf("%s: expected delays at %d quantiles, found %d", r.Name, len(report.Quantiles), n)
	}
	return rig.Outcome{Messages: out.Messages, Seconds: out.Seconds, CPUSeconds: out.CPUSeconds, Latency: out.Latency, Distribution: out.Distribution}, nil
}

var errHung = errors.New("hung")

// follow waits for the end of a process that leads a group and returns how it ended. When
// ctx ends, it asks the process to stop; what has not ended by then or by the limit it
// kills with the whole group.
func follow(ctx context.Context, leader *os.Process, done <-chan error, limit time.Duration, watch rig.Watch) error {
	start := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	end, asked := time.After(limit), ctx.Done()
	hung := false
	for {
		select {
		case err := <-done:
			if errors.Is(err, exec.ErrWaitDelay) {
				killGroup(leader.Pid) // a child has its output open
			}
			if hung {
				return errHung
			}
			return err
		case <-asked:
			asked, end = nil, time.After(stopGrace)
			leader.Signal(syscall.SIGTERM)
		case <-end:
			hung = ctx.Err() == nil
			killGroup(leader.Pid)
		case <-tick.C:
			if watch != nil {
				watch(0, time.Since(start))
			}
		}
	}
}

// killGroup kills all processes of a group that has been seen since; none is no mistake.
func killGroup(leader int) { syscall.Kill(-leader, syscall.SIGKILL) }

func millis(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}
