package ring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// Role is an end of a ring.
type Role uint8

const (
	// AsProducer is the end that sends.
	AsProducer Role = iota + 1
	// AsConsumer is the end that receives.
	AsConsumer
)

func (r Role) String() string {
	switch r {
	case AsProducer:
		return "producer"
	case AsConsumer:
		return "consumer"
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// other is the end that the peer has.
func (r Role) other() Role { return AsProducer + AsConsumer - r }

func (r Role) valid() bool { return r == AsProducer || r == AsConsumer }

// Cred is who the kernel says is at the other end of a socket: the process that
// connected, or called listen or socketpair, as it was then.
type Cred struct{ PID, UID, GID int }

func (c Cred) String() string {
	return fmt.Sprintf("process %d of uid %d, gid %d", c.PID, c.UID, c.GID)
}

// Errors of Offer and Accept, wrapped.
var (
	// ErrPeer: the policy does not let this peer in. It is fs.ErrPermission too.
	ErrPeer = fmt.Errorf("peer not admitted: %w", fs.ErrPermission)
	// ErrRefused: the peer has refused what was offered, or was answered.
	ErrRefused = errors.New("refused by the peer")
	// ErrHandshake: the peer said what no correct peer says.
	ErrHandshake = errors.New("handshake failed")
)

// DefaultLimit is the memory in bytes that Accept lets a peer choose.
const DefaultLimit = 64 << 20

// WithPeer says which peers Offer and Accept let in: those for which policy returns
// nil. Without it they are those of this process's effective user.
func WithPeer(policy func(Cred) error) Option { return func(o *options) { o.policy = policy } }

// WithLimit bounds the bytes of memory that a peer of Accept may have a ring take, on
// each side; default DefaultLimit.
func WithLimit(bytes int64) Option { return func(o *options) { o.limit = bytes } }

// sameUser is the policy where none is given.
func sameUser(c Cred) error {
	if euid := os.Geteuid(); c.UID != euid {
		return fmt.Errorf("expected uid %d, found %v; let it in by WithPeer", euid, c)
	}
	return nil
}

// Offer makes a ring together with the process at the other end of conn, which calls
// Accept, and which need not be trusted: whatever it writes, it can neither reach
// out of the ring nor stop this process, nor write what this one writes. mine is this
// process's end, the peer has the other one. The handle gives that one endpoint, once at
// a time.
//
// The ring is SPSC, of either kind. It lies in two memfds, each of which one of the
// processes can write and no other ever can. Once both have them the socket is only a sign of life:
// where its other end is closed, by all who have it, calls that wait return ErrRemoved,
// a producer's others too. conn stays the caller's; nobody else may use it until
// Offer has returned, and its deadlines are cleared then. It is a stream or
// seqpacket socket. Give ctx a deadline: the peer may never answer.
//
// The peer is looked at before anything is sent or read: see WithPeer. Further
// errors: ErrPeer, ErrRefused, ErrHandshake, ErrMismatch, ErrGeometry, those of shm.Sealed and
// shm.FromSealed, and, before Linux 5.1 and elsewhere, errors.ErrUnsupported. After an error
// conn is of no more use. WithRegion takes WithPrefault, WithMlock; WithEventfds is refused.
//
// See docs/guide/untrusted.md.
func Offer(ctx context.Context, conn *net.UnixConn, mine Role, c Config, opts ...Option) (*Ring, error) {
	r, err := meet(ctx, conn, mine, opts, func(h *handshake) (*Ring, error) { return h.offer(ctx, c) })
	if err != nil {
		return nil, fmt.Errorf("offer ring: %w", err)
	}
	return r, nil
}

// Accept takes the end of a ring that the process at the other end of conn offers:
// see Offer, whose errors it has. The peer chooses what ring it is, within what the
// fields of want that are not zero say (ErrMismatch) and WithLimit.
func Accept(ctx context.Context, conn *net.UnixConn, mine Role, want Config, opts ...Option) (*Ring, error) {
	r, err := meet(ctx, conn, mine, opts, func(h *handshake) (*Ring, error) { return h.accept(ctx, want) })
	if err != nil {
		return nil, fmt.Errorf("accept ring: %w", err)
	}
	return r, nil
}

// Peer returns who has the other end of a ring that was offered or accepted; ok is
// false for other rings, of which anybody may have it.
func (r *Ring) Peer() (c Cred, ok bool) {
	if r.apart == nil {
		return c, false
	}
	return r.apart.cred, true
}
