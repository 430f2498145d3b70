package feed

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// fillLong receives datagrams straight into the ring, as long as they are long. It waits for none.
func (s *datagrams) fillLong(in *Intake) (count int, err error) {
	for range len(s.batch.heads) {
		s.one.aim(0, nil, nil) // for the length alone
		n, err := s.receive(s.one, 1, unix.MSG_PEEK|unix.MSG_TRUNC, false)
		if n == 0 || err != nil {
			return count, err
		}
		size := s.one.length(0)
		if size < longDatagrams { // the end too
			s.long = false
			return count, nil
		}
		room := []byte(nil)
		refused := error(nil)
		if size > s.limit {
			refused = s.tooLong(in, size)
		} else if room, refused = in.Room(size); refused == ErrStopped || refused != nil && in.failed() {
			return count, refused // the datagram is the socket's yet
		}
		if refused == nil {
			s.one.aim(0, room, nil)
		}
		n, err = s.receive(s.one, 1, unix.MSG_TRUNC, false)
		s.one.forget(1)
		got := s.one.length(0)
		switch {
		case refused != nil && err == nil:
			err = in.Refuse(refused)
		case refused == nil && (err != nil || n == 0):
			in.Drop()
		case refused == nil && got > size:
			in.Drop()
			err = fmt.Errorf("feed: a datagram of %d bytes was cut to %d: somebody else reads from this socket", got, size)
		case refused == nil:
			err = in.Stage(got)
			count++
		}
		if err != nil {
			return count, err
		}
	}
	return count, nil
}
