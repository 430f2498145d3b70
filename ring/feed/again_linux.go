package feed

import "golang.org/x/sys/unix"

// again repeats a call that a signal has interrupted.
func again[E error](call func() E) E {
	for {
		if err := call(); error(err) != unix.EINTR {
			return err
		}
	}
}
