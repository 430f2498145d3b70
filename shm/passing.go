package shm

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxFiles is what one message can carry (the kernel's SCM_MAX_FD).
const maxFiles = 253

// SendFiles sends open files over a Unix socket, as one byte with SCM_RIGHTS.
// On Linux a regular file or memfd is opened anew for it, in its own mode, so
// that the receiver gets no share in the locks of a Region here. The files stay
// the caller's. One goroutine may send at a time on a connection.
func SendFiles(conn *net.UnixConn, files ...*os.File) (err error) {
	if len(files) == 0 || len(files) > maxFiles {
		return invalid("SendFiles: %d files, from 1 to %d can be sent at once", len(files), maxFiles)
	}
	fds := make([]int, 0, len(files))
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, f := range files {
		fd, err := copyFD(f)
		if err != nil {
			return fmt.Errorf("shm: SendFiles: %w", err)
		}
		fds = append(fds, fd)
	}
	if _, _, err := conn.WriteMsgUnix([]byte{byte(len(fds))}, unix.UnixRights(fds...), nil); err != nil {
		return fmt.Errorf("shm: SendFiles: %w", err)
	}
	return nil
}

// copyFD returns a descriptor of f to send: of a new description where f is a
// file, else (sockets, eventfds) of the same.
func copyFD(f *os.File) (fd int, err error) {
	err = control(f, func(from int) error {
		var st unix.Stat_t
		if err := fstat(from, &st); err != nil {
			return err
		}
		if uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG {
			fd, err = unix.FcntlInt(uintptr(from), unix.F_DUPFD_CLOEXEC, 0)
			return err
		}
		flags, err := unix.FcntlInt(uintptr(from), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		fd, err = reopen(from, flags&unix.O_ACCMODE|unix.O_CLOEXEC)
		return err
	})
	return fd, err
}

// ReceiveFiles receives what one SendFiles sent, at most limit files; they are
// the caller's to close. A message with more files, or none, is an error, and
// whatever came with it is closed, soon, as by Discard. io.EOF when the peer has closed. A read
// deadline of conn holds (os.ErrDeadlineExceeded).
func ReceiveFiles(conn *net.UnixConn, limit int) ([]*os.File, error) {
	if limit < 1 || limit > maxFiles {
		return nil, invalid("ReceiveFiles: limit %d, must be from 1 to %d", limit, maxFiles)
	}
	var data [1]byte
	// Room for one more shows a message that is too long.
	oob := make([]byte, unix.CmsgSpace((limit+1)*4))
	n, oobn, flags, _, err := conn.ReadMsgUnix(data[:], oob)
	fds, perr := parseRights(oob[:oobn])
	switch {
	case err != nil:
		err = fmt.Errorf("shm: ReceiveFiles: %w", err)
	case perr != nil:
		err = fmt.Errorf("shm: ReceiveFiles: control message: %w", perr)
	case n == 0 && oobn == 0:
		err = io.EOF
	case flags&unix.MSG_CTRUNC != 0 || len(fds) > limit:
		err = invalid("ReceiveFiles: the message has more than the %d files allowed", limit)
	case len(fds) == 0:
		err = invalid("ReceiveFiles: the message has no files; the peer did not use SendFiles")
	case n != 1 || int(data[0]) != len(fds):
		err = invalid("ReceiveFiles: the message announces %d files and has %d", data[0], len(fds))
	}
	if err != nil {
		if len(fds) > 0 {
			go func() { // see Discard
				for _, fd := range fds {
					unix.Close(fd)
				}
			}()
		}
		return nil, err
	}
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), fmt.Sprintf("received file %d", i))
	}
	return files, nil
}

// Discard closes a file that came from somebody who is not trusted, and never waits for
// it: the end of a file in a file system of the sender's own making lasts as long as
// the sender likes.
func Discard(f *os.File) { go f.Close() }

// parseRights returns all descriptors of a control message. net asks for them
// with MSG_CMSG_CLOEXEC.
func parseRights(oob []byte) ([]int, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	var fds []int
	for i := range msgs {
		if msgs[i].Header.Level != unix.SOL_SOCKET || msgs[i].Header.Type != unix.SCM_RIGHTS {
			continue
		}
		got, perr := unix.ParseUnixRights(&msgs[i])
		fds = append(fds, got...)
		err = errors.Join(err, perr)
	}
	return fds, err
}
