package ring_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// spoilt lists the words of a ring that endpoints go by. A number behind a name tells
// those of several lanes or entries apart.
func spoilt(r *ring.Ring, g layout.Geometry) map[string]*uint64 {
	b := r.Region().Bytes()
	words := map[string]*uint64{}
	for side, area := range map[string]uint64{"producers": g.ProducerArea, "consumers": g.ConsumerArea} {
		words[side+" session"] = layout.WordAt(b, area+layout.LineEndpoint*g.Stride)
		words[side+" state"] = layout.WordAt(b, area+layout.LineEndpoint*g.Stride+layout.WordSize)
		words[side+" arm"] = &layout.ArmAt(b, area, g.Stride).Arm
		words[side+" count"] = &layout.CursorAt(b, area).Messages
	}
	lanes := uint64(1)
	tail, head := &layout.CursorAt(b, g.ProducerArea).Position, &layout.CursorAt(b, g.ConsumerArea).Position
	if g.Topology == layout.TopologyMPSC {
		lanes = g.Members
	}
	second := uint64(16) // of a record of 8 bytes
	if g.Kind == layout.KindSlots {
		second = g.SlotStride
	}
	for i := range lanes {
		if g.Topology == layout.TopologyMPSC {
			tail = &layout.LaneCursorAt(b, g.LaneProducers, g.Stride, i).Position
			head = &layout.LaneCursorAt(b, g.LaneConsumers, g.Stride, i).Position
		}
		data := g.DataArea + i*g.LaneStride
		for name, w := range map[string]*uint64{
			"tail": tail, "head": head, "first word": layout.WordAt(b, data), "second word": layout.WordAt(b, data+second),
		} {
			words[name+fmt.Sprint(i)] = w
		}
	}
	switch g.Topology {
	case layout.TopologyMPMC:
		words["length"] = layout.WordAt(b, g.DataArea+layout.SlotLength)
	case layout.TopologyMPSCOrdered:
		words["length"] = words["first word0"] // and how many granules: that of a record stands in the data
		words["first word0"] = layout.WordAt(b, g.WordTable)
		words["second word0"] = layout.WordAt(b, g.WordTable+layout.WordSize)
	case layout.TopologyCast:
		words["latest"] = &layout.CursorAt(b, g.ProducerArea).Latest
		words["raised"] = &layout.EndpointAt(b, g.ProducerArea, g.Stride).Intent
	}
	for i := range min(g.Members, 2) {
		m := layout.MemberAt(b, g.MemberArea, g.Stride, i)
		for name, w := range map[string]*uint64{
			"intent": &m.Intent, "sent": &m.Sent, "drawn": &m.Drawn, "base": &m.Base, "skipped": &m.Skipped,
			"holder": layout.WordAt(b, g.MemberArea+(i*layout.MemberLines+layout.LineHolder)*g.Stride),
			"tag":    &layout.HolderAt(b, g.MemberArea, g.Stride, i).Tag,
		} {
			words[name+fmt.Sprint(i)] = w
		}
	}
	return words
}

// named tells whether word is one of names, whatever its number.
func named(word string, names []string) bool {
	for _, n := range names {
		if n == strings.TrimRight(word, "0123456789") {
			return true
		}
	}
	return false
}

// plain tells whether word says nothing of where messages are: what is harmful only there need
// not be tried.
func plain(word string) bool {
	return named(word, []string{"sent", "base", "holder", "tag", "producers session", "consumers session", "producers state", "consumers state",
		"producers arm", "consumers arm", "producers count", "consumers count"})
}

// hostile lists the values that may be harmful.
func hostile(g layout.Geometry) []uint64 {
	size := g.Capacity
	list := []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 0xFF, size - 1, size, size + 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 8,
		1<<33 | 1<<32, 3<<32 | (size - 8), 1 << 34, 1<<56 - 1, 1 << 56, 255 << 56, 255<<56 | 1, 1 << 63, 1<<63 + 1, ^uint64(0), ^uint64(7)}
	for lap := range uint64(3) {
		for state := range uint64(8) {
			list = append(list, lap<<layout.SlotLapShift|state, lap<<layout.SlotLapShift|layout.SlotRedeliverMask|state)
		}
	}
	list = append(list, 16, 24, 32, size/2, size-16, 2*size, size+16, 1<<62, 3<<62, 1<<63+size)
	if n := g.Granules; n > 0 {
		for lap := range uint64(3) {
			for state := range uint64(6) {
				list = append(list, lap*n|state)
			}
		}
		for _, span := range []uint64{0, 1, 2, n - 1, n, n + 1, 1<<32 - 1} {
			for _, length := range []uint64{0, 8, 56, 57, g.MaxMessage, g.MaxMessage + 1, 1<<32 - 1} {
				list = append(list, span<<layout.SpanShift|length)
			}
		}
		list = append(list, n-1, n, n+1, 63<<layout.GranuleIntentShift, (n+1)<<layout.GranuleIntentShift, layout.GranuleIntentMaxCount<<layout.GranuleIntentShift)
	}
	if g.Topology == layout.TopologyCast {
		for number := range uint64(4) {
			for _, length := range []uint64{0, 8, 9, size - 24, size - 8, size, g.MaxMessage, g.MaxMessage + 1, layout.CastLengthMask} {
				list = append(list, number<<layout.CastNumberShift|length, number<<layout.CastNumberShift|layout.CastPad|length)
			}
		}
	}
	return list
}

// user is somebody who sends, receives, repairs and looks at a spoilt ring.
type user struct {
	t       *testing.T
	r       *ring.Ring
	seed    int
	corrupt bool // something was found out
}

// note tells whether err is nil; what a call may not say of a spoilt ring is an error of the test.
func (u *user) note(err error) bool {
	u.t.Helper()
	switch {
	case err == nil, err == ring.ErrFull, err == ring.ErrEmpty, err == ring.ErrHeld, err == io.EOF,
		errors.Is(err, ring.ErrClosed), errors.Is(err, ring.ErrAttached), errors.Is(err, ring.ErrOverrun):
	case errors.Is(err, ring.ErrCorrupt):
		u.corrupt = true
	default:
		u.t.Errorf("%v", err)
	}
	return err == nil
}

// use sends, receives, repairs and looks, until nothing more comes of it: with the
// endpoints given, if any, and then with new ones.
func (u *user) use(p *ring.Producer, c *ring.Consumer) {
	var err error
	rounds := 1
	if p != nil {
		rounds = 2
	}
	for range rounds {
		if p == nil {
			p, err = u.r.Producer()
		}
		if u.note(err) {
			u.send(p)
		}
		if c == nil {
			c, err = u.r.Consumer()
		}
		if u.note(err) {
			u.receive(c)
		}
		_, err = u.r.Recover()
		u.note(err)
		_, err = u.r.Stats()
		u.note(err)
		p, c, err = nil, nil, nil
	}
}

func (u *user) send(p *ring.Producer) {
	for i := range 100 + u.seed%3 {
		if i%7 == 0 {
			b, err := p.TryReserve(8)
			if u.note(err) {
				copy(b, "reserved")
				u.note(p.Stage(8))
			}
			continue
		}
		u.note(p.TrySend(make([]byte, 8)))
	}
	p.Committed()
	u.note(p.Close())
}

func (u *user) receive(c *ring.Consumer) {
	n := 0
	for ; n < 3000; n++ {
		if n%5 == 0 {
			if _, err := c.TryPeekBatch(make([][]byte, 3)); !u.note(err) {
				break
			}
			u.note(c.Release())
		} else if _, err := c.TryRecv(nil); !u.note(err) && n > 300 {
			break
		}
	}
	if n == 3000 {
		u.t.Error("there is no end of messages")
	}
	u.note(c.Close())
}

var hostileConfigs = []ring.Config{
	{Capacity: 4096},
	{Kind: ring.Slots, Capacity: 4, SlotSize: 8},
	{Topology: ring.MPMC, Capacity: 4, SlotSize: 8, Members: 4},
	{Topology: ring.MPMC, Capacity: 4, SlotSize: 8, Members: 4, Redeliver: true},
	{Topology: ring.MPSC, Capacity: 4096, Members: 2},
	{Topology: ring.MPSC, Kind: ring.Slots, Capacity: 4, SlotSize: 8, Members: 2},
	{Topology: ring.MPSCOrdered, Capacity: 4096, Members: 4},
	{Topology: ring.Broadcast, Capacity: 4096, Members: 2},
	{Topology: ring.Broadcast, Overrun: ring.OverrunBlock, Capacity: 4096, Members: 2},
	{Topology: ring.Broadcast, Overrun: ring.OverrunDrop, Capacity: 4096, Members: 2},
}

// hostileName is a config of hostileConfigs, for people.
func hostileName(c ring.Config) string {
	name := fmt.Sprintf("%v %v", c.Topology, c.Kind)
	if c.Topology == ring.Broadcast {
		name += " " + c.Overrun.String()
	}
	return name
}

// blind tells whether a spoilt word may go unnoticed in rings of c: that of an SPSC slot is
// the one that is waited for or it is not, and there is nothing to find out.
func blind(c ring.Config) bool {
	return c.Kind == ring.Slots && c.Topology != ring.MPMC
}
