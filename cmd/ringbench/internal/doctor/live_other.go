//go:build !linux

package doctor

import "errors"

func space(string) (Space, error) { return Space{}, errors.ErrUnsupported }

func writable(string) error { return errors.ErrUnsupported }
