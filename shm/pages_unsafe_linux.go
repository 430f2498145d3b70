package shm

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapAligned maps a file at an address that huge pages can have: mmap aligns to
// small pages only. It reports false where that cannot be done or is no use.
func mapAligned(fd, size int, readOnly bool) (mem []byte, unmap func() error, ok bool) {
	huge := uintptr(hugeSize())
	length := uintptr(size)
	if huge == 0 || length < huge || length+huge < length {
		return nil, nil, false
	}
	// Reserve more than needed, map the file into the aligned part, free the rest.
	room, err := unix.MmapPtr(-1, 0, nil, length+huge, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, nil, false
	}
	head := -uintptr(room) & (huge - 1)
	at := unsafe.Add(room, head)
	prot := unix.PROT_READ | unix.PROT_WRITE
	if readOnly {
		prot = unix.PROT_READ
	}
	if _, err := unix.MmapPtr(fd, 0, at, length, prot, unix.MAP_SHARED|unix.MAP_FIXED); err != nil {
		_ = unix.MunmapPtr(room, length+huge)
		return nil, nil, false
	}
	if head > 0 {
		_ = unix.MunmapPtr(room, head)
	}
	_, end := span(unsafe.Slice((*byte)(at), size))
	tail := end - uintptr(at)
	if rest := length + huge - head - tail; rest > 0 {
		_ = unix.MunmapPtr(unsafe.Add(at, tail), rest)
	}
	return unsafe.Slice((*byte)(at), size), func() error { return unix.MunmapPtr(at, length) }, true
}

// mapGuarded maps a file with a page that nobody may touch before and behind it.
func mapGuarded(fd, size int, readOnly bool) (mem []byte, unmap func() error, err error) {
	page := uintptr(os.Getpagesize())
	length := (uintptr(size) + page - 1) &^ (page - 1)
	whole := length + 2*page
	room, err := unix.MmapPtr(-1, 0, nil, whole, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, nil, err
	}
	unmap = func() error { return unix.MunmapPtr(room, whole) }
	prot := unix.PROT_READ
	if !readOnly {
		prot |= unix.PROT_WRITE
	}
	at := unsafe.Add(room, page)
	if _, err := unix.MmapPtr(fd, 0, at, length, prot, unix.MAP_SHARED|unix.MAP_FIXED); err != nil {
		_ = unmap()
		return nil, nil, err
	}
	return unsafe.Slice((*byte)(at), size), unmap, nil
}

// span returns the mapped pages of mem.
func span(mem []byte) (base, end uintptr) {
	page := uintptr(os.Getpagesize())
	base = uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	return base, (base + uintptr(len(mem)) + page - 1) &^ (page - 1)
}
