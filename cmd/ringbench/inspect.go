package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/ring"
	"annulus/shm"
)

func inspectCommand() *command {
	return &command{
		name:    "inspect",
		args:    "NAME",
		summary: "show a ring: header, positions, who is attached, who sleeps",
		help: `Opens the ring NAME in POSIX shared memory for reading only and prints what it
says: both sides may go on, nothing is disturbed. "attached" is what the kernel
attests by a lock; pids are those of the last holders, in their own namespaces.
Figures are read one by one while the ring is in use.`,
		examples: `ringbench inspect numbers
ringbench inspect --json numbers
ringbench inspect --path /tmp/ticks.ring`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			var n named
			n.flags(fs)
			asJSON := fs.Bool("json", false, "print one JSON document of schema "+inspectSchema)
			return func(_ context.Context, io *stdio, args []string) error {
				if err := n.resolve(args); err != nil {
					return err
				}
				doc, err := inspect(&n)
				if err != nil {
					return err
				}
				if *asJSON {
					return report.Indented(io.out, doc)
				}
				return doc.print(io.out)
			}
		},
	}
}

const inspectSchema = "ringbench/inspect/1"

// inspection is what inspect found, and the document it prints. Counts of bytes
// and messages since the start are integers of up to 64 bits.
type inspection struct {
	Schema    string       `json:"schema"`
	Name      string       `json:"name"`
	Backing   string       `json:"backing"` // posix or file
	Links     int          `json:"links"`   // names of the file; 0: removed
	Removed   bool         `json:"removed"`
	Header    headerInfo   `json:"header"`
	Positions positions    `json:"positions"`
	Producer  sideInfo     `json:"producer"`
	Consumer  sideInfo     `json:"consumer"`
	Members   []memberInfo `json:"members,omitempty"` // MPMC: all endpoints; MPSC: producers
	config    ring.Config  // for people
}

type headerInfo struct {
	Version     string `json:"version"`
	Kind        string `json:"kind"`
	Topology    string `json:"topology"`
	Overrun     string `json:"overrun,omitempty"` // broadcast
	Capacity    uint64 `json:"capacity"`          // bytes or slots
	SlotSize    int    `json:"slot_size"`
	SlotStride  int    `json:"slot_stride"`
	MaxMessage  int    `json:"max_message"`
	Stride      int    `json:"stride"`
	Size        int64  `json:"size"`
	Element     string `json:"element"`
	Fingerprint string `json:"fingerprint"`
	Required    uint64 `json:"required_features"`
	Optional    uint64 `json:"optional_features"`
	Created     string `json:"created"` // RFC 3339; "": unknown
	CreatorPID  int    `json:"creator_pid"`
	BootID      string `json:"boot_id"`
	Boot        string `json:"boot"` // current, stale or unknown
}

type positions struct {
	Tail     uint64  `json:"tail"`
	Head     uint64  `json:"head"`
	Occupied uint64  `json:"occupied"` // bytes or slots
	Capacity uint64  `json:"capacity"`
	Share    float64 `json:"occupancy"` // 0 to 1
	Messages uint64  `json:"messages"`  // committed and not released
	Dropped  uint64  `json:"dropped"`   // broadcast: for want of room
}

type sideInfo struct {
	State    string   `json:"state"` // see ring.SideStats.State
	Attached bool     `json:"attached"`
	Closed   bool     `json:"closed"`   // the last session, in order
	Finished bool     `json:"finished"` // consumer: sends fail
	PID      int      `json:"pid"`
	Since    string   `json:"since"` // RFC 3339; "": never attached
	Sessions uint32   `json:"sessions"`
	Messages uint64   `json:"messages"`
	Bytes    uint64   `json:"bytes"`
	Wakes    uint64   `json:"wakes"` // of the other side, by this one
	Parks    uint64   `json:"parks"`
	Asleep   bool     `json:"asleep"`
	Repaired uint64   `json:"repaired"` // claims of dead ones that were settled; broadcast: dead consumers
	Handed   uint64   `json:"handed"`   // MPMC, consumers: messages taken over from dead ones
	Gate     gateInfo `json:"gate"`     // that this side sleeps on
}

// memberInfo is one producer or consumer of a ring that has many.
type memberInfo struct {
	Index    int    `json:"index"`
	Role     string `json:"role"`
	State    string `json:"state"` // attached, stopped, leaving or dead; gone: left messages in its lane
	PID      int    `json:"pid"`
	Tag      uint64 `json:"tag"`
	Since    string `json:"since"`
	Claim    uint64 `json:"claim"`
	Claims   int    `json:"claims"`   // positions from claim on that are not settled
	Occupied uint64 `json:"occupied"` // MPSC: of its lane, bytes or slots
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	Wakes    uint64 `json:"wakes"`
	Parks    uint64 `json:"parks"`
	Position uint64 `json:"position,omitempty"` // broadcast
	Lag      uint64 `json:"lag,omitempty"`      // broadcast: bytes from there to tail
	Lost     uint64 `json:"lost,omitempty"`     // broadcast: messages, to overruns
}

func membersOf(list []ring.MemberStats) (out []memberInfo) {
	for _, m := range list {
		i := memberInfo{
			Index: m.Index, Role: "consumer", State: m.State(), PID: m.PID, Tag: m.Tag, Since: stamp(m.Since),
			Claim: m.Claim, Claims: m.Claims, Occupied: m.Occupied, Messages: m.Messages, Bytes: m.Bytes, Wakes: m.Wakes, Parks: m.Parks,
			Position: m.Position, Lag: m.Lag, Lost: m.Lost,
		}
		if m.Producer {
			i.Role = "producer"
		}
		out = append(out, i)
	}
	return out
}

type gateInfo struct {
	Seq    uint32 `json:"seq"`
	Epoch  uint32 `json:"epoch"`
	Parker string `json:"parker"`
	Fence  bool   `json:"fence"`
	Bounds uint64 `json:"bounds"`
}

func inspect(n *named) (doc *inspection, err error) {
	r, err := n.open(shm.ReadOnly(), n.anyOwner())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := r.Stats()
	if err != nil {
		return nil, err
	}
	producer, consumer, err := r.Gates()
	if err != nil {
		return nil, err
	}
	links, err := r.Region().Links()
	if err != nil {
		return nil, err
	}
	return &inspection{
		Schema: inspectSchema, Name: n.name, Backing: r.Region().Backing().String(), Links: links, Removed: links == 0,
		Header: headerOf(r),
		Positions: positions{
			Tail: s.Tail, Head: s.Head, Occupied: s.Occupied, Capacity: s.Capacity,
			Share:    float64(s.Occupied) / float64(s.Capacity),
			Messages: unreleased(r.Config(), s), Dropped: s.Dropped,
		},
		Producer: sideOf(s.Producer, producer), Consumer: sideOf(s.Consumer, consumer), Members: membersOf(s.Members),
		config: r.Config(),
	}, nil
}

// unreleased is how many messages are committed and not released: 0 of a broadcast ring,
// where each counts for each consumer. Figures of a ring in use are read one by one.
func unreleased(c ring.Config, s ring.Stats) uint64 {
	if c.Topology == ring.Broadcast || s.Producer.Messages < s.Consumer.Messages {
		return 0
	}
	return s.Producer.Messages - s.Consumer.Messages
}

func headerOf(r *ring.Ring) headerInfo {
	c, i := r.Config(), r.Info()
	overrun := ""
	if c.Overrun != 0 {
		overrun = c.Overrun.String()
	}
	return headerInfo{
		Overrun: overrun,
		Version: fmt.Sprintf("%d.%d", i.Major, i.Minor), Kind: c.Kind.String(), Topology: c.Topology.Name(),
		Capacity: uint64(c.Capacity), SlotSize: c.SlotSize, SlotStride: i.SlotStride, MaxMessage: c.MaxMessage,
		Stride: c.Stride, Size: i.Size, Element: c.Element(), Fingerprint: fmt.Sprintf("%#016x", i.Fingerprint),
		Required: i.Required, Optional: i.Optional,
		Created: stamp(i.Created), CreatorPID: i.CreatorPID, BootID: i.BootID, Boot: i.Boot.String(),
	}
}

func sideOf(s ring.SideStats, g ring.Gate) sideInfo {
	return sideInfo{
		State: s.State(), Attached: s.Attached, Closed: s.Closed, Finished: s.Finished, PID: s.PID, Since: stamp(s.Since), Sessions: s.Sessions,
		Messages: s.Messages, Bytes: s.Bytes, Wakes: s.Wakes, Parks: s.Parks, Asleep: g.Asleep,
		Repaired: s.Repaired, Handed: s.Handed,
		Gate: gateInfo{Seq: g.Seq, Epoch: g.Epoch, Parker: g.Parker, Fence: g.Fence, Bounds: g.Bounds},
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
