package futex

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Operations of futex(2). Without FUTEX_PRIVATE_FLAG (128) they reach other processes.
const (
	opWait = 0
	opWake = 1
)

// futex2SizeU32 is FUTEX2_SIZE_U32 of linux/futex.h: a shared 32-bit word.
const futex2SizeU32 = 2

// kernelTimespec is struct __kernel_timespec, 64-bit on every architecture.
type kernelTimespec struct {
	Sec, Nsec int64
}

// futexWaitv is struct futex_waitv of linux/futex.h.
type futexWaitv struct {
	val   uint64
	uaddr uint64
	flags uint32
	_     uint32
}

// futexWait sleeps without a limit; signals restart it in the kernel.
func futexWait(addr *atomic.Uint32, val uint32) syscall.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), opWait, uintptr(val), 0, 0, 0)
	return errno
}

// futexWaitFor sleeps for at most d. It gives its P away at once, as the runtime
// itself does where it knows that it will block: left to Syscall6, the P is
// watched by the runtime's monitor for 10 ms first, some 70 wake-ups of that
// thread for each sleep, which is what an idle ring would cost.
//
//go:nosplit
func futexWaitFor(addr *atomic.Uint32, val uint32, d time.Duration) syscall.Errno {
	ts := unix.NsecToTimespec(int64(d))
	entersyscallblock()
	_, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), opWait, uintptr(val),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	exitsyscall()
	return errno
}

// The runtime keeps these two for packages like this one: see their comments in
// runtime/proc.go, and go.dev/issue/67401.

//go:linkname entersyscallblock runtime.entersyscallblock
func entersyscallblock()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// futexWaitHeld is futexWaitFor with the P kept: see wait.
func futexWaitHeld(addr *atomic.Uint32, val uint32, d time.Duration) syscall.Errno {
	ts := unix.NsecToTimespec(int64(d))
	_, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), opWait, uintptr(val),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	return errno
}

func futexWake(addr *atomic.Uint32, n int) (int, syscall.Errno) {
	woken, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), opWake, uintptr(n), 0, 0, 0)
	return int(woken), errno
}

// futexWaitAny sleeps on at most MaxWaiters words, until the instant if timed.
func futexWaitAny(ws []Waiter, timed bool, until kernelTimespec) (int, syscall.Errno) {
	var vs [MaxWaiters]futexWaitv
	for i, w := range ws {
		vs[i] = futexWaitv{
			val:   uint64(w.Val),
			uaddr: uint64(uintptr(unsafe.Pointer(w.Addr))),
			flags: futex2SizeU32,
		}
	}
	ts := &until
	if !timed {
		ts = nil
	}
	woken, _, errno := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(&vs)), uintptr(len(ws)), 0,
		uintptr(unsafe.Pointer(ts)), unix.CLOCK_MONOTONIC, 0)
	runtime.KeepAlive(ws) // vs holds the addresses as numbers
	return int(woken), errno
}
