//go:build !linux

package feed

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

func newDatagramSource(datagramConn, Datagrams) (Source, error) { return nil, errNoDatagrams() }

func newDatagramSink(io.WriteCloser, datagramConn, Datagrams) (link, error) {
	return nil, errNoDatagrams()
}

func errNoDatagrams() error {
	return fmt.Errorf("feed: sockets of datagrams on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
