package shm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
)

func init() {
	children["receiver"] = receiver
}

// socketPair returns two connected Unix sockets.
func socketPair(t *testing.T, kind int) (a, b *net.UnixConn, bFile *os.File) {
	t.Helper()
	fds := must(unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0))(t)
	conns := [2]*net.UnixConn{}
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		conns[i] = must(net.FileConn(f))(t).(*net.UnixConn)
		t.Cleanup(func() { f.Close(); conns[i].Close() })
		bFile = f
	}
	return conns[0], conns[1], bFile
}

var socketKinds = map[string]int{"stream": unix.SOCK_STREAM, "seqpacket": unix.SOCK_SEQPACKET, "datagram": unix.SOCK_DGRAM}

// A memfd, a file and an object reach another process, which maps them and has
// locks of its own.
func TestPassing(t *testing.T) {
	for kind, typ := range socketKinds {
		t.Run(kind, func(t *testing.T) {
			var regions []*Region
			var files []*os.File
			for _, b := range []Backing{BackedByMemfd, BackedByFile, BackedByPOSIX} {
				r := must(makers[b](t, 4096))(t)
				closed(t, r)
				copy(r.Bytes(), b.String())
				if err := r.TryLock(1); err != nil {
					t.Fatal(err)
				}
				regions = append(regions, r)
				files = append(files, r.File())
			}
			a, _, bFile := socketPair(t, typ)
			cmd := command(t, "receiver")
			cmd.ExtraFiles = []*os.File{bFile}
			c := testutil.Start(t, cmd)
			if err := SendFiles(a, files...); err != nil {
				t.Fatal(err)
			}
			// What the receiver says is checked here, where the truth is known.
			for _, r := range regions {
				c.Expect(fmt.Sprintf("%s holds %q, 1 %v, 2 %v", r.Backing(), r.Backing().String(), true, false))
			}
			c.Expect("locked 3")
			for _, r := range regions {
				locked(t, r, 3, true)
				if err := r.TryLock(3); !errors.Is(err, ErrLocked) {
					t.Errorf("TryLock: %v", err)
				}
				// Our end frees our lock, though the receiver kept what it got.
				if err := r.Hold(); err != nil {
					t.Fatal(err)
				}
				if err := r.Unlock(1); err != nil {
					t.Fatal(err)
				}
				r.Drop()
			}
			c.Say("look")
			c.Expect("1 false false false")
			c.Kill()
			for _, r := range regions {
				locked(t, r, 3, false)
			}
		})
	}
}

func receiver([]string) error {
	conn, err := net.FileConn(os.NewFile(3, "socket"))
	if err != nil {
		return err
	}
	files, err := ReceiveFiles(conn.(*net.UnixConn), 8)
	if err != nil {
		return err
	}
	var regions []*Region
	for _, f := range files {
		if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			return fmt.Errorf("not close-on-exec: %#x, %v", flags, err)
		}
		r, err := FromFile(f)
		if err != nil {
			return err
		}
		one, _ := r.Locked(1)
		two, _ := r.Locked(2)
		text := string(r.Bytes()[:len(r.Backing().String())])
		fmt.Printf("%s holds %q, 1 %v, 2 %v\n", r.Backing(), text, one, two)
		if err := r.TryLock(3); err != nil {
			return err
		}
		regions = append(regions, r)
	}
	fmt.Println("locked 3")
	hear()
	fmt.Print("1")
	for _, r := range regions {
		held, err := r.Locked(1)
		if err != nil {
			return err
		}
		fmt.Print(" ", held)
	}
	fmt.Println()
	hear()
	return nil
}

// The sender dies while what it sent is still under way or unopened: its locks
// die with it, for they never left.
func TestPassedFileCarriesNoLocks(t *testing.T) {
	r := must(Memfd("x", 4096))(t)
	a, b, _ := socketPair(t, unix.SOCK_STREAM)
	if err := r.TryLock(9); err != nil {
		t.Fatal(err)
	}
	if err := SendFiles(a, r.File()); err != nil {
		t.Fatal(err)
	}
	files := must(ReceiveFiles(b, 1))(t)
	defer files[0].Close()
	mine := must(FromFile(files[0]))(t)
	defer mine.Close()
	locked(t, mine, 9, true)
	r.Close()
	locked(t, mine, 9, false)
}

func TestReceiveErrors(t *testing.T) {
	for kind, typ := range socketKinds {
		t.Run(kind, func(t *testing.T) {
			a, b, _ := socketPair(t, typ)
			f := must(os.Open("/dev/null"))(t)
			defer f.Close()
			before := testutil.OpenFDs()
			if err := SendFiles(a); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("nothing to send: %v", err)
			}
			for _, limit := range []int{0, -1, maxFiles + 1} {
				if _, err := ReceiveFiles(b, limit); !errors.Is(err, fs.ErrInvalid) {
					t.Errorf("limit %d: %v", limit, err)
				}
			}
			for _, limit := range []int{1, 2} {
				if err := SendFiles(a, f, f, f, f); err != nil {
					t.Fatal(err)
				}
				if _, err := ReceiveFiles(b, limit); !errors.Is(err, fs.ErrInvalid) {
					t.Errorf("too many: %v", err)
				}
			}
			if _, err := a.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
			if _, err := ReceiveFiles(b, 1); !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("no files: %v", err)
			}
			b.SetReadDeadline(time.Unix(1, 0))
			if _, err := ReceiveFiles(b, 1); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("deadline: %v", err)
			}
			b.SetReadDeadline(time.Time{})
			// What is not a file is passed as it is.
			if err := SendFiles(a, f, f); err != nil {
				t.Fatal(err)
			}
			files := must(ReceiveFiles(b, 2))(t)
			if len(files) != 2 {
				t.Errorf("%d files", len(files))
			}
			for _, f := range files {
				f.Close()
			}
			testutil.Eventually(t, "no descriptor is left", func() bool { return testutil.OpenFDs() == before })
		})
	}
	a, b, aFile := socketPair(t, unix.SOCK_SEQPACKET)
	_ = aFile.Close()
	b.Close()
	if _, err := ReceiveFiles(a, 1); !errors.Is(err, io.EOF) {
		t.Errorf("closed by the peer: %v", err)
	}
	f := must(os.Open("/dev/null"))(t)
	f.Close()
	if err := SendFiles(a, f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("sending a closed file: %v", err)
	}
	if _, err := FromFile(f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("mapping a closed file: %v", err)
	}
}

func TestFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "region")
	must(CreateFile(path, 4096))(t).Close()
	t.Run("read-only descriptor", func(t *testing.T) {
		f := must(os.Open(path))(t)
		defer f.Close()
		if _, err := FromFile(f); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("writable: %v", err)
		}
		r := must(FromFile(f, ReadOnly()))(t)
		if r.Name() != path || r.Backing() != BackedByFile || !r.ReadOnly() {
			t.Errorf("%s %s %v", r.Name(), r.Backing(), r.ReadOnly())
		}
		r.Close()
		if _, err := f.Stat(); err != nil {
			t.Errorf("the given file was closed: %v", err)
		}
	})
	t.Run("removed", func(t *testing.T) {
		f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
		defer f.Close()
		if err := RemoveFile(path); err != nil {
			t.Fatal(err)
		}
		r := must(FromFile(f))(t)
		defer r.Close()
		if n, err := r.Links(); n != 0 || err != nil {
			t.Errorf("Links: %d, %v", n, err)
		}
	})
	t.Run("not a file", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		if _, err := FromFile(r); !errors.Is(err, ErrNotRegular) {
			t.Error(err)
		}
	})
	t.Run("memfd", func(t *testing.T) {
		m := must(Memfd("the label", 4096))(t)
		defer m.Close()
		r := must(FromFile(m.File()))(t)
		defer r.Close()
		if r.Name() != "the label" || r.Backing() != BackedByMemfd {
			t.Errorf("%q %s", r.Name(), r.Backing())
		}
		if n, err := r.Links(); n != 1 || err != nil {
			t.Errorf("Links: %d, %v", n, err)
		}
	})
	t.Run("sealed against writing", func(t *testing.T) {
		fd := must(unix.MemfdCreate("sealed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING))(t)
		f := os.NewFile(uintptr(fd), "sealed")
		defer f.Close()
		if err := f.Truncate(4096); err != nil {
			t.Fatal(err)
		}
		must(unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE|unix.F_SEAL_SHRINK))(t)
		if _, err := FromFile(f); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("writable: %v", err)
		}
		must(FromFile(f, ReadOnly()))(t).Close()
	})
}
