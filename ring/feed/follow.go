package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Following says how a growing file is followed.
type Following struct {
	FromEnd bool          // begin behind the last whole message that the file holds now (of a Split: behind all that it holds)
	Poll    time.Duration // look that often; 0: be told by inotify, and look only where that fails
	Report  func(error)   // told of a message that was cut off, and of inotify that fails; may be nil
}

// pollSlice is how often a file is looked at that inotify does not watch.
const pollSlice = 250 * time.Millisecond

// Follow returns the source of the messages that a file holds and that others append
// to it, now and later. It waits for a file that is not there. When the path leads to another
// file (rotation) it goes on with that one, having read all of the old one; when
// the file becomes shorter (truncation), at its beginning. The framing begins anew each time.
// Only Stop and errors end it. A file that was truncated and has grown beyond its old length
// before anybody looked is not told from one that has grown.
func Follow(path string, f Framing, c Following) (Source, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("feed: follow %q: expected a regular file, found %s", path, kindOf(info.Mode()))
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("feed: follow %q: its directory: %w", path, err)
	}
	t := &tail{path: path, config: c, framing: f}
	var err error
	if c.Poll <= 0 {
		t.config.Poll = pollSlice
		if t.watch, err = newWatch(path); err != nil {
			t.report(fmt.Errorf("feed: follow %q: looking every %v: %w", path, t.config.Poll, err))
		}
	}
	if err := t.next(c.FromEnd); err != nil && !errors.Is(err, os.ErrNotExist) { // what comes later is read whole
		return nil, errors.Join(err, t.close())
	}
	return &tailSource{ReaderOf(t.open, f, Retry{Min: 1, AtEnd: true, Report: t.report}), t}, nil
}

// tailSource is the source of a tail's files.
type tailSource struct {
	Source
	tail *tail
}

func (s *tailSource) countIn(c *counters) { s.Source.(counted).countIn(c) }

// Close is Source.Close.
func (s *tailSource) Close() error { return errors.Join(s.Source.Close(), s.tail.close()) }

// tail is a path and the file that it leads to now.
type tail struct {
	path    string
	config  Following
	framing Framing
	watch   *fileWatch // nil: there is none

	ctx    context.Context // of the session: its end is that of a read that waits
	cancel context.CancelFunc
	file   *os.File
	at     int64
	leave  bool // the file is another one now; what is left of this is read
}

func (t *tail) close() (err error) {
	if t.file != nil {
		err = t.file.Close()
		t.file = nil
	}
	if t.watch != nil {
		err = errors.Join(err, t.watch.close())
	}
	return err
}

func (t *tail) report(err error) {
	if err != io.EOF && t.config.Report != nil {
		t.config.Report(err)
	}
}

// open goes on with the file that the path leads to, once there is one.
func (t *tail) open(ctx context.Context) (io.ReadCloser, error) {
	for t.file == nil {
		err := t.next(false)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, final{err}
		}
		if err := t.wait(ctx); err != nil {
			return nil, err
		}
	}
	// Not ctx: it ends before the source's reader knows that it is to stop.
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return tailSession{t}, nil
}

// next opens the file that the path leads to now.
func (t *tail) next(fromEnd bool) error {
	f, err := openRegular(t.path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	t.file, t.at, t.leave = f, 0, false
	if fromEnd {
		size, err := f.Seek(0, io.SeekEnd)
		if err == nil { // else the rest of a message would be taken for one
			t.at, err = wholeEnd(f, t.framing, size)
		}
		if err == nil {
			_, err = f.Seek(t.at, io.SeekStart)
		}
		if err != nil {
			return fmt.Errorf("feed: follow %q from its end: behind byte %d: %w", t.path, t.at, err)
		}
	}
	if t.watch == nil {
		return nil
	}
	if err := t.watch.follow(f); err != nil {
		t.report(fmt.Errorf("feed: follow %q: looking every %v: %w", t.path, t.config.Poll, err))
		err = t.watch.close()
		t.watch = nil
		return err
	}
	return nil
}

// wait returns when something may have changed.
func (t *tail) wait(ctx context.Context) error {
	if t.watch != nil {
		return t.watch.wait(ctx)
	}
	if !pause(t.config.Poll, ctx.Done()) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// tailSession is a file until its rotation, or truncation.
type tailSession struct{ *tail }

// SetReadDeadline ends a read that waits.
func (t tailSession) SetReadDeadline(time.Time) error { t.cancel(); return nil }

// Close leaves a file that was truncated open.
func (t tailSession) Close() error { t.cancel(); return nil }

// Read is io.Reader's. Its io.EOF is the end of the session.
func (t tailSession) Read(b []byte) (int, error) {
	for {
		n, err := t.file.Read(b)
		t.at += int64(n)
		if n > 0 || err != nil && err != io.EOF {
			return n, err
		}
		if t.leave {
			err := t.file.Close()
			t.file = nil
			if err == nil {
				err = io.EOF
			}
			return 0, err
		}
		changed, err := t.changed()
		if err != nil {
			return 0, err
		}
		if changed {
			return 0, io.EOF
		}
		if t.leave {
			continue // what came before the rotation
		}
		if err := t.wait(t.ctx); err != nil {
			return 0, err
		}
	}
}

// changed tells whether the file was truncated; it notes in leave that the path leads to
// another one.
func (t tailSession) changed() (truncated bool, err error) {
	mine, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	if mine.Size() < t.at {
		t.at, err = t.file.Seek(0, io.SeekStart)
		return true, err
	}
	now, err := os.Stat(t.path)
	if err == nil && !os.SameFile(mine, now) {
		t.leave = true
	}
	return false, nil // none there now: the next may come
}
