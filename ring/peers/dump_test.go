package peers_test

import (
	"fmt"
	"strings"
	"testing"

	"annulus/internal/layout"
)

// TestCDumpsVectors compares what C reads from each vector with what Go knows
// of it.
func TestCDumpsVectors(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			path := copyOf(t, v.path())
			got := start(t, peer(t, "dump", path)).done()
			b, g := v.make(t)
			want := append(describe(b, g), v.want...)
			expect(t, got, strings.Join(want, "\n"))
		})
	}
}

// describe says what peer dump prints of the header and of both sides.
func describe(b []byte, g layout.Geometry) []string {
	h := layout.HeaderAt(b)
	lines := []string{
		fmt.Sprintf("header version=%d.%d kind=%d topology=%d stride=%d required=0 optional=0 total=%d capacity=%d",
			layout.Major, layout.Minor, g.Kind, layout.TopologySPSC, g.Stride, g.TotalSize, g.Capacity),
		fmt.Sprintf("header slot_size=%d slot_stride=%d slot_payload=%d max_message=%d fingerprint=0 element=\"\"",
			g.SlotSize, g.SlotStride, h.SlotPayload, g.MaxMessage),
		fmt.Sprintf("header producer_area=%d consumer_area=%d shared_area=%d data_area=%d data_size=%d lock_base=%d",
			g.ProducerArea, g.ConsumerArea, g.SharedArea, g.DataArea, g.DataSize, uint64(layout.LockBase)),
		fmt.Sprintf("header created_ns=0 creator_pid=0 checksum=%#x", layout.Checksum(b)),
	}
	for _, side := range []struct {
		name string
		area uint64
	}{{"producer", g.ProducerArea}, {"consumer", g.ConsumerArea}} {
		c, s, a, e := layout.CursorAt(b, side.area), layout.SeqAt(b, side.area, g.Stride),
			layout.ArmAt(b, side.area, g.Stride), layout.EndpointAt(b, side.area, g.Stride)
		lines = append(lines, fmt.Sprintf(
			"%s position=%d messages=%d bytes=%d seq=%d wakes=%d arm=%#x parks=%d session=%d closed=%d drained=%d state=%d pid=0",
			side.name, c.Position, c.Messages, c.Bytes, s.Seq, s.Wakes, a.Arm, a.Parks, e.Session, e.Closed, e.Drained, e.State))
	}
	return lines
}
