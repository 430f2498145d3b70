package feed

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// captureFile reads the records of a capture.
type captureFile struct {
	f    *os.File
	size int64
	seed uint32

	next   int64  // offset of the next record
	last   uint64 // number of the last record
	passed bool   // something wrong between the two

	buf []byte // the file's bytes from at on
	at  int64
}

// newCaptureFile reads the header of f. ErrTorn, wrapped, if it is not there as a whole.
func newCaptureFile(f *os.File) (*captureFile, error) {
	c := &captureFile{f: f, next: captureHeader}
	err := c.resize()
	var id uint64
	if err == nil {
		var b []byte
		if b, err = c.window(0, captureHeader); err == nil {
			id, err = parseCaptureHeader(b)
		}
	}
	c.seed = captureSeed(id)
	if err != nil {
		err = c.about(err)
	}
	return c, err
}

// resize looks how long the file is.
func (c *captureFile) resize() error {
	info, err := c.f.Stat()
	if err == nil {
		c.size = info.Size()
	}
	return err
}

// about says which file err is about.
func (c *captureFile) about(err error) error {
	return fmt.Errorf("feed: capture %q: %w", c.f.Name(), err)
}

// window returns n bytes of the file from an offset on, fewer only at its end. They are
// valid until the next call.
func (c *captureFile) window(at int64, n int) ([]byte, error) {
	n = int(max(0, min(int64(n), c.size-at)))
	if at >= c.at && at+int64(n) <= c.at+int64(len(c.buf)) {
		return c.buf[at-c.at:][:n], nil
	}
	want := int(min(int64(max(n, readBytes)), c.size-at))
	if cap(c.buf) < want {
		c.buf = make([]byte, want)
	}
	m, err := c.f.ReadAt(c.buf[:want], at)
	c.buf, c.at = c.buf[:m], at
	if m < n && err == io.EOF {
		err = fmt.Errorf("it was %d bytes long and is shorter now: %w", c.size, io.ErrUnexpectedEOF)
	}
	if m >= n {
		err = nil
	}
	return c.buf[:min(n, m)], err
}

// flaw is why a record is none.
type flaw struct {
	torn bool // as a recorder leaves it that dies
	what string
}

func wrong(format string, args ...any) *flaw { return &flaw{false, fmt.Sprintf(format, args...)} }
func torn(format string, args ...any) *flaw  { return &flaw{true, fmt.Sprintf(format, args...)} }

// record returns the record at an offset and the offset behind it, 0 if the head is not
// good: then, and if the rest is not, why; io.EOF at the end of the file.
func (c *captureFile) record(at int64) (r CaptureRecord, beyond int64, why *flaw, err error) {
	head, err := c.window(at, recordHeadBytes)
	if err == nil && len(head) == 0 {
		err = io.EOF
	}
	if err != nil {
		return r, 0, nil, err
	}
	r, n, sum, ok := parseRecordHead(head, c.seed, at)
	switch {
	case !ok && len(head) < recordHeadBytes:
		return r, 0, torn("%d bytes of the next record's head of %d are there", len(head), recordHeadBytes), nil
	case !ok:
		return r, 0, wrong("this is not the head of a record"), nil
	}
	beyond = at + int64(recordSize(n))
	if beyond > c.size {
		return r, beyond, torn("%d bytes of record %d, which has %d, are there", c.size-at, r.Number, beyond-at), nil
	}
	b, err := c.window(at, recordSize(n))
	if err != nil {
		return r, beyond, nil, err
	}
	r.Payload = b[recordHeadBytes:][:n]
	if got := crc32.Checksum(r.Payload, castagnoli); got != sum {
		why = wrong("the payload of record %d, %d bytes, has the checksum %#08x, expected %#08x", r.Number, n, got, sum)
	} else if len(bytes.Trim(b[recordHeadBytes+n:], "\x00")) > 0 {
		why = wrong("record %d does not end with zeros", r.Number)
	}
	return r, beyond, why, nil
}

// Next returns the next record, valid until the next call, and how many were passed over
// before it. At the end: io.EOF; ErrTorn, wrapped, if it is not that of a record. ErrDamaged,
// wrapped, where something is wrong: the next call goes on behind that.
func (c *captureFile) Next() (r CaptureRecord, missing uint64, err error) {
	at := c.next
	r, beyond, why, err := c.record(at)
	if err != nil {
		if err != io.EOF {
			err = c.about(err)
		}
		return r, 0, err
	}
	if why == nil {
		if r.Number == c.last+1 || c.passed && r.Number > c.last {
			missing = r.Number - c.last - 1
			c.next, c.last, c.passed = beyond, r.Number, false
			return r, missing, nil
		}
		why, beyond = wrong("expected record %d, found %d", c.last+1, r.Number), at
	}
	if beyond == 0 {
		if beyond, err = c.search(at + recordAlign); err != nil {
			return r, 0, c.about(err)
		}
		if beyond == c.size && !why.torn {
			if why.torn, err = c.zeros(at); err != nil { // the machine died, and the file was longer already
				return r, 0, c.about(err)
			}
		}
	}
	c.next, c.passed = min(beyond, c.size), true
	sentinel := ErrDamaged
	if why.torn {
		sentinel = ErrTorn
	}
	return r, 0, c.about(fmt.Errorf("%w at byte %d, behind record %d: %s (%d bytes, the file has %d)",
		sentinel, at, c.last, why.what, c.next-at, c.size))
}

// search returns the offset of the first head of a record at an offset or behind it; the
// file's size if there is none.
func (c *captureFile) search(at int64) (int64, error) {
	for ; at+recordHeadBytes <= c.size; at += recordAlign {
		b, err := c.window(at, recordHeadBytes)
		if err != nil {
			return 0, err
		}
		if _, _, _, ok := parseRecordHead(b, c.seed, at); ok {
			return at, nil
		}
	}
	return c.size, nil
}

// zeros tells whether the file holds nothing but zeros from an offset on.
func (c *captureFile) zeros(at int64) (bool, error) {
	for at < c.size {
		b, err := c.window(at, readBytes)
		if err != nil || len(bytes.Trim(b, "\x00")) > 0 {
			return false, err
		}
		at += int64(len(b))
	}
	return true, nil
}

// toEnd goes behind the last whole record, wherever it is, and returns how many bytes
// lie there.
func (c *captureFile) toEnd() (int64, error) {
	c.next, c.last = captureHeader, 0
	const step = readBytes / recordAlign * recordAlign
	for top := (c.size - recordHeadBytes) / recordAlign * recordAlign; top >= captureHeader; top -= step {
		bottom := max(top-step+recordAlign, captureHeader)
		for at := top; at >= bottom; at -= recordAlign {
			b, err := c.window(bottom, int(top-bottom)+recordHeadBytes)
			if err != nil {
				return 0, err
			}
			if _, _, _, ok := parseRecordHead(b[at-bottom:], c.seed, at); !ok {
				continue
			}
			r, beyond, why, err := c.record(at)
			if err != nil {
				return 0, err
			}
			if why == nil {
				c.next, c.last = beyond, r.Number
				return c.size - beyond, nil
			}
		}
	}
	return max(0, c.size-captureHeader), nil
}
