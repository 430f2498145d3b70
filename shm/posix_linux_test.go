package shm

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"annulus/internal/testutil"
)

func TestPOSIXNames(t *testing.T) {
	for _, name := range []string{"", "/", "/leading", "a/b", ".", "..", "nul\x00", strings.Repeat("x", 256), tempPrefix + "x"} {
		_, err1 := Create(name, 1)
		_, err2 := Open(name)
		for _, err := range []error{err1, err2, Remove(name)} {
			if !errors.Is(err, ErrName) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if _, err := Open(testutil.ShmName()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open nothing: %v", err)
	}
	if err := Remove(testutil.ShmName()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("remove nothing: %v", err)
	}
}

func TestListAndRemove(t *testing.T) {
	name := shmName(t)
	find := func() *Info {
		for _, i := range must(List())(t) {
			if i.Name == name {
				return &i
			}
			if strings.HasPrefix(i.Name, tempPrefix) {
				t.Errorf("List shows %s", i.Name)
			}
		}
		return nil
	}
	if find() != nil {
		t.Fatal("there already")
	}
	noUnnamed.Store(true)
	defer noUnnamed.Store(false)
	r := must(Create(name, 10000, WithMode(0o640), WithInit(func([]byte) error {
		if find() != nil {
			t.Error("visible before it is complete")
		}
		return nil
	})))(t)
	defer r.Close()
	i := find()
	if i == nil {
		t.Fatal("not in the list")
	}
	if i.Size != int64(r.Size()) || i.Mode != 0o640 || i.UID != os.Geteuid() || time.Since(i.ModTime) > time.Hour {
		t.Errorf("%+v", *i)
	}
	if _, err := Create(name, 1); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second create: %v", err)
	}
	if err := Remove(name); err != nil {
		t.Fatal(err)
	}
	if find() != nil {
		t.Error("still in the list")
	}
	if n, err := r.Links(); n != 0 || err != nil {
		t.Errorf("Links: %d, %v", n, err)
	}
}

const cProgram = `
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv) {
	int fd = shm_open(argv[1], O_RDWR, 0);
	if (fd < 0) { perror("shm_open"); return 1; }
	char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) { perror("mmap"); return 1; }
	puts(p);
	strcpy(p, "from C");
	struct flock lk = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (1LL << 40) + 7, .l_len = 1 };
	if (fcntl(fd, F_OFD_GETLK, &lk)) { perror("fcntl"); return 1; }
	puts(lk.l_type == F_UNLCK ? "free" : "locked");
	return 0;
}
`

// A C program opens the same object by shm_open and sees the same locks.
func TestPOSIXIsWhatCOpens(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "peer.c")
	if err := os.WriteFile(src, []byte(cProgram), 0o600); err != nil {
		t.Fatal(err)
	}
	bin := testutil.BuildC(t, "peer", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", src, "-lrt")
	r := must(Create(shmName(t), 4096))(t)
	defer r.Close()
	for _, want := range []string{"free", "locked"} {
		copy(r.Bytes(), "from Go\x00")
		out, err := exec.Command(bin, "/"+r.Name()).CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || len(got) != 3 || got[1] != "Go" || got[2] != want {
			t.Fatalf("%v %q, expected %q", err, out, want)
		}
		if !strings.HasPrefix(string(r.Bytes()), "from C\x00") {
			t.Errorf("%q", r.Bytes()[:8])
		}
		if want == "free" {
			if err := r.TryLock(7); err != nil {
				t.Fatal(err)
			}
		}
	}
}
