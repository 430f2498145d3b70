package feed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Replaying says how a capture is replayed.
type Replaying struct {
	// Speed is the pace: 1 is that of the recording, 2 is twice as fast; 0: as fast as
	// it goes. The time between two sessions of recorders is left out.
	Speed float64
	// Recover goes on behind what is damaged, and takes a torn tail for the end. Each is
	// reported; the messages that are missing before a whole one are counted in Stats.Lost.
	Recover bool
	Report  func(error) // told of what Recover passes over; may be nil
}

// Replay returns the source of the messages in a capture. What is whole is sent; then
// damage is ErrDamaged and a tail that a dead recorder left ErrTorn, which say where, unless
// c.Recover. A capture that still grows is read as far as it goes now.
func Replay(path string, c Replaying) (Source, error) {
	if !(c.Speed >= 0) {
		return nil, fmt.Errorf("feed: capture %q: expected a speed of 0 or more, found %v", path, c.Speed)
	}
	f, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	file, err := newCaptureFile(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &replay{file: file, config: c, total: new(counters), stopper: newStopper()}
	return s, nil
}

type replay struct {
	stopper
	file   *captureFile
	config Replaying
	total  *counters

	waiting bool // record was read and not sent
	record  CaptureRecord
	last    time.Duration // Mono of the one before
	origin  time.Time     // when Mono was base in this session
	base    time.Duration
}

func (s *replay) countIn(c *counters) { s.total = c }

// Close is Source.Close.
func (s *replay) Close() error { return s.file.f.Close() }

// Fill is Source.Fill.
func (s *replay) Fill(in *Intake) error {
	for n, size := 0, 0; n < batchMessages && size < batchBytes; n++ {
		if !s.waiting {
			if err := s.read(); err != nil {
				return err
			}
		}
		if wait := s.early(); wait > 0 && n > 0 {
			return nil
		} else if s.over() || wait > 0 && !pause(wait, s.stopped) {
			return ErrStopped
		}
		s.waiting = false
		size += len(s.record.Payload)
		if err := in.Put(s.record.Payload); err != nil {
			return s.file.about(err)
		}
	}
	return nil
}

// read reads the next record that is whole.
func (s *replay) read() error {
	for {
		r, missing, err := s.file.Next()
		switch {
		case err == nil:
			s.total.lost.Add(missing)
			s.record, s.waiting = r, true
			return nil
		case err == io.EOF || !s.config.Recover || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrTorn):
			if errors.Is(err, ErrDamaged) || errors.Is(err, ErrTorn) {
				err = fmt.Errorf("%w; Recover goes on behind what is damaged", err)
			}
			return err
		case s.config.Report != nil:
			s.config.Report(err)
		}
	}
}

// longest is what a Duration can say, and a time added to it.
const longest = 100 * 365 * 24 * time.Hour

// early is how long the record's time is off.
func (s *replay) early() time.Duration {
	if s.config.Speed <= 0 {
		return 0
	}
	if s.record.Session || s.origin.IsZero() || s.record.Mono < s.last { // its first may be damaged
		s.origin, s.base = time.Now(), s.record.Mono
	}
	s.last = s.record.Mono
	at := min(float64(s.record.Mono-s.base)/s.config.Speed, float64(longest))
	return time.Until(s.origin.Add(time.Duration(at)))
}
