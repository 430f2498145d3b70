package shm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
)

func init() {
	children["opener"] = opener
	children["write-read-only"] = writeReadOnly
}

// sharedDir is a directory that other users can reach.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir := must(os.MkdirTemp("", "annulus-shm-"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What is not a regular file is refused by its kind, at once and untouched.
func TestNotRegular(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(CreateFile(at("file"), 1))(t).Close()
	for _, err := range []error{
		os.Symlink(at("file"), at("symlink")),
		os.Symlink(at("nothing"), at("dangling")),
		os.Mkdir(at("directory"), 0o700),
		unix.Mkfifo(at("fifo"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l := must(net.Listen("unix", at("socket")))(t)
	defer l.Close()
	tests := []struct{ path, kind string }{
		{at("symlink"), "symbolic link"}, {at("dangling"), "symbolic link"}, {at("directory"), "directory"},
		{at("fifo"), "FIFO"}, {at("socket"), "socket"}, {"/dev/null", "character device"},
	}
	for _, tt := range tests {
		t.Run(filepath.Base(tt.path), func(t *testing.T) {
			_, err := OpenFile(tt.path)
			_, ro := OpenFile(tt.path, ReadOnly())
			for _, err := range []error{err, ro, RemoveFile(tt.path)} {
				if !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), tt.kind) {
					t.Errorf("expected %q: %v", tt.kind, err)
				}
			}
			if _, err := CreateFile(tt.path, 1); !errors.Is(err, fs.ErrExist) && !errors.Is(err, ErrFilesystem) {
				t.Errorf("create: %v", err)
			}
		})
	}
	if _, err := OpenFile(at("file") + "/x"); err == nil {
		t.Error("opened below a file")
	}
}

func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenFile(path)
	if !errors.Is(err, ErrSize) || !strings.Contains(err.Error(), "0 bytes") {
		t.Error(err)
	}
	// One byte is enough, and no more than is there is shown.
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := must(OpenFile(path))(t)
	defer r.Close()
	if string(r.Bytes()) != "x" || r.Size() != 1 || cap(r.Bytes()) != 1 {
		t.Errorf("%q", r.Bytes())
	}
}

func TestFilesystems(t *testing.T) {
	defer func(f func(int) (uint32, error)) { statfsType = f }(statfsType)
	dir := t.TempDir()
	path := filepath.Join(dir, "region")
	must(CreateFile(path, 1))(t).Close()
	for typ, name := range refused {
		statfsType = func(int) (uint32, error) { return typ, nil }
		_, err1 := OpenFile(path)
		_, err2 := CreateFile(path+"2", 1)
		for _, err := range []error{err1, err2} {
			if !errors.Is(err, ErrFilesystem) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if names := dirNames(t, dir); len(names) != 1 {
		t.Errorf("left over: %q", names)
	}
}

// Other users' files: what nobody may open, and whose he may take.
func TestOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to be somebody else")
	}
	const nobody = 65534
	dir := sharedDir(t)
	private, public := filepath.Join(dir, "private"), filepath.Join(dir, "public")
	must(CreateFile(private, 1))(t).Close()
	must(CreateFile(public, 1, WithMode(0o666)))(t).Close()
	foreign := filepath.Join(dir, "foreign")
	must(CreateFile(foreign, 1))(t).Close()
	if err := os.Chown(foreign, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, owners, want string }{
		{private, "none", "permission"},
		{private, "root", "permission"},
		{public, "none", "owner"}, // root's files too
		{public, "root", "ok"},
		{foreign, "none", "ok"},
		{filepath.Join(dir, "new"), "create", "permission"},
	}
	for _, tt := range tests {
		t.Run(filepath.Base(tt.path)+"/"+tt.owners, func(t *testing.T) {
			cmd := command(t, "opener", tt.path, tt.owners)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			c := testutil.Start(t, cmd)
			c.Expect(tt.want)
			c.Done()
		})
	}
	if _, err := OpenFile(foreign); !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "65534") {
		t.Errorf("root opens nobody's file: %v", err)
	}
	must(OpenFile(foreign, WithOwner(nobody)))(t).Close()
}

func opener(args []string) error {
	var opts []Option
	if args[1] == "root" {
		opts = append(opts, WithOwner(0))
	}
	var err error
	if args[1] == "create" {
		_, err = CreateFile(args[0], 1)
	} else {
		_, err = OpenFile(args[0], opts...)
	}
	switch {
	case err == nil:
		fmt.Println("ok")
	case errors.Is(err, ErrOwner):
		fmt.Println("owner")
	case errors.Is(err, fs.ErrPermission):
		fmt.Println("permission")
	default:
		fmt.Println(err)
	}
	return nil
}

// A store into a read-only region is a crash, not a change.
func TestReadOnlyIsReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "region")
	r := must(CreateFile(path, 4096))(t)
	defer r.Close()
	c := start(t, "write-read-only", path)
	if err := c.End(); err == nil || !strings.Contains(c.Complaints(), "SIGSEGV") {
		t.Errorf("%v\n%s", err, c.Complaints())
	}
	if !bytes.Equal(r.Bytes(), make([]byte, 4096)) {
		t.Error("the region was changed")
	}
}

func writeReadOnly(args []string) error {
	r, err := OpenFile(args[0], ReadOnly())
	if err != nil {
		return err
	}
	flags, err := unix.FcntlInt(r.File().Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_ACCMODE != unix.O_RDONLY {
		return fmt.Errorf("flags %#x, %v", flags, err)
	}
	r.Bytes()[0] = 1
	return nil
}

// A mapping is not inherited by a child that does not exec.
func TestNotInheritedByFork(t *testing.T) {
	r := must(CreateFile(filepath.Join(t.TempDir(), "region"), 4096))(t)
	defer r.Close()
	smaps := string(must(os.ReadFile("/proc/self/smaps"))(t))
	_, rest, ok := strings.Cut(smaps, inode(t, r))
	if !ok {
		t.Fatal("not mapped")
	}
	_, flags, _ := strings.Cut(rest, "VmFlags:")
	flags, _, _ = strings.Cut(flags, "\n")
	if !strings.Contains(flags+" ", " dc ") { // do not copy on fork
		t.Errorf("VmFlags:%s", flags)
	}
}
