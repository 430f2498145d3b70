package main

import (
	"reflect"

	"annulus/internal/layout"
)

// constant is one named value; group names its table.
type constant struct {
	group, name string
	value       uint64
	doc         string
}

var constants = []constant{
	{"general", "MAGIC", layout.Magic, "first word: the bytes 'ANNULUS', 0x1A"},
	{"general", "MAJOR", layout.Major, "layout version: another is refused"},
	{"general", "MINOR", layout.Minor, "additions an older reader may ignore"},
	{"general", "PAGE_SIZE", layout.PageSize, "alignment of every area"},
	{"general", "HEADER_SIZE", layout.HeaderSize, "bytes of the header with its checksum"},
	{"general", "WORD_SIZE", layout.WordSize, "a record header, a slot word; alignment of payloads"},
	{"general", "MIN_STRIDE", layout.MinStride, "least bytes of a line"},
	{"general", "MAX_STRIDE", layout.MaxStride, "most bytes of a line"},
	{"general", "SEM_SIZE", layout.SemSize, "bytes of a semaphore, glibc's sem_t on 64-bit Linux"},
	{"general", "LOCK_BASE", layout.LockBase, "file offset of lock byte 0"},
	{"general", "LOCK_PRODUCER", layout.LockProducer, "lock byte held while a producer is attached"},
	{"general", "LOCK_CONSUMER", layout.LockConsumer, "lock byte held while a consumer is attached"},
	{"general", "LOCK_MEMBER", layout.LockMember, "lock byte LOCK_MEMBER+i is held while entry i of the endpoint table is"},

	{"kinds", "KIND_BYTES", layout.KindBytes, "records of variable length"},
	{"kinds", "KIND_SLOTS", layout.KindSlots, "slots of one size"},
	{"kinds", "TOPOLOGY_SPSC", layout.TopologySPSC, "one producer, one consumer"},
	{"kinds", "TOPOLOGY_MPMC", layout.TopologyMPMC, "any number of producers and consumers, kind slots"},
	{"kinds", "TOPOLOGY_MPSC", layout.TopologyMPSC, "any number of producers, each with a lane of its own, one consumer"},
	{"kinds", "TOPOLOGY_MPSC_ORDERED", layout.TopologyMPSCOrdered, "any number of producers in one global order, one consumer, kind bytes"},
	{"kinds", "TOPOLOGY_CAST", layout.TopologyCast, "broadcast: one producer, each message to every consumer, kind bytes"},
	{"kinds", "FEATURE_EVENTFD", layout.FeatureEventfd, "required: sleepers may wait on eventfds that peers were handed"},
	{"kinds", "FEATURE_REDELIVER", layout.FeatureRedeliver, "required, MPMC: what a dead consumer had in its hands goes to another"},
	{"kinds", "FEATURE_BLOCK", layout.FeatureBlock, "required, broadcast: the producer waits for the slowest consumer"},
	{"kinds", "FEATURE_DROP", layout.FeatureDrop, "required, broadcast: the producer drops a message rather than wait"},
	{"kinds", "FEATURE_APART", layout.FeatureApart, "required, one of the two memories of a ring between processes that do not trust each other: section 13"},
	{"kinds", "KNOWN_FEATURES", layout.KnownFeatures, "required bits of version 1.0"},

	{"bounds", "MIN_CAPACITY_BYTES", layout.MinCapacityBytes, "kind bytes"},
	{"bounds", "MAX_CAPACITY_BYTES", layout.MaxCapacityBytes, "kind bytes"},
	{"bounds", "MIN_SLOTS", layout.MinSlots, "kind slots"},
	{"bounds", "MAX_SLOTS", layout.MaxSlots, "kind slots"},
	{"bounds", "MAX_SLOT_SIZE", layout.MaxSlotSize, "bytes of a payload, kind slots"},
	{"bounds", "MAX_DATA_SIZE", layout.MaxDataSize, "bytes of all slots"},
	{"bounds", "MIN_MEMBERS", layout.MinMembers, "entries of the endpoint table, if there is one"},
	{"bounds", "MAX_MEMBERS", layout.MaxMembers, "entries of the endpoint table, if there is one"},
	{"bounds", "MAX_MESSAGE", layout.MaxMessageLimit, "bytes of a payload, kind bytes"},

	{"lines", "LINE_CURSOR", layout.LineCursor, "how far this side has come"},
	{"lines", "LINE_SEQ", layout.LineSeq, "futex word of the gate that this side wakes"},
	{"lines", "LINE_ARM", layout.LineArm, "arm word of the gate that this side sleeps on"},
	{"lines", "LINE_ENDPOINT", layout.LineEndpoint, "who holds this side"},
	{"lines", "LINE_MEMBER", layout.LineMember, "entry of the endpoint table: claim and counts"},
	{"lines", "LINE_HOLDER", layout.LineHolder, "entry of the endpoint table: who holds it"},
	{"lines", "MEMBER_LINES", layout.MemberLines, "lines of an entry of the endpoint table"},
	{"lines", "LINE_SEM_DATA", layout.LineSemData, "shared area: sem_t for a consumer that waits for data"},
	{"lines", "LINE_SEM_SPACE", layout.LineSemSpace, "shared area: sem_t for a producer that waits for space"},

	{"arm-bits", "ARM_EPOCH_MASK", layout.ArmEpochMask, "the seq value the sleeper sleeps on"},
	{"arm-bits", "ARM_SEM", layout.ArmSem, "it waits on the semaphore"},
	{"arm-bits", "ARM_EVENTFD", layout.ArmEventfd, "it waits on the eventfd"},
	{"arm-bits", "ARM_FENCE", layout.ArmFence, "the waker must fence between publish and its load of this word"},
	{"arm-bits", "ARM_CLOSED", layout.ArmClosed, "consumer: sends must fail from now on"},
	{"arm-bits", "ARM_VALID", layout.ArmValid, "always set: a lost page reads as zero"},

	{"record", "RECORD_LENGTH_MASK", layout.RecordLengthMask, "payload bytes"},
	{"record", "RECORD_COMMITTED", layout.RecordCommitted, "set in every record that is there"},
	{"record", "RECORD_PAD", layout.RecordPad, "no message: skip to the end of data"},

	{"cast-record", "CAST_LENGTH_MASK", layout.CastLengthMask, "payload bytes"},
	{"cast-record", "CAST_PAD", layout.CastPad, "no message: skip to the end of data"},
	{"cast-record", "CAST_NUMBER_SHIFT", layout.CastNumberShift, "number of the message, modulo 2^32; of padding: of the message behind it"},

	{"slot", "SLOT_STATE_MASK", layout.SlotStateMask, "state of a slot"},
	{"slot", "SLOT_FREE", layout.SlotFree, "state: not committed in this lap"},
	{"slot", "SLOT_COMMITTED", layout.SlotCommitted, "state: committed"},
	{"slot", "SLOT_SKIP", layout.SlotSkip, "state, MPMC: the ticket carries nothing"},
	{"slot", "SLOT_REDELIVER_SHIFT", layout.SlotRedeliverShift, "5 bits, MPMC: how often the message was handed over from a dead consumer"},
	{"slot", "SLOT_REDELIVER_MASK", layout.SlotRedeliverMask, "these 5 bits in place"},
	{"slot", "SLOT_LAP_SHIFT", layout.SlotLapShift, "lap: position divided by capacity"},
	{"slot", "SLOT_PAYLOAD", layout.SlotPayload, "offset of the payload in a slot"},
	{"slot", "SLOT_LENGTH", layout.SlotLength, "offset of the length in a slot that has one"},
	{"slot", "SLOT_PAYLOAD_LENGTH", layout.SlotPayloadLength, "offset of the payload in a slot with a length"},

	{"intent", "INTENT_COUNT_SHIFT", layout.IntentCountShift, "8 bits: how many tickets; 0: no intent"},
	{"intent", "INTENT_POSITION_MASK", layout.IntentPositionMask, "the first of them, modulo 2^56"},
	{"intent", "INTENT_MAX_COUNT", layout.IntentMaxCount, "most tickets of one intent"},

	{"roles", "ROLE_PRODUCER", layout.RoleProducer, "holder.role: a producer"},
	{"roles", "ROLE_CONSUMER", layout.RoleConsumer, "holder.role: a consumer"},
	{"roles", "STATE_ATTACHED", layout.StateAttached, "holder.state: attached"},
	{"roles", "STATE_LEAVING", layout.StateLeaving, "holder.state: about to detach in order"},

	{"granule", "GRANULE_SIZE", layout.GranuleSize, "bytes of a granule"},
	{"granule", "GRANULE_COMMITTED", layout.GranuleCommitted, "state: a record starts here"},
	{"granule", "GRANULE_SKIP", layout.GranuleSkip, "state: nothing in this one granule"},
	{"granule", "GRANULE_PAD", layout.GranulePad, "state: nothing up to the end of this lap"},
	{"granule", "SPAN_SHIFT", layout.SpanShift, "first word of a record: its granules"},
	{"granule", "SPAN_LENGTH_MASK", layout.SpanLengthMask, "first word of a record: payload bytes"},
	{"granule", "GRANULE_INTENT_SHIFT", layout.GranuleIntentShift, "intent, 20 bits: how many granules; 0: no intent"},
	{"granule", "GRANULE_INTENT_MASK", layout.GranuleIntentMask, "intent: the first of them, modulo 2^44"},

	{"cell", "CELL_MAGIC", layout.CellMagic, "first word: the bytes 'ANNCELL', 0x1A"},
	{"cell", "CELL_MAJOR", layout.CellMajor, "layout version of cells: another is refused"},
	{"cell", "CELL_MINOR", layout.CellMinor, "additions an older reader may ignore"},
	{"cell", "CELL_KIND_VALUE", layout.CellKindValue, "a value of a fixed size"},
	{"cell", "CELL_KIND_BLOCK", layout.CellKindBlock, "bytes of any length up to a maximum"},
	{"cell", "CELL_MAX_SIZE", layout.CellMaxSize, "most bytes of a value or block"},
	{"cell", "CELL_KNOWN_FEATURES", layout.CellKnown, "required bits of version 1.0"},
	{"cell", "CELL_LOCK_WRITER", layout.CellLockWriter, "lock byte held while a writer is attached"},
	{"cell", "CELL_LINE_STATE", layout.CellLineState, "writer area: the state word and the lengths"},
}

// table is one shared struct.
type table struct {
	name string // C: struct annulus_NAME
	typ  reflect.Type
}

var tables = []table{
	{"header", reflect.TypeFor[layout.Header]()},
	{"cursor", reflect.TypeFor[layout.Cursor]()},
	{"seq", reflect.TypeFor[layout.Seq]()},
	{"arm", reflect.TypeFor[layout.Arm]()},
	{"endpoint", reflect.TypeFor[layout.Endpoint]()},
	{"member", reflect.TypeFor[layout.Member]()},
	{"holder", reflect.TypeFor[layout.Holder]()},
	{"cell_header", reflect.TypeFor[layout.CellHeader]()},
	{"cell_state", reflect.TypeFor[layout.CellState]()},
}

// fields calls f for every field that has a place in memory.
func (t table) fields(f func(name string, fld reflect.StructField)) {
	pad := 0
	for fld := range t.typ.Fields() {
		if fld.Type.Size() == 0 {
			continue
		}
		name := snake(fld.Name)
		if fld.Name == "_" {
			name = "pad" + string(rune('0'+pad))
			pad++
		}
		f(name, fld)
	}
}
