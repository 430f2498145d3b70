package ring

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"annulus/internal/layout"
	"annulus/internal/within"
	"annulus/shm"
)

// What is said over the socket, docs/spec/layout-v1.md section 13:
//
//	Offer                      Accept
//	offer, its memory    ->
//	                     <-    accept, its memory
//	ready                ->
//
// or, in place of accept or ready, a refusal. A memory follows its message by SCM_RIGHTS.

const (
	helloMagic   uint64 = 0x1A_52_45_45_50_4E_4E_41 // the bytes "ANNPEER", 0x1A
	helloVersion uint32 = 1

	helloOffer  uint32 = 1
	helloAccept uint32 = 2
	helloReady  uint32 = 3
	helloRefuse uint32 = 4
)

// hello is a message of the handshake.
type hello struct {
	Magic   uint64
	Version uint32
	What    uint32
	Role    uint32 // of who says it
	_       [3]uint32
}

// helloSize is the bytes of a hello.
var helloSize = binary.Size(hello{})

// handshake is one side of an Offer or Accept under way.
type handshake struct {
	conn    *net.UnixConn
	mine    Role
	options options
	cred    Cred
	own     *shm.Region
	far     *shm.Region
}

// meet looks at the peer, lets both sides agree by agree, and ends what is begun when they do not.
func meet(ctx context.Context, conn *net.UnixConn, mine Role, opts []Option, agree func(*handshake) (*Ring, error)) (_ *Ring, err error) {
	h := &handshake{conn: conn, mine: mine, options: collect(opts)}
	if err := h.admissible(); err != nil {
		return nil, err
	}
	restore := within.Bind(ctx, conn)
	defer func() { err = restore(err) }()
	r, err := agree(h)
	if err == nil {
		r.apart.stop, err = watch(conn, r.desert)
	}
	if err == nil {
		return r, nil
	}
	for _, m := range []*shm.Region{h.own, h.far} {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
	}
	return nil, err
}

// admissible checks the arguments, the socket and who is at its other end.
func (h *handshake) admissible() error {
	o := &h.options
	switch {
	case !h.mine.valid():
		return fmt.Errorf("%w: role is %v, want AsProducer or AsConsumer", os.ErrInvalid, h.mine)
	case o.efdData != nil || o.efdSpace != nil:
		return fmt.Errorf("%w: eventfds, which both sides could drain; leave WithEventfds out", errors.ErrUnsupported)
	case o.limit < 0:
		return fmt.Errorf("%w: limit of %d bytes, want a positive number", os.ErrInvalid, o.limit)
	}
	if o.limit == 0 {
		o.limit = DefaultLimit
	}
	o.limit = min(o.limit, math.MaxInt)
	if o.policy == nil {
		o.policy = sameUser
	}
	var err error
	if h.cred, err = peerCred(h.conn); err != nil {
		return err
	}
	if err := o.policy(h.cred); err != nil {
		return fmt.Errorf("%w: %w", ErrPeer, err)
	}
	return nil
}

// say sends a message, and this side's memory behind it.
func (h *handshake) say(what uint32, memory *shm.Region) error {
	b, err := binary.Append(nil, binary.LittleEndian, hello{Magic: helloMagic, Version: helloVersion, What: what, Role: uint32(h.mine)})
	if err != nil {
		return err
	}
	if _, err := h.conn.Write(b); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if memory == nil {
		return nil
	}
	f, err := memory.Copy()
	if err != nil {
		return err
	}
	defer f.Close()
	return shm.SendFiles(h.conn, f)
}

// hear receives the message that is due.
func (h *handshake) hear(due uint32) error {
	b := make([]byte, helloSize)
	if _, err := io.ReadFull(h.conn, b); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = fmt.Errorf("the peer has closed the socket: %w", io.ErrUnexpectedEOF)
		}
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	var m hello
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, &m); err != nil {
		return err
	}
	switch {
	case m.Magic != helloMagic:
		return fmt.Errorf("%w: the peer begins with %#016x, expected %#016x; does it call Offer or Accept?", ErrHandshake, m.Magic, helloMagic)
	case m.Version != helloVersion:
		return fmt.Errorf("%w: the peer speaks version %d, this program %d", ErrHandshake, m.Version, helloVersion)
	case m.What == helloRefuse:
		return fmt.Errorf("%w, %v: it knows why", ErrRefused, h.cred)
	case m.What != due:
		return fmt.Errorf("%w: the peer says %d, expected %d (1 offer, 2 accept, 3 ready); one side calls Offer, the other Accept", ErrHandshake, m.What, due)
	case Role(m.Role) != h.mine.other():
		return h.refuse(fmt.Errorf("%w: the peer is the %v too; one side is the producer, the other the consumer", ErrMismatch, h.mine))
	}
	return nil
}

// refuse tells the peer that this side does not go on.
func (h *handshake) refuse(why error) error {
	// The peer may be gone, or not listen: why is what the caller has to know.
	_ = h.say(helloRefuse, nil)
	return why
}

// fetch receives the peer's memory, of at least and at most so many bytes, and returns
// what its header says.
func (h *handshake) fetch(least, most uint64) (g layout.Geometry, header layout.Header, err error) {
	files, err := shm.ReceiveFiles(h.conn, 1)
	if err != nil {
		return g, header, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	if h.far, err = shm.FromSealed(files[0], int(least), int(most)); err != nil {
		shm.Discard(files[0]) // whatever it is
		return g, header, err
	}
	files[0].Close()
	raw := bytes.Clone(h.far.Bytes()[:layout.HeaderSize]) // once: the peer can write it still
	role := uint32(h.mine.other())
	size := uint64(h.far.Size())
	if g, header, err = layout.DecodePart(raw, size, role); err != nil {
		return g, header, err
	}
	if want := pages(g.PartSize(role)); size != want {
		return g, header, fmt.Errorf("%w: the peer's memory has %d bytes, want %d", ErrMismatch, size, want)
	}
	return g, header, nil
}

// provide makes this side's memory.
func (h *handshake) provide(g layout.Geometry, id layout.Identity) (err error) {
	role := uint32(h.mine)
	format := func(b []byte) error { layout.FormatPart(b, g, id, role); return nil }
	h.own, err = shm.Sealed("annulus-"+h.mine.String(), int(g.PartSize(role)), append(h.options.region, shm.WithInit(format))...)
	return err
}

func (h *handshake) offer(ctx context.Context, c Config) (*Ring, error) {
	c = c.withDefaults()
	g, err := c.geometry()
	if err != nil {
		return nil, err
	}
	if c.Topology != SPSC {
		return nil, misfit("Topology is %v, but between processes that do not trust each other a ring is SPSC; leave it out", c.Topology)
	}
	id := identity(c, h.options)
	if err := h.provide(g, id); err != nil {
		return nil, err
	}
	if err := h.say(helloOffer, h.own); err != nil {
		return nil, err
	}
	if err := h.hear(helloAccept); err != nil {
		return nil, err
	}
	size := pages(g.PartSize(uint32(h.mine.other())))
	theirs, header, err := h.fetch(size, size)
	if err == nil && (theirs != g || header.Fingerprint != id.Fingerprint) {
		err = fmt.Errorf("%w: the peer has answered with %+v, expected %+v", ErrMismatch, theirs, g)
	}
	if err != nil {
		return nil, h.refuse(err)
	}
	if err := h.say(helloReady, nil); err != nil {
		return nil, err
	}
	return h.ring(ctx, g, id)
}

func (h *handshake) accept(ctx context.Context, want Config) (*Ring, error) {
	if want.err != nil {
		return nil, want.err
	}
	if err := h.hear(helloOffer); err != nil {
		return nil, err
	}
	g, header, err := h.fetch(layout.HeaderSize, uint64(h.options.limit))
	if err == nil {
		err = want.accepts(configOf(g, &header))
	}
	if mine := g.PartSize(uint32(h.mine)); err == nil && mine > uint64(h.options.limit) {
		err = fmt.Errorf("%w: the ring takes %d bytes here, at most %d are allowed; see WithLimit", ErrMismatch, mine, h.options.limit)
	}
	// The name of the elements is the peer's word: for people, and not to be repeated to them.
	id := identity(Config{element: want.element, fingerprint: header.Fingerprint}, h.options)
	if err == nil {
		err = h.provide(g, id)
	}
	if err != nil {
		return nil, h.refuse(err)
	}
	if err := h.say(helloAccept, h.own); err != nil {
		return nil, err
	}
	if err := h.hear(helloReady); err != nil {
		return nil, err
	}
	return h.ring(ctx, g, id)
}

// ring makes the handle once both sides have both memories.
func (h *handshake) ring(ctx context.Context, g layout.Geometry, id layout.Identity) (*Ring, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw := bytes.Clone(h.own.Bytes()[:layout.HeaderSize])
	_, header, err := layout.DecodePart(raw, uint64(h.own.Size()), uint32(h.mine))
	if err != nil {
		return nil, err
	}
	return newApart(h.own, h.far, g, header, h.mine, h.cred, h.options)
}

// pages rounds up to whole pages, as regions are.
func pages(n uint64) uint64 { return layout.Align(n, uint64(unix.Getpagesize())) }
