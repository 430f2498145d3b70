package seqlock_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestMain also plays the other processes of the tests: with ANNULUS_ROLE set the
// binary does as it says and exits. Nothing may be left in shared memory, no
// descriptor and no goroutine.
func TestMain(m *testing.M) {
	if role := os.Getenv("ANNULUS_ROLE"); role != "" {
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if r, w, err := os.Pipe(); err == nil { // the netpoller's own descriptors
		r.Close()
		w.Close()
	}
	fds, goroutines := openFDs(), runtime.NumGoroutine()
	code := m.Run()
	if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/annulus-cell-%d-*", os.Getpid())); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = 1
	}
	for range 2000 { // goroutines end a little after what they were waited for
		if openFDs() <= fds && runtime.NumGoroutine() <= goroutines {
			os.Exit(code)
		}
		time.Sleep(time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "leak: %d descriptors, %d before; %d goroutines, %d before\n%s\n",
		openFDs(), fds, runtime.NumGoroutine(), goroutines, buf[:runtime.Stack(buf, true)])
	os.Exit(1)
}

// openFDs counts this process's descriptors, where the system shows them.
func openFDs() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// roles are the other processes' programs. They print a line when they have
// reached what a test waits for, so that tests wait for states and not for times.
var roles = map[string]func(args []string) error{}

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

// forever waits to be killed. A bare select would be a deadlock to the runtime.
func forever() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGHUP)
	<-ch
}

var pid = os.Getpid()

// posix tells whether there is POSIX shared memory, and memfds.
const posix = runtime.GOOS == "linux"

var unique atomic.Int64

// cellName is free in POSIX shared memory.
func cellName() string { return fmt.Sprintf("annulus-cell-%d-%d", os.Getpid(), unique.Add(1)) }

// peer is another process.
type peer struct {
	*exec.Cmd
	t   testing.TB
	out *bufio.Reader
}

func start(t testing.TB, role string, args ...string) *peer {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "ANNULUS_ROLE="+role)
	return run(t, cmd)
}

func run(t testing.TB, cmd *exec.Cmd) *peer {
	t.Helper()
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &peer{cmd, t, bufio.NewReader(out)}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.kill()
		}
	})
	return p
}

// expect waits for the next line that the peer prints.
func (p *peer) expect(want string) {
	p.t.Helper()
	got, err := p.out.ReadString('\n')
	if got = strings.TrimSpace(got); got != want {
		p.t.Fatalf("peer says %q (%v), want %q", got, err, want)
	}
}

func (p *peer) kill() {
	p.Process.Kill()
	p.Wait()
}

// ends waits for the end of the peer, which must be in order.
func (p *peer) ends() {
	p.t.Helper()
	io.Copy(io.Discard, p.out)
	must(p.t, p.Wait())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// closing closes at the end of the test what is not closed until then.
func closing(t testing.TB, cs ...io.Closer) {
	t.Cleanup(func() {
		for _, c := range cs {
			must(t, c.Close())
		}
	})
}

// eventually waits for a state that no channel announces.
func eventually(t testing.TB, what string, state func() bool) {
	t.Helper()
	for range 20000 {
		if state() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("never: ", what)
}
