package feed

import (
	"errors"
	"io"
	"iter"
	"os"
)

// CaptureRecords returns an iterator over the whole records of the capture at path, for who
// wants their times too, which Replay keeps to. The payload of each is valid until the next
// step. It yields an error once and ends: what opening says, ErrNoCapture, ErrDamaged or
// ErrTorn with the place, those of reading. It may be used again, and by any goroutine.
func CaptureRecords(path string) iter.Seq2[CaptureRecord, error] {
	return func(yield func(CaptureRecord, error) bool) {
		f, err := openRegular(path, os.O_RDONLY, 0)
		if err != nil {
			yield(CaptureRecord{}, err)
			return
		}
		defer f.Close()
		c, err := newCaptureFile(f)
		for err == nil {
			var r CaptureRecord
			if r, _, err = c.Next(); err == nil && !yield(r, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(CaptureRecord{}, err)
		}
	}
}
