package feed

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// vector writes from many places by one system call, writev(2), waiting in the
// runtime's poller where the file is in it.
type vector struct {
	raw syscall.RawConn
	iov [][]byte
	put func(fd int, iov [][]byte) (int, error)

	// Of the call at hand, for the callback that is made once.
	n    int
	err  error
	step func(fd uintptr) bool
}

// iovMax is how many places Linux and the BSDs take at once.
const iovMax = 1024

func newVector(raw syscall.RawConn) *vector {
	v := &vector{raw: raw, put: unix.Writev}
	if own, ok := raw.(interface {
		writev(fd int, iov [][]byte) (int, error)
	}); ok {
		v.put = own.writev // of a file that must not wait
	}
	v.step = func(fd uintptr) bool {
		v.err = again(func() (err error) {
			v.n, err = v.put(int(fd), v.iov[:min(len(v.iov), iovMax)])
			return err
		})
		return v.err != unix.EAGAIN
	}
	return v
}

// write writes the pieces, in order, and returns how many bytes of them were written.
func (v *vector) write(scratch []byte, pieces []piece) (written int, err error) {
	all := v.iov[:0]
	for _, p := range pieces {
		b := p.place
		if b == nil {
			b = scratch[p.from:p.to]
		}
		all = append(all, b)
	}
	defer func() { clear(all); v.iov = all[:0] }()
	v.iov = all
	for len(v.iov) > 0 {
		if err := v.raw.Write(v.step); err != nil {
			return written, err
		}
		if v.err != nil {
			return written, v.err
		}
		if v.n == 0 {
			return written, io.ErrUnexpectedEOF
		}
		written += v.n
		v.advance(v.n)
	}
	return written, nil
}

// advance leaves the first n bytes out.
func (v *vector) advance(n int) {
	for n > 0 && n >= len(v.iov[0]) {
		n -= len(v.iov[0])
		v.iov = v.iov[1:]
	}
	if n > 0 {
		v.iov[0] = v.iov[0][n:]
	}
}
