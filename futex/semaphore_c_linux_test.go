package futex

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
)

// semPeer is the C program of these tests.
func semPeer(t *testing.T) string {
	t.Helper()
	return testutil.BuildC(t, "sem_peer", "-O2", "-Wall", "-Werror", "-pthread", filepath.Join("testdata", "sem_peer.c"))
}

// cSemaphores is a file of semaphores, 64 bytes apart, that C and Go share.
type cSemaphores struct {
	t    *testing.T
	exe  string
	path string
	mem  []byte
}

func newCSemaphores(t *testing.T) *cSemaphores {
	t.Helper()
	newSemaphore(t, 0) // skips where there are none
	exe := semPeer(t)
	path, mem := sharedFile(t)
	return &cSemaphores{t, exe, path, mem}
}

func (c *cSemaphores) init(i int, value uint32) *Semaphore {
	c.t.Helper()
	s, err := InitSemaphore(c.mem[64*i:], value)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// peer starts the C program with a command on semaphore i.
func (c *cSemaphores) peer(cmd string, i int, args ...int) *testutil.Process {
	c.t.Helper()
	argv := []string{c.path, cmd, strconv.Itoa(64 * i)}
	for _, a := range args {
		argv = append(argv, strconv.Itoa(a))
	}
	return start(c.t, exec.CommandContext(c.t.Context(), c.exe, argv...))
}

// expect compares what sem_getvalue and the words say with what Go says.
func (c *cSemaphores) expect(i int, s *Semaphore, value, waiters int) {
	c.t.Helper()
	expectWords(c.t, s, value, waiters)
	if got, want := c.peer("value", i).Done(), fmt.Sprintf("value %d waiters %d", value, waiters); got != want {
		c.t.Errorf("C sees %s, expected %s", got, want)
	}
}

func (c *cSemaphores) waiting(s *Semaphore, n int) {
	c.t.Helper()
	eventually(c.t, "announced waiters", func() bool { return s.waiters() == n })
	asleep(c.t, s.word, n)
}

func TestSemaphoreInitialisedByC(t *testing.T) {
	c := newCSemaphores(t)
	for i := range c.mem[:64] {
		c.mem[i] = 0xee
	}
	c.peer("init", 0, 5).Done()
	s, err := SemaphoreAt(c.mem)
	if err != nil {
		t.Fatal(err)
	}
	c.expect(0, s, 5, 0)
	if !s.TryAcquire() {
		t.Error("5 tokens, none to take")
	}
	c.expect(0, s, 4, 0)
}

func TestSemaphoreTryAndTimedWaitInC(t *testing.T) {
	c := newCSemaphores(t)
	s := c.init(1, 1)
	for _, want := range []string{"acquired", "EAGAIN"} {
		if out := c.peer("trywait", 1).Done(); out != want {
			t.Errorf("sem_trywait: %s, expected %s", out, want)
		}
	}
	if out := c.peer("timedwait", 1, 20).Done(); out != "ETIMEDOUT" {
		t.Errorf("sem_timedwait: %s", out)
	}
	c.expect(1, s, 0, 0)
	p := c.peer("timedwait", 1, int(patience/time.Millisecond))
	c.waiting(s, 1)
	c.expect(1, s, 0, 1)
	if err := s.Release(); err != nil {
		t.Error(err)
	}
	if out := p.Done(); out != "acquired" {
		t.Errorf("sem_timedwait: %s", out)
	}
	c.expect(1, s, 0, 0)
}

func TestSemaphoreGoWokenByC(t *testing.T) {
	bothCancels(t, func(t *testing.T) {
		c := newCSemaphores(t)
		for name, acquire := range map[string]func(*Semaphore) error{
			"AcquireUntil": func(s *Semaphore) error { return s.AcquireUntil(time.Now().Add(patience)) },
			"Acquire":      func(s *Semaphore) error { return s.Acquire(t.Context()) },
		} {
			s, done := c.init(0, 0), make(chan error, 1)
			go func() { done <- acquire(s) }()
			c.waiting(s, 1)
			c.expect(0, s, 0, 1)
			c.peer("post", 0, 1).Done()
			if err := receive(t, done); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			c.expect(0, s, 0, 0)
		}
	})
}

func TestSemaphorePingPongWithC(t *testing.T) {
	bothCancels(t, func(t *testing.T) {
		const rounds = 10_000
		c := newCSemaphores(t)
		ping, pong := c.init(0, 0), c.init(1, 0)
		p := c.peer("pingpong", 0, 64, rounds)
		for i := range rounds {
			if err := ping.Release(); err != nil {
				t.Fatal(err)
			}
			if err := pong.Acquire(t.Context()); err != nil {
				t.Fatalf("round %d: %v", i, err)
			}
		}
		if out := p.Done(); out != fmt.Sprint("answered ", rounds) {
			t.Error(out)
		}
		c.expect(0, ping, 0, 0)
		c.expect(1, pong, 0, 0)
	})
}

// Two Go and two C waiters, a Go and a C poster: each takes exactly its share.
func TestSemaphoreMixedCrowd(t *testing.T) {
	const share = 5000
	c := newCSemaphores(t)
	s, done := c.init(0, 0), make(chan error, 2)
	cWaiters := []*testutil.Process{c.peer("wait", 0, share), c.peer("wait", 0, share)}
	acquires := []func() error{
		func() error { return s.Acquire(t.Context()) },
		func() error { return s.AcquireUntil(time.Now().Add(patience)) },
	}
	for _, acquire := range acquires {
		go func() {
			var err error
			for i := 0; i < share && err == nil; i++ {
				err = acquire()
			}
			done <- err
		}()
	}
	eventually(t, "all four wait", func() bool { return s.waiters() == 4 })
	poster := c.peer("post", 0, 2*share)
	for range 2 * share {
		if err := s.Release(); err != nil {
			t.Fatal(err)
		}
	}
	poster.Done()
	for range acquires {
		if err := receive(t, done); err != nil {
			t.Error(err)
		}
	}
	for _, p := range cWaiters {
		if out := p.Done(); out != fmt.Sprint("waited ", share) {
			t.Error(out)
		}
	}
	c.expect(0, s, 0, 0)
}

// A C waiter that is killed stays counted, and takes nothing with it.
func TestSemaphoreKilledWaiter(t *testing.T) {
	c := newCSemaphores(t)
	s, done := c.init(0, 0), make(chan error, 1)
	p := c.peer("wait", 0, 1)
	c.waiting(s, 1)
	go func() { done <- s.Acquire(t.Context()) }()
	c.waiting(s, 2)
	p.Kill()
	if err := s.Release(); err != nil {
		t.Error(err)
	}
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
	c.expect(0, s, 0, 1)
	for range 100 {
		if err := s.Release(); err != nil {
			t.Error(err)
		}
		if err := s.AcquireUntil(past()); err != nil {
			t.Error(err)
		}
	}
	c.expect(0, s, 0, 1)
}

// A token whose wake died with the one who was woken is found all the same.
func TestSemaphoreWakeLostByDeath(t *testing.T) {
	s, done := newSemaphore(t, 0), make(chan error, 2)
	go func() { done <- s.AcquireUntil(time.Time{}) }()
	go func() { done <- s.Acquire(t.Context()) }()
	eventually(t, "both wait", func() bool { return s.waiters() == 2 })
	asleep(t, s.word, 2)
	s.data.Add(2) // posts without their wakes
	for range 2 {
		if err := receive(t, done); err != nil {
			t.Error(err)
		}
	}
	expectWords(t, s, 0, 0)
}

// A semaphore that C made by name, found by Go as the file that it is.
func TestSemaphoreNamedByC(t *testing.T) {
	newSemaphore(t, 0)
	name := "annulus-futex-" + strconv.Itoa(os.Getpid())
	path := "/dev/shm/sem." + name
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("no /dev/shm for sem_open: ", err)
	}
	p := start(t, exec.CommandContext(t.Context(), semPeer(t), "/"+name, "named", "2"))
	t.Cleanup(func() { os.Remove(path) })
	var mem []byte
	eventually(t, path, func() bool {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return false
		}
		defer f.Close()
		mem, err = unix.Mmap(int(f.Fd()), 0, SemaphoreSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return err == nil
	})
	defer unix.Munmap(mem)
	s, err := SemaphoreAt(mem)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Release(); err != nil {
			t.Error(err)
		}
	}
	if out := p.Done(); !strings.HasPrefix(out, "waited 2") {
		t.Error(out)
	}
	expectWords(t, s, 0, 0)
}

// The memory goes while a goroutine waits: an error, not a dead process.
func TestSemaphoreFault(t *testing.T) {
	c := newCSemaphores(t)
	s := c.init(0, 0)
	if err := os.Truncate(c.path, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.sleep(time.Now().Add(patience), nil); !errors.Is(err, ErrFault) {
		t.Error(err)
	}
}
