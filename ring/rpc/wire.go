package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"annulus/ring"
)

// Errors of calls, wrapped: find them with errors.Is.
var (
	// ErrNoServer: none is there, or it is gone. Whether a call that was under way
	// took effect is not known. A client goes on with the next server after a kill;
	// after an orderly Close of the server, Dial again.
	ErrNoServer = errors.New("no server")
	// ErrNoMethod: the server does not know the method.
	ErrNoMethod = errors.New("no such method")
	// ErrExpired: the deadline of the call had passed before the server came to it;
	// it was not run. Callers get it together with context.DeadlineExceeded.
	ErrExpired = errors.New("expired before it was run")
	// ErrClosed: the client or server was closed here.
	ErrClosed = ring.ErrClosed
	// ErrTooLarge: the request or the reply does not fit into its ring: see Config.
	ErrTooLarge = ring.ErrTooLarge
)

// RemoteError is what a handler has returned.
type RemoteError struct {
	Method string
	Text   string
}

func (e *RemoteError) Error() string { return fmt.Sprintf("rpc: %s: %s", e.Method, e.Text) }

// A request and a reply, little-endian:
//
//	request:  0 call  8 deadline  16 method  24 place  28 zero  32 payload
//	reply:    0 call  8 status   12 zero     16 payload
//
// call is the client's random 32 bits above a count, 0 in a reply that answers none: see greeting; deadline is
// in nanoseconds of Unix time, 0: none, or beyond what that can say; method is the FNV-1a hash of the name; place is that of the client
// in the endpoint table, and so the number of its ring of replies.
const (
	requestHead = 32
	replyHead   = 16
)

const (
	statusOK = iota
	statusError
	statusNoMethod
	statusExpired
	statusTooLarge
)

// Numbers of no call.
const (
	// greeting: a server says by it to the clients that it finds that it is a new one. What they
	// asked for before, and have no answer to, its predecessor took with it.
	greeting = 0
	// nobody: the request is made for the sake of the server's look at the ring of replies.
	nobody = 1<<64 - 1
)

func methodID(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

type request struct {
	call     uint64
	deadline int64
	method   uint64
	place    uint32
}

func (r *request) put(b []byte) {
	binary.LittleEndian.PutUint64(b, r.call)
	binary.LittleEndian.PutUint64(b[8:], uint64(r.deadline))
	binary.LittleEndian.PutUint64(b[16:], r.method)
	binary.LittleEndian.PutUint32(b[24:], r.place)
	binary.LittleEndian.PutUint32(b[28:], 0)
}

func (r *request) get(b []byte) bool {
	if len(b) < requestHead {
		return false
	}
	r.call = binary.LittleEndian.Uint64(b)
	r.deadline = int64(binary.LittleEndian.Uint64(b[8:]))
	r.method = binary.LittleEndian.Uint64(b[16:])
	r.place = binary.LittleEndian.Uint32(b[24:])
	return true
}

// deadline is what a request says of the end of ctx.
func deadline(ctx context.Context) int64 {
	t, ok := ctx.Deadline()
	if !ok || t.Unix() >= math.MaxInt64/int64(time.Second) {
		return 0
	}
	return t.UnixNano()
}

// putReply fills b, which has room for both, with the head of a reply and its payload.
func putReply(b []byte, call uint64, status uint32, payload []byte) {
	binary.LittleEndian.PutUint64(b, call)
	binary.LittleEndian.PutUint32(b[8:], status)
	binary.LittleEndian.PutUint32(b[12:], 0)
	copy(b[replyHead:], payload)
}

// replyName is the name of the ring of replies to the client at a place.
func replyName(name string, place int) string { return fmt.Sprintf("%s.reply.%d", name, place) }

func isRequests(r *ring.Ring) error { return is(r, ring.MPSC) }
func isReplies(r *ring.Ring) error  { return is(r, ring.SPSC) }

func is(r *ring.Ring, want ring.Topology) error {
	if c := r.Config(); c.Topology != want || c.Kind != ring.Bytes {
		return fmt.Errorf("ring %q is no server's: %w: %v of kind %v, want %v of kind %v", r.Name(), ring.ErrMismatch, c.Topology, c.Kind, want, ring.Bytes)
	}
	return nil
}
