package feed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Errors of captures.
var (
	ErrNoCapture = errors.New("not a capture")
	ErrDamaged   = errors.New("the capture is damaged") // within: whole records follow, or the last is wrong
	ErrTorn      = errors.New("the capture has a torn tail")
)

// The format is docs/spec/capture-v1.md: a header, then records, each at a multiple of 8.
//
//	header:  magic 8 | version 4 | size 4 | id 8 | wall 8 | 0 ... | crc 4        64 bytes
//	record:  mark 2 | flags 2 | length 4 | number 8 | wall 8 | mono 8 | payload crc 4 | head crc 4,
//	         payload, 0 to 7 bytes of 0
//
// A record's head is summed with the file's id and its own position in front, so that
// a capture within a capture's payload is never taken for records.
const (
	captureMagic    = "ANNULCAP"
	captureVersion  = 1
	captureHeader   = 64
	recordHeadBytes = 40
	recordMark      = 0xca97
	recordAlign     = 8

	flagSession = 1 // the first record of a recorder's session
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A CaptureRecord is a message in a capture, and when the recorder took it from the ring.
type CaptureRecord struct {
	Number  uint64        // from 1, without gaps
	Wall    time.Time     // by the recorder's clock
	Mono    time.Duration // since the recorder's session began, by a clock that nobody sets
	Session bool          // the first of a session
	Payload []byte
	Offset  int64 // of the record in the file
}

// appendCaptureHeader appends the header of a new capture.
func appendCaptureHeader(dst []byte, id uint64, now time.Time) []byte {
	at := len(dst)
	dst = append(dst, captureMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, captureVersion)
	dst = binary.LittleEndian.AppendUint32(dst, captureHeader)
	dst = binary.LittleEndian.AppendUint64(dst, id)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(now.UnixNano()))
	dst = append(dst, make([]byte, at+captureHeader-4-len(dst))...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli))
}

// parseCaptureHeader returns the id of the capture that begins with b.
func parseCaptureHeader(b []byte) (id uint64, err error) {
	switch {
	case len(b) < captureHeader && bytes.HasPrefix([]byte(captureMagic), b[:min(len(b), len(captureMagic))]):
		return 0, fmt.Errorf("%w: %d bytes of its header of %d are there", ErrTorn, len(b), captureHeader)
	case !bytes.HasPrefix(b, []byte(captureMagic)):
		return 0, fmt.Errorf("%w: expected %q at its beginning, found %.8q", ErrNoCapture, captureMagic, b[:min(len(b), len(captureMagic))])
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != captureVersion {
		return 0, fmt.Errorf("%w of a version that is known: expected %d, found %d", ErrNoCapture, captureVersion, v)
	}
	if n := binary.LittleEndian.Uint32(b[12:]); n != captureHeader {
		return 0, fmt.Errorf("%w: expected a header of %d bytes, found %d", ErrDamaged, captureHeader, n)
	}
	want := binary.LittleEndian.Uint32(b[captureHeader-4:])
	if sum := crc32.Checksum(b[:captureHeader-4], castagnoli); sum != want {
		return 0, fmt.Errorf("%w: the header's checksum is %#08x, expected %#08x", ErrDamaged, want, sum)
	}
	return binary.LittleEndian.Uint64(b[16:]), nil
}

// captureSeed is the sum of what stands, unwritten, in front of each record's head, but
// for its position.
func captureSeed(id uint64) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(nil, id), castagnoli)
}

// headSum is the checksum of a record's head at a position in the file.
func headSum(seed uint32, at int64, head []byte) uint32 {
	var b [8 + recordHeadBytes - 4]byte
	binary.LittleEndian.PutUint64(b[:], uint64(at))
	copy(b[8:], head)
	return crc32.Update(seed, castagnoli, b[:])
}

// appendRecordHead appends what stands before the payload.
func appendRecordHead(dst []byte, seed uint32, r *CaptureRecord) []byte {
	at, flags := len(dst), uint16(0)
	if r.Session {
		flags |= flagSession
	}
	dst = binary.LittleEndian.AppendUint16(dst, recordMark)
	dst = binary.LittleEndian.AppendUint16(dst, flags)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(r.Payload)))
	dst = binary.LittleEndian.AppendUint64(dst, r.Number)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Wall.UnixNano()))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Mono))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(r.Payload, castagnoli))
	return binary.LittleEndian.AppendUint32(dst, headSum(seed, r.Offset, dst[at:]))
}

// padding is how many bytes of 0 follow a payload of n bytes.
func padding(n int) int { return -n & (recordAlign - 1) }

// recordSize is the bytes of a record with a payload of n bytes.
func recordSize(n int) int { return recordHeadBytes + n + padding(n) }

// parseRecordHead returns the record whose head is b, without its payload, the bytes
// of that, and its checksum; false: it is none.
func parseRecordHead(b []byte, seed uint32, at int64) (r CaptureRecord, n int, sum uint32, ok bool) {
	if len(b) < recordHeadBytes || binary.LittleEndian.Uint16(b) != recordMark ||
		binary.LittleEndian.Uint32(b[recordHeadBytes-4:]) != headSum(seed, at, b[:recordHeadBytes-4]) {
		return r, 0, 0, false
	}
	r = CaptureRecord{
		Session: binary.LittleEndian.Uint16(b[2:])&flagSession != 0,
		Number:  binary.LittleEndian.Uint64(b[8:]),
		Wall:    time.Unix(0, int64(binary.LittleEndian.Uint64(b[16:]))),
		Mono:    time.Duration(binary.LittleEndian.Uint64(b[24:])),
		Offset:  at,
	}
	length := binary.LittleEndian.Uint32(b[4:])
	return r, int(length), binary.LittleEndian.Uint32(b[32:]), length <= captureMax
}

// captureMax is the greatest payload: what a length of 31 bits says, so that it is an
// int everywhere.
const captureMax = 1<<31 - 1 - 2*recordHeadBytes
