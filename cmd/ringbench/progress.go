package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
)

// progress shows on stderr how far a run is: one line that is written over on
// a terminal, and a line now and then elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	head     string
	limit    string
	next     time.Duration // when the next plain line is due
}

// Where stderr is not a terminal, a measurement says that it is alive as soon
// as there are messages, or after plainFirst, and every plainEvery from then.
const (
	plainFirst = 500 * time.Millisecond
	plainEvery = 5 * time.Second
)

func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			p.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return p
}

func (b *progress) begin(i, n int, name string, p *rig.Params) {
	b.head = fmt.Sprintf("[%d/%d] %s", i, n, name)
	b.limit = "of " + p.Duration.String()
	if p.Count > 0 {
		b.limit = fmt.Sprintf("of %d messages", p.Count)
	}
	b.next = 0
	if b.terminal {
		b.over(b.head)
	} else {
		fmt.Fprintln(b.w, b.head)
	}
}

// update is the rig's Watch.
func (b *progress) update(messages uint64, elapsed time.Duration) {
	// The first plain line waits for something to tell.
	if !b.terminal && (elapsed < b.next || messages == 0 && elapsed < plainFirst) {
		return
	}
	count := ""
	if messages > 0 {
		count = ": " + report.SI(float64(messages), "") + " messages"
	}
	line := fmt.Sprintf("%s%s, %.1f s %s", b.head, count, elapsed.Seconds(), b.limit)
	if b.terminal {
		b.over(line)
	} else {
		b.next = elapsed + plainEvery
		fmt.Fprintln(b.w, line)
	}
}

func (b *progress) end() {
	if b.terminal {
		b.over("")
	}
}

// over writes over the line before.
func (b *progress) over(line string) {
	const width = 79
	fmt.Fprint(b.w, "\r", line[:min(len(line), width)], strings.Repeat(" ", max(width-len(line), 0)), "\r")
}
