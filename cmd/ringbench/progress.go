package main

import (
	"fmt"
	"io"
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
	width    int // of its lines, less than the terminal is wide
	head     string
	count    string        // of how many messages
	limit    string        // of how long
	short    bool          // too short for plain lines
	next     time.Duration // when the next plain line is due
}

// widest is how wide a line gets that is written over.
const widest = 79

// Where stderr is not a terminal, a measurement that takes longer than plainEvery
// says that it is alive as soon as there are messages, or after plainFirst, and
// every plainEvery from then.
const (
	plainFirst = 500 * time.Millisecond
	plainEvery = 5 * time.Second
)

func newProgress(w io.Writer) *progress {
	width, _ := terminalOf(w)
	return &progress{w: w, terminal: width > 0, width: min(width-1, widest)}
}

func (b *progress) begin(i, n int, name string, p *rig.Params) {
	b.head = fmt.Sprintf("[%d/%d] %s", i, n, name)
	b.limit = ""
	if p.Count == 0 {
		b.limit = " of " + tenths(p.Duration)
	}
	b.count = ""
	if p.Count > 0 {
		b.count = " of " + report.SI(float64(p.Count), "")
	}
	b.next, b.short = 0, p.Count == 0 && p.Duration <= plainEvery
	if b.terminal {
		b.over(b.head)
	} else {
		fmt.Fprintln(b.w, b.head)
	}
}

// update is the rig's Watch.
func (b *progress) update(messages uint64, elapsed time.Duration) {
	// The first plain line waits for something to tell.
	if !b.terminal && (b.short || elapsed < b.next || messages == 0 && elapsed < plainFirst) {
		return
	}
	count := ""
	if messages > 0 {
		count = ": " + report.SI(float64(messages), "") + b.count + " messages"
	}
	line := fmt.Sprintf("%s%s, %s%s", b.head, count, tenths(elapsed), b.limit)
	if b.terminal {
		b.over(line)
	} else {
		b.next = elapsed + plainEvery
		fmt.Fprintln(b.w, line)
	}
}

// tenths prints a time as 1.2s or 1h0m0s, whatever its length.
func tenths(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// note shows a step of what is no rig's measurement; where stderr is not a terminal it
// shows nothing.
func (b *progress) note(text string) {
	if b.terminal {
		b.over(text)
	}
}

func (b *progress) end() {
	if b.terminal {
		b.over("")
	}
}

// over writes over the line before.
func (b *progress) over(line string) {
	fmt.Fprint(b.w, "\r", line[:min(len(line), b.width)], strings.Repeat(" ", max(b.width-len(line), 0)), "\r")
}
