package topo

import (
	"os"

	"golang.org/x/sys/unix"
)

// pin moves the calling thread to a CPU.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, &set))
}

// yield lets another thread run that waits for this CPU. The call has no errors.
func yield() { _, _, _ = unix.Syscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

// newLine returns memory of its own page, untouched.
func newLine() (line []byte, free func(), err error) {
	line, err = unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return line, func() { _ = unix.Munmap(line) }, nil
}
