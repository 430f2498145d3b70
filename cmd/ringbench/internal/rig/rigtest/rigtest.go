// Package rigtest looks for what tests of ringbench may leave behind:
// processes, goroutines, descriptors. It reads /proc; where there is none, it
// finds nothing.
package rigtest

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Main runs the tests and returns the exit status: a failure as well when a
// child process, a goroutine or a control page outlives them.
func Main(m *testing.M) int {
	// Under -race every worker would sleep a second before it exits.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	// The first Notify starts a goroutine that stays.
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
	before := runtime.NumGoroutine()
	code := m.Run()
	var left string
	for range 100 { // goroutines may be on their last steps
		if left = leftovers(before); left == "" {
			return code
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "left behind:", left)
	return 1
}

func leftovers(goroutines int) string {
	if c := Children(os.Getpid()); len(c) > 0 {
		return fmt.Sprint("processes ", c)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		buf := make([]byte, 1<<16)
		return fmt.Sprintf("%d goroutines\n%s", n-goroutines, buf[:runtime.Stack(buf, true)])
	}
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && strings.Contains(to, "memfd:ringbench") {
			return l + " is " + to
		}
	}
	return ""
}

// Children lists the processes whose parent is pid, zombies included.
func Children(pid int) []int {
	return processes(func(s stat) bool { return s.ppid == pid })
}

// Group lists the running processes of a process group.
func Group(pgid int) []int {
	return processes(func(s stat) bool { return s.pgrp == pgid && s.state != "Z" })
}

// Below lists the processes that descend from one, and are no zombies, whatever their group.
func Below(pid int) []int {
	var all []int
	for _, child := range processes(func(s stat) bool { return s.ppid == pid && s.state != "Z" }) {
		all = append(append(all, child), Below(child)...)
	}
	return all
}

type stat struct {
	state      string
	ppid, pgrp int
}

func processes(match func(stat) bool) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var pids []int
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (name) state ppid pgrp …; the name may hold anything.
		text := string(data)
		f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(f) < 3 {
			continue
		}
		s := stat{state: f[0]}
		s.ppid, _ = strconv.Atoi(f[1])
		s.pgrp, _ = strconv.Atoi(f[2])
		if match(s) {
			pid, _ := strconv.Atoi(strings.Split(name, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}
