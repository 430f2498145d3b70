package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// asFiltered makes the test binary refuse membarrier before it behaves as ringbench: "refuse" as
// a kernel without it would, "kill" by ending who calls it.
const asFiltered = "RINGBENCH_TEST_FILTER"

func init() {
	how := os.Getenv(asFiltered)
	if how == "" {
		return
	}
	if err := withoutMembarrier(how == "kill"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// withoutMembarrier installs a filter of system calls for all threads.
func withoutMembarrier(kill bool) error {
	answer := uint32(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS))
	if kill {
		answer = unix.SECCOMP_RET_KILL_PROCESS
	}
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_MEMBARRIER},
		{Code: unix.BPF_RET | unix.BPF_K, K: answer},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog))); errno != 0 {
		return errno
	}
	return nil
}
