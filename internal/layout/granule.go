package layout

// Granules of a ring of many producers in one global order: what its positions count.
// A record is the word of its first 8 bytes and the payload, and takes whole granules:
//
//	 63..32   31..0
//	+-------+--------+
//	| span  | length |   span: the granules that the record takes
//	+-------+--------+
//
// Each granule has a word in a table outside of the data, lap | state. The lap is the
// position rounded down to a multiple of the ring's granules, of which there are at
// least 64, so the low bits are free. A word of zero was never stored.
const (
	GranuleSize             = 64
	GranuleShift            = 6 // of the granules in a number of bytes
	GranuleCommitted uint64 = 1 // a record starts here
	GranuleSkip      uint64 = 2 // nothing in this one granule
	GranulePad       uint64 = 3 // nothing up to the end of this lap
	SpanShift               = 32
	SpanLengthMask   uint64 = 1<<SpanShift - 1
)
