//go:build !linux

package shm

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Without OFD locks these are process locks: they keep other processes out, but
// not other Regions of this one, so a table does that. Their weakness cannot be
// mended here: closing any descriptor of the file in this process drops them.
var procLocks struct {
	sync.Mutex
	owner map[procLock]*Region
}

type procLock struct {
	dev, ino uint64
	byte     int
}

func (r *Region) procLock(i int) (procLock, error) {
	var st unix.Stat_t
	if err := fstat(r.fd, &st); err != nil {
		return procLock{}, err
	}
	return procLock{uint64(st.Dev), uint64(st.Ino), i}, nil
}

func setlk(typ int16, i int) unix.Flock_t {
	return unix.Flock_t{Type: typ, Whence: 0, Start: LockBase + int64(i), Len: 1}
}

func (r *Region) lockByte(i int) (bool, error) {
	key, err := r.procLock(i)
	if err != nil {
		return false, err
	}
	procLocks.Lock()
	defer procLocks.Unlock()
	if procLocks.owner[key] != nil {
		return false, nil
	}
	lk := setlk(unix.F_WRLCK, i)
	err = retry(func() error { return unix.FcntlFlock(uintptr(r.fd), unix.F_SETLK, &lk) })
	if isErrno(err, unix.EAGAIN, unix.EACCES) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if procLocks.owner == nil {
		procLocks.owner = make(map[procLock]*Region)
	}
	procLocks.owner[key] = r
	return true, nil
}

func (r *Region) unlockByte(i int) error {
	key, err := r.procLock(i)
	if err != nil {
		return err
	}
	procLocks.Lock()
	defer procLocks.Unlock()
	lk := setlk(unix.F_UNLCK, i)
	if err := retry(func() error { return unix.FcntlFlock(uintptr(r.fd), unix.F_SETLK, &lk) }); err != nil {
		return err
	}
	delete(procLocks.owner, key)
	return nil
}

func (r *Region) probeByte(i int) (bool, error) {
	key, err := r.procLock(i)
	if err != nil {
		return false, err
	}
	procLocks.Lock()
	defer procLocks.Unlock()
	if procLocks.owner[key] != nil {
		return true, nil
	}
	lk := setlk(unix.F_WRLCK, i)
	if err := retry(func() error { return unix.FcntlFlock(uintptr(r.fd), unix.F_GETLK, &lk) }); err != nil {
		return false, err
	}
	return lk.Type != unix.F_UNLCK, nil
}

// forgetLocks takes the Region out of the table.
func (r *Region) forgetLocks() {
	procLocks.Lock()
	defer procLocks.Unlock()
	for k, owner := range procLocks.owner {
		if owner == r {
			delete(procLocks.owner, k)
		}
	}
}
