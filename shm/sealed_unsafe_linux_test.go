package shm

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func before(b []byte) byte { return *(*byte)(unsafe.Add(unsafe.Pointer(&b[0]), -1)) }

func behind(b []byte) byte { return *(*byte)(unsafe.Add(unsafe.Pointer(&b[0]), len(b))) }

// resident counts the pages of b that are in memory.
func resident(t *testing.T, b []byte) (n int) {
	t.Helper()
	pages := make([]byte, (len(b)+unix.Getpagesize()-1)/unix.Getpagesize())
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&pages[0])))
	if errno != 0 {
		t.Fatal(errno)
	}
	for _, p := range pages {
		n += int(p & 1)
	}
	return n
}

// writeSelf stores to b as a debugger would, past what the mapping allows.
func writeSelf(b []byte) error {
	f, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte("x"), int64(uintptr(unsafe.Pointer(&b[0]))))
	return err
}
