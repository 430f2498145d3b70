package feed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// fileWatch is told by inotify(7) of changes of a file, and of its directory, where another
// may take its name.
type fileWatch struct {
	file *os.File // of inotify, in the runtime's poller
	path string
	now  int // watch descriptor of the file followed; -1: none
	buf  [4096]byte
}

func newWatch(path string) (*fileWatch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &fileWatch{file: os.NewFile(uintptr(fd), "inotify"), path: path, now: -1}
	if _, err := w.add(filepath.Dir(path), unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *fileWatch) add(path string, events uint32) (wd int, err error) {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(fd uintptr) { wd, err = unix.InotifyAddWatch(int(fd), path, events) })
	if err == unix.ENOSPC {
		err = fmt.Errorf("%w: no more watches for this user, see sysctl fs.inotify.max_user_watches", err)
	}
	if err = errors.Join(cerr, err); err != nil {
		return 0, fmt.Errorf("inotify: watch %q: %w", path, err)
	}
	return wd, nil
}

// follow watches f, the file that the path leads to now.
func (w *fileWatch) follow(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var path string
	if err := raw.Control(func(fd uintptr) { path = "/proc/self/fd/" + strconv.Itoa(int(fd)) }); err != nil {
		return err
	}
	wd, err := w.add(path, unix.IN_MODIFY|unix.IN_ATTRIB|unix.IN_MOVE_SELF|unix.IN_DELETE_SELF)
	if err != nil {
		return err
	}
	if w.now >= 0 && w.now != wd {
		inotify, err := w.file.SyscallConn()
		if err != nil {
			return err
		}
		// The kernel has done so already where the old file is gone.
		if err := inotify.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(w.now)) }); err != nil {
			return err
		}
	}
	w.now = wd
	return nil
}

// wait returns when something has changed since the last wait. Which, the caller looks up.
func (w *fileWatch) wait(ctx context.Context) error {
	if err := w.file.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) }) // closed: nobody waits
	defer stop()
	_, err := w.file.Read(w.buf[:])
	return err
}

func (w *fileWatch) close() error { return w.file.Close() }
