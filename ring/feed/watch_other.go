//go:build !linux

package feed

import (
	"context"
	"errors"
	"os"
)

// watch is for Linux; elsewhere files are looked at now and then.
type watch struct{}

func newWatch(string) (*watch, error)     { return nil, errors.ErrUnsupported }
func (*watch) follow(*os.File) error      { panic("unreachable") }
func (*watch) wait(context.Context) error { panic("unreachable") }
func (*watch) close() error               { panic("unreachable") }
