package feed

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"annulus/ring"
)

// Capture says how a capture is written.
type Capture struct {
	File
	Report func(error) // told of a torn tail that was cut off: ErrTorn; may be nil
}

// Record returns the sink that records messages, with the time at which it took them,
// in a capture (docs/spec/capture-v1.md). With Append it goes on behind the last
// whole record, and cuts off what a recorder that died left behind that. One recorder at a
// time writes to a capture. If the disk is full the capture ends with its last whole
// record and the other messages stay in the ring.
func Record(path string, c Capture) (Sink, error) {
	mode := os.O_RDWR
	existing := c.Existing
	if existing == Truncate { // not before it is known that nobody writes to it
		c.Existing = Append
	}
	file, err := c.open(path, mode)
	if err != nil {
		return nil, err
	}
	s, err := newRecorder(file, c, existing)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

func newRecorder(file *os.File, c Capture, existing Existing) (*recorder, error) {
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("feed: capture %q: expected a regular file (%w)", file.Name(), errors.Join(err, errors.ErrUnsupported))
	}
	if err := lockFile(file); err != nil {
		return nil, fmt.Errorf("feed: capture %q: another process records to it: %w", file.Name(), err)
	}
	r := &recorder{began: time.Now(), first: true}
	var err error
	if existing == Truncate {
		err = file.Truncate(0)
	}
	if err == nil {
		err = r.resume(file, c)
	}
	if err != nil {
		return nil, err
	}
	r.fileSink, err = newFileSink(file, r, c.Sync)
	return r, err
}

// resume reads what the file holds and cuts a torn tail off; into an empty one it
// writes the header.
func (r *recorder) resume(file *os.File, c Capture) error {
	cf, err := newCaptureFile(file)
	var cut int64
	switch {
	case err == nil:
		if cut, err = cf.toEnd(); err != nil {
			return cf.about(err)
		}
		r.at, r.record.Number, r.seed = cf.next, cf.last, cf.seed
	case errors.Is(err, ErrTorn): // of the header
		cut, err = cf.size, nil
	default:
		return err
	}
	if cut > 0 {
		if err := file.Truncate(r.at); err != nil {
			return cf.about(fmt.Errorf("%w, which cannot be cut off: %w", ErrTorn, err))
		}
		if c.Report != nil {
			c.Report(cf.about(fmt.Errorf("%w: %d bytes behind record %d, at byte %d, were cut off", ErrTorn, cut, cf.last, r.at)))
		}
	}
	if r.at > 0 {
		return nil
	}
	var id [8]byte
	rand.Read(id[:])
	head := appendCaptureHeader(nil, binary.LittleEndian.Uint64(id[:]), time.Now())
	if _, err = file.Write(head); err != nil {
		return cf.about(fmt.Errorf("write its header: %w", errors.Join(err, file.Truncate(0))))
	}
	r.at, r.seed = captureHeader, captureSeed(binary.LittleEndian.Uint64(id[:]))
	return nil
}

// recorder is a file whose framing is that of captures.
type recorder struct {
	*fileSink
	seed  uint32
	began time.Time

	at     int64 // of the next record
	first  bool  // of the session
	record CaptureRecord
}

// Take is Sink.Take.
func (r *recorder) Take(msgs [][]byte) (int, error) {
	now := time.Now()
	r.record.Wall, r.record.Mono = now, now.Sub(r.began)
	return r.fileSink.Take(msgs)
}

func (r *recorder) appendHead(dst, m []byte) ([]byte, error) {
	if len(m) > captureMax {
		return dst, fmt.Errorf("%w: %d bytes, a capture takes at most %d", ring.ErrTooLarge, len(m), captureMax)
	}
	r.record.Number++
	r.record.Session, r.record.Payload, r.record.Offset = r.first, m, r.at
	r.first = false
	dst = appendRecordHead(dst, r.seed, &r.record)
	r.at += int64(recordSize(len(m)))
	return dst, nil
}

func (r *recorder) appendTail(dst, m []byte) []byte {
	var zeros [recordAlign]byte
	return append(dst, zeros[:padding(len(m))]...)
}
