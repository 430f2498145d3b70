package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Here is the machine that this process is on. Processes that try calls are started by
// self, which must come to TryMain; rings looks for rings.
func Here(self func(args ...string) *exec.Cmd, rings func() (Rings, error)) (*Machine, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("doctor knows Linux, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
	}
	return &Machine{
		Root: os.DirFS("/"),
		Kernel: Kernel{
			PID: os.Getpid(), Space: space, Writable: writable, Clock: clockCost,
			Attempts: sync.OnceValues(func() (map[string]Attempt, error) { return Try(self) }),
		},
		Rings: sync.OnceValues(rings),
	}, nil
}

// clockCost is the median of what one look at the clock costs.
func clockCost() time.Duration {
	const rounds, looks = 21, 200
	costs := make([]time.Duration, rounds)
	for i := range costs {
		begin := time.Now()
		end := begin
		for range looks {
			end = time.Now()
		}
		costs[i] = end.Sub(begin) / looks
	}
	slices.Sort(costs)
	return costs[rounds/2]
}
