package feed

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Torn says what becomes of a file that is appended to and does not end with a whole message: a
// process that was killed, or a machine, has left part of one. What stands behind that would
// be read as its rest.
type Torn int

// What may become of it.
const (
	RefuseTorn Torn = iota // it is an error that says where it begins
	// CutTorn cuts it off. A pump that wrote it has it in its ring still. Behind a length that is wrong (Length,
	// Varint) all is taken for part of a message.
	CutTorn
)

// mend makes sure that f ends with a whole message.
func (c File) mend(f *os.File, framing Framing) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	size := info.Size()
	end, err := wholeEnd(f, framing, size)
	switch {
	case errors.Is(err, ErrFrame):
		return fmt.Errorf("feed: file %q is none of framing %v: behind byte %d: %w", f.Name(), framing, end, err)
	case err != nil:
		return fmt.Errorf("feed: file %q: look for its last message: %w", f.Name(), err)
	case end == size:
		return nil
	case c.Torn == CutTorn:
		if err := f.Truncate(end); err != nil {
			return fmt.Errorf("feed: file %q: cut off %d bytes of a message that is not whole: %w", f.Name(), size-end, err)
		}
		return nil
	}
	return fmt.Errorf("feed: file %q: %w: expected whole messages (%v), found part of one, %d bytes behind byte %d: complete it, or cut it off (CutTorn; truncate -s %d)",
		f.Name(), ErrFrame, framing, size-end, end, end)
}

// wholeEnd returns where the last whole message in the first size bytes of r ends, or where an error
// is. Of a framing of the caller's own nothing is known: all is taken for whole.
func wholeEnd(r io.ReaderAt, framing Framing, size int64) (int64, error) {
	switch f := framing.(type) {
	case lines:
		return lastLine(r, size)
	case fixed:
		return size - size%int64(f), nil
	case length, varint:
		return lastFrame(r, f, size)
	}
	return size, nil
}

// lastLine returns the offset behind the last newline.
func lastLine(r io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, min(readBytes, size))
	for end, want := size, int64(1); end > 0; want = int64(len(buf)) { // the last byte will do, mostly
		from := max(0, end-want)
		b := buf[:end-from]
		if _, err := r.ReadAt(b, from); err != nil && err != io.EOF {
			return 0, err
		}
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] == '\n' {
				return from + int64(i) + 1, nil
			}
		}
		end = from
	}
	return 0, nil
}

// lastFrame goes from length to length.
func lastFrame(r io.ReaderAt, framing Framing, size int64) (int64, error) {
	buf := make([]byte, min(readBytes, size))
	for at := int64(0); at < size; {
		b := buf[:min(int64(len(buf)), size-at)]
		if _, err := r.ReadAt(b, at); err != nil && err != io.EOF {
			return at, err
		}
		for first := true; len(b) > 0; first = false {
			c, err := framing.Cut(b, 0, false)
			if err != nil {
				return at, err
			}
			if int64(c.Size) > size-at || c.Size == 0 && at+int64(len(b)) == size {
				return at, nil
			}
			if c.Size == 0 || c.Size > len(b) && !first {
				break // once more, from its beginning
			}
			at += int64(c.Size)
			b = b[min(c.Size, len(b)):]
		}
	}
	return size, nil
}
