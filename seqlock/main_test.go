package seqlock_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"testing"

	"annulus/internal/testutil"
)

// roles are the other processes' programs. They print a line when they have
// reached what a test waits for, so that tests wait for states and not for times.
var roles = testutil.Roles{}

func TestMain(m *testing.M) { testutil.Main(m, roles, nil) }

var (
	must       = testutil.Must
	eventually = testutil.Eventually
	forever    = testutil.Forever
	cellName   = testutil.ShmName // free in POSIX shared memory
)

// start starts this binary in a role.
func start(t testing.TB, role string, args ...string) *testutil.Process {
	t.Helper()
	cmd := testutil.Child(t, role, args...)
	cmd.SysProcAttr = testutil.DieWithParent()
	return testutil.Start(t, cmd)
}

// sample is a value that tells whether it is whole.
type sample struct {
	Version uint64
	Fill    [60]uint32
	Sum     uint64
}

func (s *sample) sum() uint64 {
	h := s.Version
	for _, f := range s.Fill {
		h = h*0x100000001b3 ^ uint64(f)
	}
	return h
}

// set fills s word by word, which takes its time.
func (s *sample) set(version uint64) {
	s.Version = version
	for i := range s.Fill {
		s.Fill[i] = uint32(version) * uint32(i+1)
	}
	s.Sum = s.sum()
}

func sampleOf(version uint64) (s sample) {
	s.set(version)
	return s
}

func (s *sample) check(version uint64) error {
	if s.Version != version || s.Sum != s.sum() {
		return fmt.Errorf("torn: version %d holds %d, sum %#x, want %#x", version, s.Version, s.Sum, s.sum())
	}
	return nil
}

// packet is sample for blocks: of a length that follows from the version.
func packet(version uint64, most int) []byte {
	b := make([]byte, packetSize(version, most))
	fill(b, version)
	return b
}

func packetSize(version uint64, most int) int { return 12 + int(version*7919)%(most-11) }

func fill(b []byte, version uint64) {
	binary.LittleEndian.PutUint64(b, version)
	for i := 8; i < len(b)-4; i++ {
		b[i] = byte(version) + byte(i)
	}
	binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.ChecksumIEEE(b[:len(b)-4]))
}

func checkPacket(b []byte, version uint64) error {
	if len(b) < 12 || binary.LittleEndian.Uint64(b) != version ||
		binary.LittleEndian.Uint32(b[len(b)-4:]) != crc32.ChecksumIEEE(b[:len(b)-4]) {
		return fmt.Errorf("torn: version %d holds %d bytes: %x", version, len(b), b[:min(len(b), 32)])
	}
	return nil
}

// posix tells whether there is POSIX shared memory, and memfds.
const posix = runtime.GOOS == "linux"

// closing closes at the end of the test what is not closed until then.
func closing(t testing.TB, cs ...io.Closer) {
	t.Cleanup(func() {
		for _, c := range cs {
			must(t, c.Close())
		}
	})
}
