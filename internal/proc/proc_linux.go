// Package proc tells which process this is, and which run of the kernel.
package proc

import (
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"sync"
)

// BootID identifies this run of the kernel; zero where it is not to be had.
var BootID = sync.OnceValue(func() (id [16]byte) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	if b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", "")); err == nil {
		copy(id[:], b)
	}
	return id
})

// StartTime is this process' start in clock ticks since boot, which together
// with its PID names it; 0 where it is not to be had.
var StartTime = sync.OnceValue(func() uint64 {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	// The command name, field 2, may hold blanks: count from its closing bracket.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0
	}
	n, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return 0
	}
	return n
})

// Stopped tells whether process pid, if it is the one that started at start, is
// stopped by a signal or a debugger.
func Stopped(pid int, start uint64) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 || string(fields[19]) != strconv.FormatUint(start, 10) {
		return false
	}
	return fields[0][0] == 'T' || fields[0][0] == 't'
}
