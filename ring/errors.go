package ring

import (
	"errors"
	"os"

	"annulus/internal/element"
	"annulus/internal/layout"
	"annulus/shm"
)

// Ordinary answers of the Try operations, returned bare: compare with ==. So is
// io.EOF, of consumers: the producer has closed and all is received.
var (
	// ErrFull, of sends and reservations: the space that the message needs was not
	// seen released yet. It is about that place alone: in an MPMC ring a consumer that
	// holds it, or a call under way, is enough. It may be stale, by the time a
	// store takes to become visible: see docs/spec/memory-order.md, "What Full and Empty mean".
	ErrFull = errors.New("ring: full")
	// ErrEmpty, of receives and peeks: the next message was not seen committed yet. In an
	// MPMC ring a send that is under way, or was stopped, keeps back those behind it,
	// although their sends have returned. It may be stale as ErrFull may.
	ErrEmpty = errors.New("ring: empty")
)

// Errors of endpoints, wrapped: find them with errors.Is.
var (
	// ErrClosed, of every call: the endpoint or its ring handle was closed here;
	// of sends and reservations too: the consumer has closed or wants no more.
	ErrClosed = os.ErrClosed
	// ErrTooLarge, of sends, Reserve and Stage: the message is longer than
	// Config.MaxMessage or than its reservation.
	ErrTooLarge = errors.New("message too large")
	// ErrSize, of sends, Reserve and Stage: the message is not of the ring's slot
	// size, or its size is negative; of Create: so is it of the element type.
	ErrSize = errors.New("message of the wrong size")
	// ErrAttached, of Ring.Producer and Ring.Consumer: the role is held by a live
	// endpoint, or in a ring of many every place is.
	ErrAttached = errors.New("role already taken")
	// ErrReserved, of sends and Reserve: a reservation is open; Commit, Stage or
	// Abort it first.
	ErrReserved = errors.New("a reservation is open: Commit, Stage or Abort it first")
	// ErrNotReserved, of Commit and Stage: there is no reservation to commit.
	ErrNotReserved = errors.New("no reservation is open: Reserve first, then fill it, then Commit or Stage")
	// ErrCorrupt, of every call: shared memory holds what no correct peer writes.
	// The endpoint is dead for every purpose but Close.
	ErrCorrupt = errors.New("ring corrupt")
	// ErrRemoved, of calls that wait: the ring lost its name and its other side is
	// gone: nobody can ever come. Of a ring by Offer or Accept: its peer's end of the
	// socket is closed; then it is of all sends and reservations.
	ErrRemoved = errors.New("ring removed")
	// ErrTruncated, of every call: the file under the ring became shorter. The
	// endpoint is dead as with ErrCorrupt.
	ErrTruncated = shm.ErrTruncated
)

// Errors of Create, Open and the endpoint constructors, wrapped.
var (
	// ErrMismatch, of OpenOrCreate, NewProducerOf and NewConsumerOf: the ring is
	// not of the kind, type or geometry asked for.
	ErrMismatch = errors.New("ring of another kind")
	// ErrPointers, of Create with SlotsOf, NewProducerOf and NewConsumerOf: the
	// element type holds pointers.
	ErrPointers = element.ErrPointers
	// ErrNotRing, of Open and Attach, as all that follow: the memory does not begin
	// as a ring does.
	ErrNotRing = layout.ErrMagic
	// ErrEndian: the ring is of a machine with the other byte order.
	ErrEndian = layout.ErrEndian
	// ErrNotReady: its creator is still at work, or died at it.
	ErrNotReady = layout.ErrNotReady
	// ErrVersion: the layout has another major version.
	ErrVersion = layout.ErrVersion
	// ErrFeature: the ring requires what this program or call cannot do; of
	// Ring.Producer and Ring.Consumer too: eventfds without WithEventfds.
	ErrFeature = layout.ErrFeature
	// ErrChecksum: the header is damaged.
	ErrChecksum = layout.ErrChecksum
	// ErrGeometry, of Create and Config.Validate too: sizes that no ring can have.
	ErrGeometry = layout.ErrGeometry
	// ErrShort: the memory is shorter than the ring in it.
	ErrShort = layout.ErrShort
)

// closedError is an ErrClosed that says what is closed: the text of os.ErrClosed
// speaks of a file.
type closedError string

func (e closedError) Error() string { return string(e) }

func (closedError) Unwrap() error { return ErrClosed }
