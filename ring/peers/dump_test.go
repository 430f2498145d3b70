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
		if v.shape.Topology > layout.TopologyMPMC {
			continue // not spoken yet
		}
		t.Run(v.name, func(t *testing.T) {
			path := copyOf(t, v.path())
			got := start(t, peer(t, "dump", path)).Done()
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
		fmt.Sprintf("header version=%d.%d kind=%d topology=%d stride=%d required=%s optional=0 total=%d capacity=%d",
			layout.Major, layout.Minor, g.Kind, g.Topology, g.Stride, hex(h.Required), g.TotalSize, g.Capacity),
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
	if g.Members == 0 {
		return lines
	}
	lines = append(lines, fmt.Sprintf("header endpoint_table=%d endpoint_count=%d", g.MemberArea, g.Members))
	for i := range g.Members {
		m, h := layout.MemberAt(b, g.MemberArea, g.Stride, i), layout.HolderAt(b, g.MemberArea, g.Stride, i)
		if h.Role != 0 {
			lines = append(lines, fmt.Sprintf(
				"entry %d role=%d state=%d tag=%d intent=%s sent=%d/%d received=%d/%d drawn=%d base=%d skipped=%d", i, h.Role, h.State, h.Tag,
				hex(m.Intent), m.Sent, m.SentBytes, m.Received, m.ReceivedBytes, m.Drawn, m.Base, m.Skipped))
		}
	}
	return lines
}

// hex is C's %#x, which has no prefix for 0.
func hex(n uint64) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", n)
}
