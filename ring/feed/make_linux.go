package feed

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// openOrMake opens what is there, where it can be found, or makes it where there is none, if it may. get is mq_open(2),
// msgget(2) or semget(2), with fresh for what must not be there yet.
func openOrMake(found, create bool, fresh int, get func(flags int) (int, error)) (id int, made bool, err error) {
	for {
		if found {
			if id, err = get(0); err != unix.ENOENT || !create {
				return id, false, err
			}
		}
		// Another may make it at the same time.
		if id, err = get(fresh); err != unix.EEXIST {
			return id, err == nil, err
		}
	}
}

// permOf is the mode of what is made.
func permOf(perm fs.FileMode) fs.FileMode {
	if perm == 0 {
		perm = 0o600
	}
	return perm.Perm()
}

// uncreated is what helps where something is not there.
func uncreated(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "; Create makes one"
	}
	return ""
}

// tooSmall is about what is there and does not hold what is wanted.
func tooSmall(what fmt.Stringer, holds, wanted string) error {
	return fmt.Errorf("feed: %v is there and holds %s, wanted %s; remove it first: %w", what, holds, wanted, fs.ErrInvalid)
}
