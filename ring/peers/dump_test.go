package peers_test

import (
	"fmt"
	"strings"
	"testing"

	"annulus/internal/layout"
)

// topology is what a program has to speak for rings of a topology.
func topology(number uint32) string {
	return map[uint32]string{layout.TopologySPSC: "spsc", layout.TopologyMPMC: "mpmc", layout.TopologyMPSC: "mpsc",
		layout.TopologyMPSCOrdered: "mpsc-ordered", layout.TopologyCast: "broadcast-recv"}[number]
}

// inEachVector runs a test with each vector of a ring that the program speaks.
func inEachVector(t *testing.T, what string, test func(t *testing.T, l program, v vector)) {
	inEach(t, what, func(t *testing.T, l program) {
		for _, v := range vectors() {
			if l.can(topology(v.shape.Topology)) {
				t.Run(v.name, func(t *testing.T) { test(t, l, v) })
			}
		}
	})
}

// TestPeerDumpsVectors compares what a peer reads from each vector with what Go knows
// of it.
func TestPeerDumpsVectors(t *testing.T) {
	inEachVector(t, "dump", func(t *testing.T, l program, v vector) {
		got := start(t, l.peer(t, "dump", copyOf(t, v.path()))).Done()
		b, g := v.make(t)
		expect(t, got, strings.Join(append(describe(b, g), v.want...), "\n"))
	})
}

// A consumer of each language gets from each vector what was sent.
func TestPeerReadsVectors(t *testing.T) {
	inEachVector(t, "", func(t *testing.T, l program, v vector) {
		args := []string{"cat", copyOf(t, v.path()), "--count", fmt.Sprint(v.count())}
		if v.shape.Topology == layout.TopologyCast {
			args = append(args, "--backlog")
		}
		lines := strings.Split(start(t, l.peer(t, args...)).Done(), "\n")
		last := len(lines) - 1
		v.check(t, lines[:last])
		expect(t, lines[last], map[bool]string{true: "end", false: "empty"}[v.end])
	})
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
	if g.Topology == layout.TopologyCast {
		c, e := layout.CursorAt(b, g.ProducerArea), layout.EndpointAt(b, g.ProducerArea, g.Stride)
		lines = append(lines, fmt.Sprintf("broadcast latest=%d intent=%d dropped=%d", c.Latest, e.Intent, c.Dropped))
	}
	return lines
}

// hex is a number as %#x of PROGRAM.md.
func hex(n uint64) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", n)
}
