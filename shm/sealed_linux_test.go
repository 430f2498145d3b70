package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
)

func init() {
	children["read beside"] = func(args []string) error {
		r, err := FromSealed(os.NewFile(3, "given"), 1, 1<<20)
		if err != nil {
			return err
		}
		look := before
		if args[0] == "behind" {
			look = behind
		}
		return fmt.Errorf("there is %d", look(r.Bytes()))
	}
	children["store"] = func([]string) error {
		r, err := FromSealed(os.NewFile(3, "given"), 1, 1<<20)
		if err != nil {
			return err
		}
		r.Bytes()[0] = 1
		return errors.New("stored")
	}
	children["tries"] = func([]string) error { return tries(os.NewFile(3, "given")) }
}

// tries does all that a receiver of a sealed memfd may want to do to it, and fails if
// any of it succeeds.
func tries(f *os.File) error {
	var wrong []error
	expect := func(what string, err error, want ...error) {
		for _, w := range want {
			if errors.Is(err, w) {
				return
			}
		}
		wrong = append(wrong, errors.New(what+": "+errString(err)))
	}
	fd := int(f.Fd())
	files := map[string]int{"as it came": fd}
	if again, err := unix.Open(procFD(fd), unix.O_RDWR, 0); err == nil { // root may, and others of this user
		files["opened for writing"] = again
	} else {
		expect("open for writing", err, fs.ErrPermission)
	}
	for how, fd := range files {
		_, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		expect("map for writing "+how, err, syscall.EPERM, syscall.EACCES)
		b, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		expect("mprotect "+how, unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE), syscall.EACCES)
		expect("write by /proc/self/mem "+how, writeSelf(b), syscall.EIO, syscall.EFAULT)
		expect("advise to be removed "+how, unix.Madvise(b, unix.MADV_REMOVE), syscall.EPERM, syscall.EACCES, syscall.EINVAL)
		_, err = unix.Pwrite(fd, []byte("x"), 0)
		expect("write "+how, err, syscall.EPERM, syscall.EBADF)
		expect("truncate "+how, unix.Ftruncate(fd, 0), syscall.EPERM, syscall.EINVAL)
		expect("enlarge "+how, unix.Ftruncate(fd, 1<<20), syscall.EPERM, syscall.EINVAL)
		expect("punch "+how, unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096), syscall.EPERM, syscall.EBADF)
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
		expect("another seal "+how, err, syscall.EPERM)
	}
	return errors.Join(wrong...)
}

func errString(err error) string {
	if err == nil {
		return "succeeded"
	}
	return err.Error()
}

// What only this process can write, nobody else can write, be it another user, the same
// or root, whatever he does to the file.
func TestSealed(t *testing.T) {
	r := must(Sealed("sealed", 8192, WithInit(func(b []byte) error { copy(b, "first"); return nil })))(t)
	closed(t, r)
	given := must(r.Copy())(t)
	defer given.Close()
	for _, uid := range []int{0, 65534} {
		cmd := command(t, "tries")
		cmd.ExtraFiles = []*os.File{given}
		as(t, cmd, uid)
		testutil.Start(t, cmd).Done()
	}
	if string(r.Bytes()[:5]) != "first" {
		t.Errorf("it says %q now", r.Bytes()[:5])
	}
	far := must(FromSealed(given, 1, 8192))(t)
	closed(t, far)
	copy(r.Bytes(), "later")
	if string(far.Bytes()[:5]) != "later" || !far.ReadOnly() || far.Size() != 8192 {
		t.Errorf("the receiver reads %q of %d bytes", far.Bytes()[:5], far.Size())
	}
	if _, err := FromFile(given); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("mapped for writing: %v", err)
	}
	if err := errors.Join(r.Close(), far.Close()); err != nil {
		t.Error(err)
	}
	if _, err := r.Copy(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("copy of a closed one: %v", err)
	}
}

// as has cmd run as another user, which only root can do.
func as(t *testing.T, cmd *exec.Cmd, uid int) {
	t.Helper()
	if uid == os.Getuid() {
		return
	}
	if os.Getuid() != 0 {
		testutil.Absent(t, "only root can start a process of another user")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
}

// Who reads or writes where it must not, dies; it does not hit another's memory.
func TestSealedIsGuarded(t *testing.T) {
	r := must(Sealed("sealed", 4096))(t)
	closed(t, r)
	given := must(r.Copy())(t)
	defer given.Close()
	for _, c := range [][]string{{"read beside", "before"}, {"read beside", "behind"}, {"store"}} {
		cmd := command(t, c[0], c[1:]...)
		cmd.ExtraFiles = []*os.File{given}
		if said := testutil.Start(t, cmd).Fails(); !strings.Contains(said, "SIGSEGV") {
			t.Errorf("%v: %s", c, said)
		}
	}
}

// What is not as Sealed makes it is not mapped.
func TestFromSealedRefuses(t *testing.T) {
	memfd := func(flags, size, seals int) *os.File {
		fd := must(unix.MemfdCreate("x", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|flags))(t)
		f := os.NewFile(uintptr(fd), "x")
		t.Cleanup(func() { f.Close() })
		if err := unix.Ftruncate(fd, int64(size)); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
			t.Fatal(err)
		}
		return f
	}
	file := must(os.CreateTemp(t.TempDir(), "x"))(t)
	defer file.Close()
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	path := must(unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0))(t)
	opath := os.NewFile(uintptr(path), "path")
	defer opath.Close()
	for name, c := range map[string]struct {
		file *os.File
		want error
	}{
		"no seals":           {memfd(0, 8192, 0), ErrSeals},
		"can be written":     {memfd(0, 8192, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL), ErrSeals},
		"can shrink":         {memfd(0, 8192, unix.F_SEAL_FUTURE_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SEAL), ErrSeals},
		"can grow":           {memfd(0, 8192, unix.F_SEAL_FUTURE_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL), ErrSeals},
		"takes more seals":   {memfd(0, 8192, unix.F_SEAL_FUTURE_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW), ErrSeals},
		"huge pages":         {memfd(unix.MFD_HUGETLB, 2<<20, sealedSeals), ErrSeals},
		"too short":          {memfd(0, 4096, sealedSeals), ErrSize},
		"too long":           {memfd(0, 1<<20, sealedSeals), ErrSize},
		"far too long":       {memfd(0, 1<<30, sealedSeals), ErrSize},
		"an ordinary file":   {file, ErrSeals},
		"a pipe":             {pipe, ErrSeals},
		"a path, not opened": {opath, ErrSeals},
	} {
		before := testutil.OpenFDs()
		if r, err := FromSealed(c.file, 8192, 16384); !errors.Is(err, c.want) {
			t.Errorf("%s: %v and %v, want %v", name, r, err, c.want)
		}
		if now := testutil.OpenFDs(); now != before {
			t.Errorf("%s: %d descriptors, %d before", name, now, before)
		}
	}
	// A file of holes is taken, and filled before it is read.
	r := must(FromSealed(memfd(0, 8192, sealedSeals), 8192, 8192))(t)
	closed(t, r)
	if n := resident(t, r.Bytes()); n != 2 {
		t.Errorf("%d pages of 2 are there", n)
	}
	if _, err := Sealed("huge", 4096, WithHugePages(HugeRequire)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("from the hugetlb pool: %v", err)
	}
}
