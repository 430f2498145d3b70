//go:build !linux

package feed

import (
	"errors"
	"fmt"
)

func readFIFO(path string, _ Framing, _ FIFO) (Source, error) {
	return nil, fmt.Errorf("feed: FIFO %q: %w", path, errors.ErrUnsupported)
}

func writeFIFO(path string, _ Framing, _ FIFO) (Sink, error) {
	return nil, fmt.Errorf("feed: FIFO %q: %w", path, errors.ErrUnsupported)
}
