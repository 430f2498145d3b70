package feed

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// heard is a connection that is only written to: what the peer sends is read and thrown away,
// so that the peer's end is noticed, TLS's refusals arrive, and closing it does not
// reset it.
type heard struct {
	net.Conn
	over func(error) // called when the peer is gone; may be nil
	done chan struct{}
	err  atomic.Pointer[error]

	doubted atomic.Bool // the peer may refuse this side yet
	accepts ticket      // closed when it has accepted it
	patient *time.Timer // until it would have refused it
}

// hear reads from c until it is closed.
func hear(c net.Conn, over func(error)) *heard {
	h := &heard{Conn: c, over: over, done: make(chan struct{})}
	go h.read()
	return h
}

// acceptTime is how long a TLS server that sends no tickets has to refuse a client: some round
// trips.
const acceptTime = time.Second

// hearDoubted is hear, where the peer may refuse this side yet.
func hearDoubted(c net.Conn, accepts ticket) *heard {
	h := &heard{Conn: c, done: make(chan struct{}), accepts: accepts}
	h.doubted.Store(true)
	h.patient = time.AfterFunc(acceptTime, func() { h.doubted.Store(false) })
	go h.read()
	return h
}

func (h *heard) read() {
	defer close(h.done)
	buf := make([]byte, 512)
	for {
		_, err := h.Conn.Read(buf)
		if err == nil {
			continue
		}
		if err == io.EOF || errors.Is(err, net.ErrClosed) {
			return // the peer may still read
		}
		h.err.Store(&err)
		if h.over != nil {
			h.over(err)
		}
		return
	}
}

// failed is why the peer is gone; nil: it is not known to be.
func (h *heard) failed() error {
	if err := h.err.Load(); err != nil {
		return *err
	}
	return nil
}

// accepted tells whether the peer takes what its kernel has.
func (h *heard) accepted() bool {
	if !h.doubted.Load() {
		return true
	}
	select {
	case <-h.accepts:
		h.doubted.Store(false)
		return true
	default:
		return false
	}
}

// Close is net.Conn.Close. It leaves nobody reading.
func (h *heard) Close() error {
	err := h.Conn.Close()
	<-h.done
	if h.patient != nil {
		h.patient.Stop()
	}
	return err
}
