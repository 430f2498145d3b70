package layout

import "structs"

// Magic opens every ring: the bytes "ANNULUS" and 0x1A, read as a little-endian
// word. Its bytes differ from their reverse, so a swapped magic is told apart
// from a foreign file.
const Magic uint64 = 0x1A_53_55_4C_55_4E_4E_41

// Version of this layout. A reader refuses another major; a greater minor only
// adds what older readers may ignore.
const (
	Major = 1
	Minor = 0
)

// Sizes and alignments, in bytes.
const (
	PageSize   = 4096 // alignment of every area
	HeaderSize = 256  // bytes of the header, the checksum included
	WordSize   = 8    // a record header, a slot word; alignment of payloads
	MinStride  = 64
	MaxStride  = 1024
	SemSize    = 32 // glibc's sem_t on 64-bit Linux
)

// Kinds of ring.
const (
	KindBytes = 1 // records of variable length
	KindSlots = 2 // slots of one size
)

// Topologies.
const (
	TopologySPSC = 1
	TopologyMPMC = 2 // any number of producers and consumers; kind slots
	TopologyMPSC = 3 // any number of producers, each with a lane of its own, one consumer

	TopologyMPSCOrdered = 4 // any number of producers in one global order, one consumer; kind bytes
	TopologyCast        = 5 // broadcast: one producer, each message to every consumer; kind bytes
)

// Required features: an attacher that does not know a set bit must refuse.
const (
	FeatureEventfd   uint64 = 1 << 0 // sleepers may wait on eventfds that both sides were handed
	FeatureRedeliver uint64 = 1 << 1 // MPMC: what a dead consumer had in its hands goes to another

	FeatureBlock uint64 = 1 << 8 // broadcast: the producer waits for the slowest consumer
	FeatureDrop  uint64 = 1 << 9 // broadcast: it drops a message rather than wait

	// FeatureApart is not in KnownFeatures: what has it is a part of a ring, see part.go.
	FeatureApart uint64 = 1 << 16 // each side's words lie in a memory of its own

	KnownFeatures = FeatureEventfd | FeatureRedeliver | FeatureBlock | FeatureDrop
)

// Lock bytes: byte i is held by an OFD write lock at file offset LockBase+i on
// the description that is mapped.
const (
	LockBase     = 1 << 40
	LockProducer = 0  // held while the producer endpoint is attached
	LockConsumer = 1  // held while the consumer endpoint is attached
	LockMember   = 16 // LockMember+i is held while entry i of the endpoint table is
)

// Bounds of geometry that every implementation must accept.
const (
	MinCapacityBytes = 4096
	MaxCapacityBytes = 1 << 32
	MinSlots         = 2
	MaxSlots         = 1 << 30
	MaxSlotSize      = 1 << 24
	MaxDataSize      = 1 << 38
	MaxMessageLimit  = 1<<31 - 1
	MinMembers       = 2
	MaxMembers       = 1 << 12
	DefaultMembers   = 64
	DefaultLanes     = 8
)

// Header is the first HeaderSize bytes of a ring. The creator writes all of it
// before the ring has a name; a creator that cannot do so writes Magic last.
type Header struct {
	_             structs.HostLayout
	Magic         uint64   `doc:"the bytes 'ANNULUS', 0x1A"`
	Major         uint32   `doc:"layout version; another major is refused"`
	Minor         uint32   `doc:"additions that may be ignored"`
	HeaderSize    uint32   `doc:"256"`
	Kind          uint32   `doc:"1 bytes, 2 slots"`
	Topology      uint32   `doc:"1 SPSC, 2 MPMC, 3 MPSC, 4 MPSC ordered, 5 broadcast"`
	Stride        uint32   `doc:"bytes of a line: a power of two, 64 to 1024"`
	Required      uint64   `doc:"feature bits an attacher must know"`
	Optional      uint64   `doc:"feature bits an attacher may ignore"`
	TotalSize     uint64   `doc:"bytes of the region that are used"`
	Capacity      uint64   `doc:"bytes (kind 1) or slots (kind 2), of each lane in MPSC; a power of two"`
	SlotSize      uint32   `doc:"kind 2: payload bytes of a message; else 0"`
	SlotStride    uint32   `doc:"kind 2: bytes from slot to slot; else 0"`
	SlotPayload   uint32   `doc:"kind 2: offset of the payload in a slot, 8, or 16 behind a length; else 0"`
	MaxMessage    uint32   `doc:"greatest payload length"`
	Fingerprint   uint64   `doc:"of the element type; 0: untyped"`
	ProducerArea  uint64   `doc:"offset of the producer side"`
	ConsumerArea  uint64   `doc:"offset of the consumer side"`
	SharedArea    uint64   `doc:"offset of the semaphores"`
	EndpointTable uint64   `doc:"offset of the endpoint table; 0 in SPSC"`
	EndpointCount uint64   `doc:"entries of the endpoint table; 0 in SPSC"`
	DataArea      uint64   `doc:"offset of records or slots; MPSC: of lane 0's"`
	DataSize      uint64   `doc:"bytes of records or slots; MPSC: of those of a lane"`
	LockBase      uint64   `doc:"file offset of lock byte 0"`
	BootID        [16]byte `doc:"kernel boot id at creation; zero: unknown"`
	CreatedNS     uint64   `doc:"creation, ns since 1970; for people"`
	CreatorPID    uint64   `doc:"for people"`
	Element       [64]byte `doc:"name of the element type, zero padded; for people"`
	Checksum      uint64   `doc:"CRC-32C of bytes 0 to 247, in the low half"`
}

// Cursor is line 0 of a side: how far that side has come.
type Cursor struct {
	_        structs.HostLayout
	Position uint64 `doc:"bytes or slots since the start, never reduced; consumer: head, released up to here; producer: a lower bound of tail, see takeover"`
	Messages uint64 `doc:"consumer: messages released"`
	Bytes    uint64 `doc:"consumer: payload bytes of these"`
	Latest   uint64 `doc:"broadcast, producer: position of the last record, stored before position"`
	Dropped  uint64 `doc:"broadcast, producer: messages dropped in place of waiting"`
}

// Seq is line 1 of a side: the half of a gate that its waker writes.
type Seq struct {
	_     structs.HostLayout
	Seq   uint32 `doc:"futex word: moved on before each wake; starts at 1"`
	_     uint32
	Wakes uint64 `doc:"wakes issued (system calls)"`
}

// Arm is line 2 of a side: the half of a gate that its sleeper writes.
type Arm struct {
	_      structs.HostLayout
	Arm    uint64 `doc:"see the table of arm bits; starts at ARM_VALID"`
	Parks  uint64 `doc:"sleeps begun"`
	Bounds uint64 `doc:"sleeps whose bound ran out with nothing to do"`
}

// Endpoint is line 3 of a side: who holds it.
type Endpoint struct {
	_         structs.HostLayout
	Session   uint32 `doc:"attachments of this side so far; 0: never"`
	Closed    uint32 `doc:"the session that was closed in order; 0: none; consumer: for people"`
	Drained   uint32 `doc:"consumer: the producer session whose end it has delivered"`
	State     uint32 `doc:"1 attached, 0 not; the lock byte decides, this is for people"`
	PID       uint64 `doc:"of the holder in its own namespace; for people"`
	StartTime uint64 `doc:"field 22 of /proc/PID/stat; for people"`
	Attached  uint64 `doc:"ns since 1970; for people"`
	Repaired  uint64 `doc:"MPMC: tickets of this side that died with their owner and were settled"`
	Handed    uint64 `doc:"MPMC, consumer: messages handed from a dead consumer to a live one"`
	Intent    uint64 `doc:"broadcast, producer: what lies more than a ring behind may be overwritten already; never reduced"`
}

// Member is line 0 of an entry of the endpoint table: what its holder has claimed
// and done. The holder writes it, or whoever takes the entry after its death.
type Member struct {
	_             structs.HostLayout
	Intent        uint64 `doc:"claim it may own, see the table of intent bits; 0: none"`
	Sent          uint64 `doc:"messages committed by all holders of the entry"`
	SentBytes     uint64 `doc:"payload bytes of these"`
	Received      uint64 `doc:"messages released by all holders of the entry"`
	ReceivedBytes uint64 `doc:"payload bytes of these"`
	Drawn         uint64 `doc:"producer: position of its latest claim, stored once it is drawn, before anything is filled; broadcast consumer: its position, all before it is released"`
	Base          uint64 `doc:"producer: sent at that time, stored before drawn; then sent says whether the claim is in it"`
	Skipped       uint64 `doc:"1 + the lowest position of the intent that is settled as SKIP; 0: none; stored before the settling, by its producer or, after its death, by who settles; broadcast consumer: messages it lost"`
}

// Holder is line 1 of an entry of the endpoint table: who holds it.
type Holder struct {
	_         structs.HostLayout
	Role      uint32 `doc:"1 producer, 2 consumer; 0: never held"`
	State     uint32 `doc:"1 attached, 2 leaving, 0 not attached; the lock byte decides over life"`
	PID       uint64 `doc:"in its own namespace; for people"`
	StartTime uint64 `doc:"field 22 of /proc/PID/stat; for people"`
	Attached  uint64 `doc:"ns since 1970; broadcast: stored before state, 0 once it is found dead and not waited for any more; else for people"`
	Wakes     uint64 `doc:"wakes issued (system calls)"`
	Parks     uint64 `doc:"sleeps begun"`
	Tag       uint64 `doc:"the endpoint's own name, kept for its successor; 0: none, or closed in order"`
}

// Roles and states of a holder.
const (
	RoleProducer  = 1
	RoleConsumer  = 2
	StateAttached = 1
	StateLeaving  = 2
)

// Lines of an entry of the endpoint table.
const (
	LineMember  = 0
	LineHolder  = 1
	MemberLines = 2
)

// Lines of a side, in strides from the start of its area.
const (
	LineCursor   = 0
	LineSeq      = 1
	LineArm      = 2
	LineEndpoint = 3
	SideLines    = 4
)

// Lines of the shared area.
const (
	LineSemData  = 0 // sem_t: the consumer sleeps for data
	LineSemSpace = 1 // sem_t: the producer sleeps for space
	SharedLines  = 2
)

// Arm word. The sleeper stores the epoch it is about to sleep on; a waker that
// finds epoch == seq must move seq and wake.
//
//	 63       62..36     35      34    33   32    31..0
//	+-------+----------+-------+-----+----+------+--------+
//	| VALID |  zero    | CLOSED|FENCE| EFD| SEM  | epoch  |
//	+-------+----------+-------+-----+----+------+--------+
const (
	ArmEpochMask uint64 = 1<<32 - 1
	ArmSem       uint64 = 1 << 32 // the sleeper waits on the semaphore, not on seq
	ArmEventfd   uint64 = 1 << 33 // the sleeper waits on the eventfd
	ArmFence     uint64 = 1 << 34 // the waker must fence between publish and this load
	ArmClosed    uint64 = 1 << 35 // the sleeper's side is closed
	ArmValid     uint64 = 1 << 63 // always set: a lost page reads as zero
)

// Record header of kind bytes. Zero: nothing here yet.
//
//	 63..34    33     32       31..0
//	+--------+-----+-----------+--------+
//	|  zero  | PAD | COMMITTED | length |
//	+--------+-----+-----------+--------+
const (
	RecordLengthMask uint64 = 1<<32 - 1
	RecordCommitted  uint64 = 1 << 32
	RecordPad        uint64 = 1 << 33 // skip length bytes after the header
)

// Record header of broadcast rings. The number of a message is how many were sent
// before it; that of padding is the number of the message behind it.
//
//	 63..32              31    30..0
//	+-------------------+-----+--------+
//	| number mod 2^32   | PAD | length |
//	+-------------------+-----+--------+
const (
	CastLengthMask  uint64 = 1<<31 - 1
	CastPad         uint64 = 1 << 31
	CastNumberShift        = 32
)

// Slot word of kind slots.
//
//	 63..8   7..3        2..0
//	+-------+-----------+-------+
//	|  lap  |redelivered| state |
//	+-------+-----------+-------+
const (
	SlotStateMask      uint64 = 7
	SlotFree           uint64 = 0
	SlotCommitted      uint64 = 1
	SlotSkip           uint64 = 2 // MPMC: the ticket carries nothing
	SlotLapShift              = 8
	SlotRedeliverShift        = 3
	SlotRedeliverMask  uint64 = 31 << SlotRedeliverShift
)

// Intent word: the tickets position to position+count-1. In a ring of granules, whose
// claims are greater, the count has more bits.
//
//	 63..56   55..0         63..44   43..0
//	+-------+----------+    +-------+----------+
//	| count | position |    | count | position |   granules
//	+-------+----------+    +-------+----------+
const (
	IntentCountShift          = 56
	IntentMaxCount            = 255
	IntentPositionMask uint64 = 1<<IntentCountShift - 1

	GranuleIntentShift           = 44
	GranuleIntentMaxCount        = 1<<(64-GranuleIntentShift) - 1
	GranuleIntentMask     uint64 = 1<<GranuleIntentShift - 1
)
