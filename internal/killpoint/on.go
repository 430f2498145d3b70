//go:build killpoints

package killpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Enabled tells whether this build has kill points.
const Enabled = true

var (
	armed string
	left  atomic.Int64
	stops bool
)

func init() {
	name, n, ok := strings.Cut(os.Getenv(Env), ":")
	n, stops = strings.CutSuffix(n, ":stop")
	if count, err := strconv.ParseInt(n, 10, 64); ok && err == nil {
		armed = name
		left.Store(count)
	}
}

// Here is the place of that name.
func Here(name string) {
	if name != armed || left.Add(-1) != 0 {
		return
	}
	if stops {
		Stop()
		return
	}
	syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	for {
		// It is on its way.
	}
}
