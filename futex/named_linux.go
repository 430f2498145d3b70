package futex

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const semDir = "/dev/shm"

// OpenSemaphore opens a semaphore that is there. Its errors are os.ErrNotExist,
// os.ErrPermission, those of InitSemaphore, and os.ErrInvalid for a file that is no semaphore.
func OpenSemaphore(name string) (*NamedSemaphore, error) {
	base, err := semBase(name)
	if err != nil {
		return nil, err
	}
	fd, err := openRetry(semDir+"/"+base, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("futex: open semaphore %q: %w", name, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("futex: semaphore %q: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size < SemaphoreSize {
		return nil, fmt.Errorf("futex: %s/%s is no semaphore: expected a file of at least %d bytes, found mode %#o and %d bytes: %w",
			semDir, base, SemaphoreSize, st.Mode, st.Size, os.ErrInvalid)
	}
	return mapSemaphore(name, fd, SemaphoreAt)
}

// CreateSemaphore makes a semaphore with the given value, for those whom perm, less the
// umask, lets write. os.ErrExist: there is one of this name. It has its value from the first moment that
// others see it, and a process killed meanwhile leaves nothing.
func CreateSemaphore(name string, value uint32, perm fs.FileMode) (*NamedSemaphore, error) {
	base, err := semBase(name)
	if err != nil {
		return nil, err
	}
	fd, err := openRetry(semDir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, uint32(perm.Perm()))
	if err != nil {
		return nil, fmt.Errorf("futex: make semaphore %q: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Fallocate(fd, 0, 0, SemaphoreSize); err != nil { // no memory: now, not by a fault
		return nil, fmt.Errorf("futex: make semaphore %q: %w", name, err)
	}
	s, err := mapSemaphore(name, fd, func(mem []byte) (*Semaphore, error) { return InitSemaphore(mem, value) })
	if err != nil {
		return nil, err
	}
	// By way of /proc, for AT_EMPTY_PATH needs a capability.
	if err := unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, semDir+"/"+base, unix.AT_SYMLINK_FOLLOW); err != nil {
		return nil, errors.Join(fmt.Errorf("futex: make semaphore %q: %w", name, err), s.Close())
	}
	return s, nil
}

// RemoveSemaphore is sem_unlink: those who have the semaphore open keep it.
func RemoveSemaphore(name string) error {
	base, err := semBase(name)
	if err != nil {
		return err
	}
	if err := unix.Unlink(semDir + "/" + base); err != nil {
		return fmt.Errorf("futex: remove semaphore %q: %w", name, err)
	}
	return nil
}

// Close unmaps the semaphore. Nobody may use it any more, nor wait in it.
func (s *NamedSemaphore) Close() error {
	if s.mem == nil {
		return nil
	}
	mem := s.mem
	s.mem = nil
	return unix.Munmap(mem)
}

func mapSemaphore(name string, fd int, at func(mem []byte) (*Semaphore, error)) (*NamedSemaphore, error) {
	mem, err := unix.Mmap(fd, 0, SemaphoreSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("futex: map semaphore %q: %w", name, err)
	}
	s, err := at(mem)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("semaphore %q: %w", name, err), unix.Munmap(mem))
	}
	return &NamedSemaphore{*s, mem}, nil
}

func openRetry(path string, flags int, perm uint32) (int, error) {
	for {
		fd, err := unix.Open(path, flags, perm)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
