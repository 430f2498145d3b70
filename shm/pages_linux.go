package shm

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func adviseNoFork(mem []byte) error { return unix.Madvise(mem, unix.MADV_DONTFORK) }

func mlock(mem []byte) error { return unix.Mlock(mem) }

// prefault has the kernel map every page, without changing a byte.
func prefault(mem []byte, readOnly bool) error {
	advice := unix.MADV_POPULATE_WRITE
	if readOnly {
		advice = unix.MADV_POPULATE_READ
	}
	err := retry(func() error { return unix.Madvise(mem, advice) })
	if err != unix.EINVAL {
		return err
	}
	// Before Linux 5.14: reading maps the pages at least.
	touch(mem)
	return nil
}

// hugePages turns the mapping into huge pages. It returns why it could not.
func (r *Region) hugePages() string {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(r.fd, &st) }); err == nil && uint32(st.Type) == unix.HUGETLBFS_MAGIC {
		return ""
	}
	huge := hugeSize()
	switch {
	case huge == 0:
		return "the kernel has no transparent huge pages"
	case len(r.mem) < huge:
		return fmt.Sprintf("%d bytes are less than a huge page of %d", len(r.mem), huge)
	}
	if err := unix.Madvise(r.mem, unix.MADV_HUGEPAGE); err != nil {
		return fmt.Sprintf("madvise(MADV_HUGEPAGE): %v", err)
	}
	// The pages were allocated with the file, perhaps small: have them put
	// together. The kernel may answer EAGAIN when it was merely busy.
	whole := len(r.mem) / huge * huge
	_ = prefault(r.mem, r.readOnly)
	var err error
	for range 4 {
		err = unix.Madvise(r.mem[:whole], unix.MADV_COLLAPSE)
		if err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	// Some file systems had large ones from the start and refuse this.
	if err != nil && hugeMapped(r.mem) < whole {
		return fmt.Sprintf("madvise(MADV_COLLAPSE): %v", err)
	}
	return ""
}

// hugeMapped returns how many bytes of a mapping the kernel maps by huge pages.
func hugeMapped(mem []byte) int {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0
	}
	base, _ := span(mem)
	_, entry, _ := strings.Cut("\n"+string(smaps), fmt.Sprintf("\n%x-", base))
	entry, _, _ = strings.Cut(entry, "VmFlags:")
	sum := 0
	for _, key := range []string{"\nShmemPmdMapped:", "\nFilePmdMapped:"} {
		_, rest, _ := strings.Cut(entry, key)
		n := 0
		if _, err := fmt.Sscan(rest, &n); err == nil {
			sum += n << 10
		}
	}
	return sum
}

// hugeSize returns the size of a transparent huge page, 0 without.
func hugeSize() int {
	b, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
	if err != nil {
		return 0
	}
	n := 0
	if _, err := fmt.Sscan(string(b), &n); err != nil || n <= 0 || n&(n-1) != 0 {
		return 0
	}
	return n
}
