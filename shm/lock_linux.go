package shm

import "golang.org/x/sys/unix"

func ofd(typ int16, i int) unix.Flock_t {
	return unix.Flock_t{Type: typ, Whence: unix.SEEK_SET, Start: LockBase + int64(i), Len: 1}
}

// lockByte reports whether it got the byte.
func (r *Region) lockByte(i int) (bool, error) {
	lk := ofd(unix.F_WRLCK, i)
	err := retry(func() error { return unix.FcntlFlock(uintptr(r.fd), unix.F_OFD_SETLK, &lk) })
	if isErrno(err, unix.EAGAIN, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

func (r *Region) unlockByte(i int) error {
	lk := ofd(unix.F_UNLCK, i)
	return retry(func() error { return unix.FcntlFlock(uintptr(r.fd), unix.F_OFD_SETLK, &lk) })
}

// probeByte reports whether another description holds the byte.
func (r *Region) probeByte(i int) (bool, error) {
	lk := ofd(unix.F_WRLCK, i)
	if err := retry(func() error { return unix.FcntlFlock(uintptr(r.fd), unix.F_OFD_GETLK, &lk) }); err != nil {
		return false, err
	}
	return lk.Type != unix.F_UNLCK, nil
}

// forgetLocks has nothing to do: the kernel drops the locks with the description.
func (r *Region) forgetLocks() {}
