package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/typeset"
)

// Vyukov runs bin, built from rivals/vyukov_mpmc.cpp for l.Slots messages.
func Vyukov(ctx context.Context, bin string, l Load) (Result, error) {
	// The program is tied to this thread's life.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	args := []string{
		"--producers", strconv.Itoa(l.Producers), "--consumers", strconv.Itoa(l.Consumers),
		"--duration", strconv.FormatInt(l.Duration.Milliseconds(), 10), "--warm-up", strconv.FormatInt(max(1, l.WarmUp.Milliseconds()), 10),
	}
	if len(l.CPUs) == 2 {
		args = append(args, "--cpus", fmt.Sprintf("%d,%d", l.CPUs[0], l.CPUs[1]))
	}
	cmd := exec.CommandContext(ctx, bin, args...) // its children die with it
	rig.TetherApart(cmd)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		return Result{}, fmt.Errorf("vyukov: %w: %s", err, typeset.FirstLine(errs.String()))
	}
	var r Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, fmt.Errorf("vyukov printed no result: %w", err)
	}
	return r, nil
}
