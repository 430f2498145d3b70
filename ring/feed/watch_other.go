//go:build !linux

package feed

import (
	"context"
	"errors"
	"os"
)

// fileWatch is for Linux; elsewhere files are looked at now and then.
type fileWatch struct{}

func newWatch(string) (*fileWatch, error)     { return nil, errors.ErrUnsupported }
func (*fileWatch) follow(*os.File) error      { panic("unreachable") }
func (*fileWatch) wait(context.Context) error { panic("unreachable") }
func (*fileWatch) close() error               { panic("unreachable") }
