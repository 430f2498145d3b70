package ring_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
)

// roles are the programs of the tests' other processes; test files add theirs in init.
// A role prints a line when it has reached what its test waits for, so that tests wait
// for states and not for times.
var roles = testutil.Roles{}

func TestMain(m *testing.M) { testutil.Main(m, roles, nil) }

var (
	must       = testutil.Must
	eventually = testutil.Eventually
	forever    = testutil.Forever
)

// peer is another process.
type peer = testutil.Process

// start starts this binary in a role.
func start(t testing.TB, role string, args ...string) *peer {
	t.Helper()
	return startWith(t, nil, role, args...)
}

// startWith is start for a peer that inherits files.
func startWith(t testing.TB, files []*os.File, role string, args ...string) *peer {
	t.Helper()
	cmd := testutil.Child(t, role, args...)
	cmd.ExtraFiles = files
	cmd.SysProcAttr = testutil.DieWithParent()
	return testutil.Start(t, cmd)
}

// shmName is free in POSIX shared memory; who makes a ring of it removes it.
func shmName(testing.TB) string { return testutil.ShmName() }

// shared makes a ring that other processes find by name.
func shared(t testing.TB, c ring.Config) (*ring.Ring, string) {
	t.Helper()
	name := shmName(t)
	r, err := ring.Create(name, c)
	must(t, err)
	t.Cleanup(func() { must(t, ring.Remove(name)) })
	closing(t, r)
	return r, name
}

// closing closes at the end of the test what is not closed until then.
func closing[C io.Closer](t testing.TB, cs ...C) {
	t.Cleanup(func() {
		for _, c := range cs {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// payload is a message that tells its number and whether it is whole.
func payload(n uint64) []byte {
	b := make([]byte, 8+n%57)
	binary.LittleEndian.PutUint64(b, n)
	for i := 8; i < len(b); i++ {
		b[i] = byte(n) + byte(i)
	}
	return b
}

func checkPayload(b []byte, n uint64) error {
	if string(b) != string(payload(n)) {
		return fmt.Errorf("%x in place of message %d", b, n)
	}
	return nil
}

func wantText(t *testing.T, b []byte, want string) {
	t.Helper()
	if string(b) != want {
		t.Fatalf("received %q, want %q", b, want)
	}
}

// receiveText waits for a message and holds it against want.
func receiveText(t *testing.T, c *ring.Consumer, want string) {
	t.Helper()
	b, err := c.Recv(t.Context(), nil)
	must(t, err)
	wantText(t, b, want)
}
