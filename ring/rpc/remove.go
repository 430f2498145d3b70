package rpc

import (
	"errors"
	"fmt"
	"io/fs"

	"annulus/ring"
)

// Remove takes away what a server that was killed has left, for when none shall follow it, or
// one of another Config. ring.ErrAttached while one lives, fs.ErrNotExist where nothing is. Its clients
// get ErrNoServer.
func Remove(name string) (err error) {
	r, err := ring.Open(name)
	if err != nil {
		return fmt.Errorf("rpc: remove %q: %w", name, err)
	}
	defer func() {
		if cerr := r.Close(); err == nil {
			err = cerr
		}
	}()
	if err := isRequests(r); err != nil {
		return fmt.Errorf("rpc: remove %q: %w", name, err)
	}
	if _, err := r.Consumer(); err != nil { // while this one is there, nobody becomes the server
		return fmt.Errorf("rpc: remove %q: there is a server: %w", name, err)
	}
	var errs []error
	for i := range r.Config().Members {
		if err := ring.Remove(replyName(name, i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, unname(r))...)
}
