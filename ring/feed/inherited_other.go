//go:build !linux

package feed

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Inherited is for Linux.
type Inherited struct{ *os.File }

// Inherit is for Linux.
func Inherit(f *os.File) (*Inherited, error) {
	return nil, fmt.Errorf("feed: %s: files that others share: %w", f.Name(), errors.ErrUnsupported)
}

// Close ends its use; the file stays open.
func (*Inherited) Close() error { return nil }

// SetReadDeadline is that of net.Conn.
func (*Inherited) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline is that of net.Conn.
func (*Inherited) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
