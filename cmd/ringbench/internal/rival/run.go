package rival

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
)

// stopGrace is how long a program may take to stop and print.
const stopGrace = 3 * time.Second

// line is what a program prints.
type line struct {
	Messages   uint64          `json:"messages"`
	Seconds    float64         `json:"seconds"`
	CPUSeconds float64         `json:"cpu_seconds"`
	Latency    *report.Latency `json:"latency_ns"`
}

// Run runs a program that Build made for p. When ctx ends, the program stops
// and what it counted until then is the outcome. Its processes have ended when
// Run returns. watch gets no message count: the programs publish none.
func Run(ctx context.Context, r *Rival, bin string, p *rig.Params, watch rig.Watch) (rig.Outcome, error) {
	// The program is tied to this thread's life.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	args := []string{
		"--mode", string(p.Kind),
		"--duration", millis(p.Duration),
		"--warm-up", millis(p.WarmUp),
		"--batch", strconv.Itoa(p.Batch),
		"--size", strconv.Itoa(p.Size),
	}
	if len(p.CPUs) == 2 {
		args = append(args, "--cpus", fmt.Sprintf("%d,%d", p.CPUs[0], p.CPUs[1]))
	}
	// It ends by itself; one that does not is stopped like an interrupted one.
	limit, cancel := context.WithTimeout(ctx, p.WarmUp+p.Duration+stopGrace)
	defer cancel()
	cmd := exec.CommandContext(limit, bin, args...)
	rig.Tether(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return rig.Outcome{}, fmt.Errorf("%s: %w", r.Name, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	err := follow(done, watch)

	var out line
	if jsonErr := json.Unmarshal(stdout.Bytes(), &out); jsonErr != nil {
		if ctx.Err() != nil {
			return rig.Outcome{}, ctx.Err()
		}
		if text, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); text != "" {
			return rig.Outcome{}, fmt.Errorf("%s: %s", r.Name, text)
		}
		if err == nil {
			err = jsonErr
		}
		return rig.Outcome{}, fmt.Errorf("%s printed no result: %w", r.Name, err)
	}
	if out.Seconds < p.Duration.Seconds()/2 {
		// A terminal's interrupt reaches the program too, and may do so first.
		select {
		case <-ctx.Done():
		case <-time.After(stopGrace):
		}
	}
	if out.Messages == 0 && ctx.Err() == nil {
		return rig.Outcome{}, fmt.Errorf("%s: %w", r.Name, rig.NothingMeasured(p))
	}
	return rig.Outcome{Messages: out.Messages, Seconds: out.Seconds, CPUSeconds: out.CPUSeconds, Latency: out.Latency}, nil
}

func follow(done <-chan error, watch rig.Watch) error {
	start := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if watch != nil {
				watch(0, time.Since(start))
			}
		}
	}
}

func millis(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}
