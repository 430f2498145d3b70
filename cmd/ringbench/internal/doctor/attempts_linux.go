package doctor

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"annulus/futex"
	"annulus/shm"
)

// trials use the engine itself where it can be asked.
var trials = []trial{
	{"mapping", tryMapping},
	{"futex", tryFutex},
	{"ofd-locks", func() (string, error) { return locked(shm.Memfd("ringbench-doctor", 4096)) }},
	{"membarrier", tryMembarrier},
	{"futex_waitv", tryWaitAny},
	{"unnamed-files", tryUnnamed},
	{"memfd", func() (string, error) { return region(shm.Memfd("ringbench-doctor", 4096)) }},
	{"future-write-seal", func() (string, error) { return region(shm.Sealed("ringbench-doctor", 4096)) }},
	{"pidfd", tryPidfd},
	{"eventfd", func() (string, error) { return descriptor(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)) }},
	{"affinity", tryAffinity},
	{"signalfd", func() (string, error) { return descriptor(unix.Signalfd(-1, &unix.Sigset_t{}, unix.SFD_CLOEXEC)) }},
	{"inotify", func() (string, error) { return descriptor(unix.InotifyInit1(unix.IN_CLOEXEC)) }},
	{"huge-pages", func() (string, error) {
		return region(shm.Memfd("ringbench-doctor", 4<<20, shm.WithHugePages(shm.HugeRequire)))
	}},
	{"mqueue", func() (string, error) { return wrongly(unix.SYS_MQ_OPEN, 0, unix.EFAULT) }},
	{"sysv", func() (string, error) { return wrongly(unix.SYS_MSGCTL, ^uintptr(0), unix.EINVAL) }},
}

// region closes what was made; its notes are shortcomings.
func region(r *shm.Region, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return strings.Join(r.Notes(), "; "), r.Close()
}

func descriptor(fd int, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return "", unix.Close(fd)
}

// wrongly makes a call that must fail with the error that says that there is such a call.
func wrongly(call, arg uintptr, want syscall.Errno) (string, error) {
	switch _, _, errno := unix.Syscall6(call, arg, 0, 0, 0, 0, 0); errno {
	case want:
		return "", nil
	case 0:
		return "", errors.New("a call succeeded that should have failed")
	default:
		return "", errno
	}
}

func unnamed() (*os.File, error) {
	fd, err := unix.Open(shmDir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), shmDir), nil
}

func tryUnnamed() (string, error) {
	f, err := unnamed()
	if err != nil {
		return "", err
	}
	return "", f.Close()
}

// tryMapping does with a file without a name what creating a ring does.
func tryMapping() (note string, err error) {
	f, err := unnamed()
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL) {
		return "not tried, its file system has no files without a name", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, 4096); err != nil && err != unix.EOPNOTSUPP && err != unix.ENOSYS {
		return "", fmt.Errorf("fallocate: %w", err)
	} else if err != nil {
		if err := f.Truncate(4096); err != nil {
			return "", err
		}
	}
	return locked(shm.FromFile(f))
}

// locked takes a lock of a region, asks for another, and closes it.
func locked(r *shm.Region, err error) (string, error) {
	if err != nil {
		return "", err
	}
	err = r.TryLock(0)
	if err == nil {
		_, err = r.Locked(1)
	}
	note, closing := region(r, nil)
	return note, errors.Join(err, closing)
}

func tryFutex() (string, error) {
	var word atomic.Uint32
	if _, err := futex.Wake(&word, 1); err != nil {
		return "", err
	}
	return "", unlessChanged(futex.Wait(&word, 1, time.Now().Add(time.Second)))
}

func tryWaitAny() (string, error) {
	var word atomic.Uint32
	_, err := futex.WaitAny([]futex.Waiter{{Addr: &word, Val: 1}}, time.Now().Add(time.Second))
	if errors.Is(err, errors.ErrUnsupported) {
		err = unix.ENOSYS
	}
	return "", unlessChanged(err)
}

func unlessChanged(err error) error {
	if err == futex.ErrChanged {
		return nil
	}
	return err
}

func tryMembarrier() (string, error) {
	if os.Getenv("ANNULUS_MEMBARRIER") == "off" {
		return "ANNULUS_MEMBARRIER=off keeps rings from using it", nil
	}
	for _, command := range []uintptr{1 << 2, 1 << 1} { // register, and the barrier: both GLOBAL_EXPEDITED
		if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, command, 0, 0); errno != 0 {
			return "", errno
		}
	}
	if !futex.Barrier() {
		return "", errors.New("package futex refuses it")
	}
	return "", nil
}

func tryPidfd() (string, error) {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return "", unix.PidfdSendSignal(fd, 0, nil, 0)
}

// tryAffinity asks for what there is already.
func tryAffinity() (string, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return "", err
	}
	return "", unix.SchedSetaffinity(0, &set)
}
