package rig

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Tether makes the kernel kill cmd's process when the calling thread dies. The
// caller has locked its goroutine to the thread until the process has ended.
func Tether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// AllowedCPUs lists the CPUs this process may run on, in order.
func AllowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	var cpus []int
	for cpu, left := 0, set.Count(); left > 0; cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
			left--
		}
	}
	return cpus, nil
}

// startPinned starts cmd on the given CPUs: the calling thread, to which the
// caller has locked its goroutine, moves there for the moment of the start, so
// that every thread of the child is born there.
func startPinned(cmd *exec.Cmd, cpus []int) error {
	if len(cpus) == 0 {
		return cmd.Start()
	}
	var before, during unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	for _, cpu := range cpus {
		during.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &during); err != nil {
		return fmt.Errorf("cannot pin to CPUs %v: %w", cpus, os.NewSyscallError("sched_setaffinity", err))
	}
	startErr := cmd.Start()
	if err := unix.SchedSetaffinity(0, &before); err != nil && startErr == nil {
		cmd.Process.Kill()
		cmd.Wait()
		return os.NewSyscallError("sched_setaffinity", err)
	}
	return startErr
}

// AnonymousFile returns an empty file without a name, for memory that processes share.
func AnonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("ringbench", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "ringbench control page"), nil
}
