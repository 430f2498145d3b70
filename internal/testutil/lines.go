package testutil

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"time"
)

// lines keeps what one goroutine reads until another wants it.
type lines struct {
	mu   sync.Mutex
	kept []string
	over bool
	more chan struct{} // of capacity 1: something has come, or the end
}

func newLines() *lines { return &lines{more: make(chan struct{}, 1)} }

// read takes lines in until the end of r.
func (l *lines) read(r io.Reader) {
	for s := bufio.NewScanner(r); s.Scan(); l.tell() {
		l.mu.Lock()
		l.kept = append(l.kept, s.Text())
		l.mu.Unlock()
	}
	l.end()
}

// end says that no more will come.
func (l *lines) end() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.tell()
}

func (l *lines) tell() {
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// next waits for a line and takes it; io.EOF if none will come. One goroutine at a time.
func (l *lines) next() (string, error) {
	for hung := time.After(Patience); ; {
		l.mu.Lock()
		if len(l.kept) > 0 {
			s := l.kept[0]
			l.kept = l.kept[1:]
			l.mu.Unlock()
			return s, nil
		}
		over := l.over
		l.mu.Unlock()
		if over {
			return "", io.EOF
		}
		select {
		case <-l.more:
		case <-hung:
			return "", errors.New("hung")
		}
	}
}
