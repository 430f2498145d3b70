//go:build !linux

package ring

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
)

type handshake struct{}

func (*handshake) offer(context.Context, Config) (*Ring, error)  { return nil, errors.ErrUnsupported }
func (*handshake) accept(context.Context, Config) (*Ring, error) { return nil, errors.ErrUnsupported }

func meet(context.Context, *net.UnixConn, Role, []Option, func(*handshake) (*Ring, error)) (*Ring, error) {
	return nil, fmt.Errorf("no sealed memory on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
