package layout

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// A part is taken for what it is, and for nothing else; an ordinary attacher refuses it.
func TestPart(t *testing.T) {
	for _, shape := range []Shape{
		{Kind: KindBytes, Topology: TopologySPSC, Capacity: 4096, Stride: MinStride},
		{Kind: KindSlots, Topology: TopologySPSC, Capacity: 4, SlotSize: 24, Stride: MaxStride},
	} {
		g, err := Compute(shape)
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range []uint32{RoleProducer, RoleConsumer} {
			size := g.PartSize(role)
			b := make([]byte, size)
			FormatPart(b, g, Identity{Element: "T"}, role)
			got, _, err := DecodePart(b[:HeaderSize], size, role)
			if err != nil || got != g {
				t.Errorf("%+v, %v; want %+v", got, err, g)
			}
			if _, _, err := Decode(b[:HeaderSize], g.TotalSize); !errors.Is(err, ErrFeature) || !strings.Contains(err.Error(), "two memories") {
				t.Errorf("as a ring: %v", err)
			}
			if _, _, err := DecodePart(b[:HeaderSize], size-1, role); !errors.Is(err, ErrShort) {
				t.Errorf("a byte short: %v", err)
			}
			own, other := g.ProducerArea, g.ConsumerArea
			if role == RoleConsumer {
				own, other = other, own
			}
			if ArmAt(b, own, g.Stride).Arm != ArmValid || SeqAt(b, own, g.Stride).Seq != 1 || ArmAt(b, other, g.Stride).Arm != 0 {
				t.Error("not the words of its side, or of the other too")
			}
		}
	}
}

func TestPartRefuses(t *testing.T) {
	ring, err := Compute(Shape{Kind: KindBytes, Topology: TopologySPSC, Capacity: 4096, Stride: MinStride})
	if err != nil {
		t.Fatal(err)
	}
	lanes, err := Compute(Shape{Kind: KindBytes, Topology: TopologyMPSC, Capacity: 4096, Stride: MinStride, Members: 2})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, lanes.TotalSize)
	for name, c := range map[string]struct {
		spoil func()
		want  error
	}{
		"a whole ring":     {func() { Format(b, ring, Identity{}) }, ErrFeature},
		"lanes":            {func() { FormatPart(b, lanes, Identity{}, RoleProducer) }, ErrGeometry},
		"another feature":  {func() { h := HeaderAt(b); h.Required |= FeatureEventfd; h.Checksum = Checksum(b[:HeaderSize]) }, ErrFeature},
		"an offset":        {func() { h := HeaderAt(b); h.DataArea += 8; h.Checksum = Checksum(b[:HeaderSize]) }, ErrGeometry},
		"a great capacity": {func() { h := HeaderAt(b); h.Capacity <<= 40; h.Checksum = Checksum(b[:HeaderSize]) }, ErrGeometry},
		"another checksum": {func() { HeaderAt(b).Checksum++ }, ErrChecksum},
		"another version":  {func() { binary.LittleEndian.PutUint32(b[8:], 2) }, ErrVersion},
		"nothing yet":      {func() { clear(b) }, ErrNotReady},
	} {
		clear(b)
		FormatPart(b, ring, Identity{}, RoleProducer)
		c.spoil()
		if _, _, err := DecodePart(b[:HeaderSize], uint64(len(b)), RoleProducer); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// FuzzDecodePart gives it headers with a good checksum: what is accepted fits the memory.
func FuzzDecodePart(f *testing.F) {
	for _, shape := range []Shape{
		{Kind: KindBytes, Topology: TopologySPSC, Capacity: 4096, Stride: MinStride},
		{Kind: KindSlots, Topology: TopologySPSC, Capacity: 4, SlotSize: 24, Stride: MaxStride},
	} {
		g, err := Compute(shape)
		if err != nil {
			f.Fatal(err)
		}
		b := make([]byte, g.TotalSize)
		FormatPart(b, g, Identity{}, RoleProducer)
		f.Add(b[:HeaderSize], g.TotalSize, true)
		f.Add(b[:HeaderSize], g.SharedArea, false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, size uint64, producer bool) {
		if len(raw) < HeaderSize {
			return
		}
		binary.LittleEndian.PutUint64(raw[HeaderSize-8:], Checksum(raw[:HeaderSize]))
		role := uint32(RoleConsumer)
		if producer {
			role = RoleProducer
		}
		g, _, err := DecodePart(raw, size, role)
		if err != nil {
			return
		}
		if n := g.PartSize(role); n > size || g.SharedArea > n || producer && (g.DataArea+g.DataSize > n || g.DataArea%PageSize != 0) || g.MaxMessage > g.DataSize {
			t.Errorf("%+v in %d bytes", g, size)
		}
	})
}
