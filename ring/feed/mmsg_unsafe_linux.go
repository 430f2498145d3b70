package feed

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsg is what recvmmsg(2) and sendmmsg(2) take: messages of one or two pieces each, and
// room for what the kernel tells about each.
type mmsg struct {
	heads   []unix.Mmsghdr
	pieces  []unix.Iovec // two for each
	control []byte
	each    int // bytes of control for each
}

func newMmsg(n, control int) *mmsg {
	m := &mmsg{heads: make([]unix.Mmsghdr, n), pieces: make([]unix.Iovec, 2*n), control: make([]byte, n*control), each: control}
	for i := range m.heads {
		m.heads[i].Hdr.Iov = &m.pieces[2*i]
		m.aim(i, nil, nil)
	}
	m.ready(n)
	return m
}

// aim makes a and b the pieces of message i. What lies in a ring is let go by forget: the collector may
// find other memory at its place once it is unmapped.
func (m *mmsg) aim(i int, a, b []byte) {
	k := 0
	for _, p := range [...][]byte{a, b} {
		if len(p) > 0 {
			v := &m.pieces[2*i+k]
			v.Base = unsafe.SliceData(p)
			v.SetLen(len(p))
			k++
		}
	}
	m.heads[i].Hdr.SetIovlen(k)
}

// forget leaves the first n messages without pieces.
func (m *mmsg) forget(n int) {
	clear(m.pieces[:2*n])
}

// ready makes the room for what the kernel tells about the first n messages whole again.
func (m *mmsg) ready(n int) {
	if m.each == 0 {
		return
	}
	for i := range m.heads[:n] {
		m.heads[i].Hdr.Control = &m.control[i*m.each]
		m.heads[i].Hdr.SetControllen(m.each)
	}
}

// length is that of message i, the bytes too that found no room.
func (m *mmsg) length(i int) int { return int(m.heads[i].Len) }

// told is what the kernel told about message i.
func (m *mmsg) told(i int) []byte {
	if m.each == 0 {
		return nil
	}
	n := min(int(m.heads[i].Hdr.Controllen), m.each)
	return m.control[i*m.each:][:n]
}

// receive receives at most n messages without waiting and returns how many.
func (m *mmsg) receive(fd uintptr, n, flags int) (int, syscall.Errno) {
	m.ready(n)
	return m.call(unix.SYS_RECVMMSG, fd, n, flags|unix.MSG_DONTWAIT)
}

// send sends the first n messages, as far as it can without waiting.
func (m *mmsg) send(fd uintptr, n int) (int, syscall.Errno) {
	return m.call(unix.SYS_SENDMMSG, fd, n, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func (m *mmsg) call(number, fd uintptr, n, flags int) (int, syscall.Errno) {
	var r uintptr
	e := again(func() (e syscall.Errno) {
		r, _, e = unix.Syscall6(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(m.heads))), uintptr(n), uintptr(flags), 0, 0)
		return e
	})
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// dropsOf is how many datagrams the kernel has dropped of those that came to a socket.
func dropsOf(fd uintptr) (uint32, syscall.Errno) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return info[unix.SK_MEMINFO_DROPS], e
}
