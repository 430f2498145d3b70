package rig

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"annulus/internal/mem"
	"annulus/ring"
)

// Self is this binary again as a worker: command is the hidden first argument, the job,
// as JSON, the second. Its stderr is this process's; it is tied to the calling thread
// (see TetherApart). It is not started.
func Self(command string, job any) (*exec.Cmd, error) {
	arg, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, command, string(arg))
	cmd.Stderr = os.Stderr
	TetherApart(cmd)
	return cmd, nil
}

// WhileAttached calls attach until the role that it takes is free: the kernel releases a
// dead holder's lock after the process is gone for its parent. The error is attach's; it
// is given up after ten seconds.
func WhileAttached(attach func() error) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Microsecond) {
		err := attach()
		if !errors.Is(err, ring.ErrAttached) || time.Now().After(deadline) {
			return err
		}
	}
}

// Shared is memory of a file that processes share.
type Shared struct {
	mem.Ptr
	File *os.File // to be passed on
	mem  []byte
}

// NewShared makes size bytes without a name, all zero.
func NewShared(size int) (*Shared, error) {
	f, err := anonymousFile()
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(int64(size)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s, err := MapShared(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// MapShared maps the whole of a file, which it takes over: Close closes it.
func MapShared(f *os.File) (*Shared, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map memory that is shared: %w", os.NewSyscallError("mmap", err))
	}
	return &Shared{Ptr: mem.Of(b), File: f, mem: b}, nil
}

// Bytes is the memory, valid until Close.
func (s *Shared) Bytes() []byte { return s.mem }

// Close unmaps the memory. Other processes keep theirs.
func (s *Shared) Close() error {
	return errors.Join(os.NewSyscallError("munmap", unix.Munmap(s.mem)), s.File.Close())
}
