//go:build linux

package ring_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/futex"
	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/shm"
)

// The cases of the fault list (docs/operations/faults.md) that other tests do not
// show: about who lives.

func init() {
	roles["lock-member"] = lockMember
	roles["claim-stop-commit"] = claimStopCommit
	roles["claim-fork"] = claimFork
	roles["claim-received"] = claimReceived
	roles["other-clock"] = otherClock
	roles["see-alive"] = seeAlive
	roles["send-until-removed"] = sendUntilRemoved
}

var casesConfig = ring.Config{Topology: ring.MPMC, Capacity: 4, SlotSize: 64, Members: 6}

// nothingYet looks more often than a blocked endpoint does before it looks who lives.
func nothingYet(t *testing.T, c *ring.Consumer) {
	t.Helper()
	for range 1000 {
		if b, err := c.TryRecv(nil); err != ring.ErrEmpty {
			t.Fatalf("%q, %v, want ErrEmpty", b, err)
		}
	}
}

// Two claimers of neighbouring places are killed; then all producers are: what was
// committed arrives, then nothing.
func TestCase10_NeighboursKilled(t *testing.T) {
	r, name := shared(t, casesConfig)
	p, err := r.Producer()
	must(t, err)
	a, b := start(t, "claim", name), start(t, "claim", name)
	a.Expect("begun")
	b.Expect("begun")
	must(t, p.TrySend([]byte("behind both")))
	a.Kill()
	b.Kill()
	c, err := r.Consumer()
	must(t, err)
	receiveText(t, c, "behind both")
	stats(t, r, 2, 0)
	last := start(t, "claim", name)
	last.Expect("begun")
	must(t, p.TrySend([]byte("the last")))
	must(t, p.Close())
	last.Kill()
	receiveText(t, c, "the last")
	if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
		t.Errorf("%v, want ErrEmpty", err)
	}
	if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{}) {
		t.Errorf("%+v, %v is left", rec, err)
	}
}

// lockMember holds an entry of the endpoint table that it has written nothing into.
func lockMember(args []string) error {
	region, err := shm.Open(args[0])
	if err != nil {
		return err
	}
	if err := region.TryLock(layout.LockMember); err != nil {
		return err
	}
	return killMe()
}

// Who attaches is killed with the lock and without an entry, or with an entry
// and without a claim: the place is free again.
func TestCase12_AttacherKilled(t *testing.T) {
	for _, role := range []string{"lock-member", "send-until-removed"} {
		config := casesConfig
		config.Members = 2
		r, name := shared(t, config)
		a := start(t, role, name)
		a.Expect("begun")
		p, err := r.Producer()
		must(t, err)
		if _, err := r.Consumer(); !errors.Is(err, ring.ErrAttached) {
			t.Fatalf("%s: %v, want ErrAttached", role, err)
		}
		a.Kill()
		c, err := r.Consumer()
		must(t, err)
		if role == "lock-member" {
			must(t, p.TrySend([]byte("works")))
			receiveText(t, c, "works")
		}
		must(t, c.Close())
		must(t, p.Close())
	}
}

// Consumers that take over are killed while they do: nothing is lost or doubled.
func TestCase15_TakeoverKilled(t *testing.T) {
	r, name := shared(t, ring.Config{Capacity: 4096})
	p, err := r.Producer()
	must(t, err)
	for i := range uint64(10) {
		must(t, p.TrySend(payload(i)))
	}
	for i := range 12 {
		c := start(t, "hold", name)
		if i%3 == 0 {
			c.Expect("begun")
		}
		c.Kill()
	}
	c, err := r.Consumer()
	must(t, err)
	for i := range uint64(10) {
		b, err := c.TryRecv(nil)
		must(t, err)
		must(t, checkPayload(b, i))
	}
	if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
		t.Errorf("%v, want ErrEmpty", err)
	}
}

// claimStopCommit stops between its claim and its commit.
func claimStopCommit(args []string) error {
	r, p, err := producerOf(args[0])
	if err != nil {
		return err
	}
	b, err := p.TryReserve(4)
	if err != nil {
		return err
	}
	fmt.Println("begun")
	if err := killpoint.Stop(); err != nil {
		return err
	}
	copy(b, "late")
	if err := p.Commit(4); err != nil {
		return err
	}
	return r.Close()
}

// A producer that is stopped with a claim is waited for, and reported, however
// often others look; what it commits then comes in its turn.
func TestCase17_StoppedWithAClaim(t *testing.T) {
	r, name := shared(t, casesConfig)
	child := start(t, "claim-stop-commit", name)
	child.Expect("begun")
	child.Stopped()
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	must(t, p.TrySend([]byte("after")))
	for range 20 {
		nothingYet(t, c)
		if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{Claimed: 1}) {
			t.Fatalf("Recover: %+v, %v", rec, err)
		}
	}
	s, err := r.Stats()
	must(t, err)
	found := false
	for _, m := range s.Members {
		found = found || m.Stopped && m.Claims == 1 && m.PID == child.PID()
	}
	if !found {
		t.Errorf("nobody is reported as stopped with a claim: %+v", s.Members)
	}
	child.Signal(syscall.SIGCONT)
	receiveText(t, c, "late")
	receiveText(t, c, "after")
	stats(t, r, 0, 0)
	child.Done()
}

// sendUntilRemoved sends until somebody says that it is in vain.
func sendUntilRemoved(args []string) error {
	r, p, err := producerOf(args[0], ring.WithStrategy(futex.Futex()))
	if err != nil {
		return err
	}
	fmt.Println("begun")
	for err == nil {
		err = p.Send(context.Background(), []byte("x"))
	}
	if !errors.Is(err, ring.ErrRemoved) {
		return err
	}
	fmt.Println("removed")
	return r.Close()
}

// A stopped producer whose ring was replaced by another of the name goes on in the
// old one, which nobody sees, and is told so as soon as it has to wait.
func TestCase19_Replaced(t *testing.T) {
	_, name := shared(t, casesConfig)
	child := start(t, "send-until-removed", name)
	child.Expect("begun")
	child.Signal(syscall.SIGSTOP)
	child.Stopped()
	must(t, ring.Remove(name))
	next, err := ring.Create(name, casesConfig)
	must(t, err)
	closing(t, next)
	before := string(next.Region().Bytes())
	child.Signal(syscall.SIGCONT)
	child.Expect("removed")
	child.Done()
	if string(next.Region().Bytes()) != before {
		t.Error("the process of the old ring has written to the new one")
	}
}

// A dead owner whose pid is another process' now is dead all the same.
func TestCase22_PIDReused(t *testing.T) {
	r, name := shared(t, casesConfig)
	child := start(t, "claim", name)
	child.Expect("begun")
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("after")))
	child.Kill()
	g := geometryOf(t, r)
	for i := range g.Members {
		h := layout.HolderAt(r.Region().Bytes(), g.MemberArea, g.Stride, i)
		if h.PID == uint64(child.PID()) {
			h.PID = uint64(os.Getpid()) // who has this number now lives
		}
	}
	c, err := r.Consumer()
	must(t, err)
	receiveText(t, c, "after")
	stats(t, r, 1, 0)
}

// seeAlive tells, from where it is, who holds claims.
func seeAlive(args []string) error {
	r, err := ring.Open(args[0])
	if err != nil {
		return err
	}
	rec, err := r.Recover()
	if err != nil {
		return err
	}
	fmt.Printf("pid %d: %+v\n", os.Getpid(), rec)
	return r.Close()
}

// Owners in another PID namespace are alive and dead as they are, seen from
// outside and from within.
func TestCase23_OtherPIDNamespace(t *testing.T) {
	r, name := shared(t, casesConfig)
	inside := func(role string, args ...string) *peer {
		return startAs(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}, role, args...)
	}
	c, err := r.Consumer()
	must(t, err)
	p, err := r.Producer()
	must(t, err)
	_, err = p.TryReserve(4)
	must(t, err)
	inside("see-alive", name).Expect(fmt.Sprintf("pid 1: %+v", ring.Recovery{Claimed: 1}))
	p.Abort()
	child := inside("claim", name)
	child.Expect("begun")
	must(t, p.TrySend([]byte("after")))
	nothingYet(t, c)
	child.Kill()
	receiveText(t, c, "after")
	stats(t, r, 1, 0)
	dead := start(t, "claim", name)
	dead.Expect("begun")
	dead.Kill()
	inside("see-alive", name).Expect(fmt.Sprintf("pid 1: %+v", ring.Recovery{Skipped: 1}))
}

// startAs is start with attributes for the process; the test is skipped where this
// system does not grant them.
func startAs(t *testing.T, attr *syscall.SysProcAttr, role string, args ...string) *peer {
	t.Helper()
	cmd := testutil.Child(t, role, args...)
	cmd.SysProcAttr = attr
	p, err := testutil.TryStart(t, cmd)
	if err != nil {
		testutil.Absent(t, "no such namespace here: %v", err)
	}
	return p
}

// claimFork makes a claim, and a child that does not exec.
func claimFork(args []string) error {
	_, p, err := producerOf(args[0])
	if err != nil {
		return err
	}
	if _, err := p.TryReserve(4); err != nil {
		return err
	}
	runtime.LockOSThread()
	// Without the runtime: in the child there is but this thread.
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		for {
			syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
	fmt.Println("begun", pid)
	forever()
	return nil
}

// The owner is killed while a child that it has forked, and that has not called
// exec, lives: the child has no mapping, but the descriptors. The owner counts as alive
// until the child has ended or called exec, then as dead.
func TestCase24_ForkedChild(t *testing.T) {
	r, name := shared(t, casesConfig)
	owner := start(t, "claim-fork", name)
	var child int
	if _, err := fmt.Sscanf(owner.Line(), "begun %d", &child); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(child, syscall.SIGKILL) })
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", child))
	must(t, err)
	if strings.Contains(string(maps), name) {
		t.Error("the forked child has the ring mapped")
	}
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("after")))
	c, err := r.Consumer()
	must(t, err)
	owner.Kill()
	nothingYet(t, c)
	must(t, syscall.Kill(child, syscall.SIGKILL))
	receiveText(t, c, "after")
	stats(t, r, 1, 0)
}

// Two endpoints of one process, by one handle and by two, are parties of their own: the
// end of one takes nothing from the other.
func TestCase26_TwiceInOneProcess(t *testing.T) {
	r, name := shared(t, casesConfig)
	other, err := ring.Open(name)
	must(t, err)
	a, err := r.Producer()
	must(t, err)
	b, err := r.Producer()
	must(t, err)
	x, err := other.Producer()
	must(t, err)
	_, err = a.TryReserve(4)
	must(t, err)
	must(t, b.Close())
	must(t, x.TrySend([]byte("after")))
	must(t, other.Close())
	c, err := r.Consumer()
	must(t, err)
	nothingYet(t, c) // a lives
	stats(t, r, 0, 1)
	must(t, a.Commit(4))
	if got, err := c.TryRecv(nil); err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	receiveText(t, c, "after")
}

// claimReceived is handed a ring over a socket and makes a claim.
func claimReceived([]string) error {
	f := os.NewFile(3, "socket")
	conn, err := net.FileConn(f)
	if err != nil {
		return err
	}
	files, err := shm.ReceiveFiles(conn.(*net.UnixConn), 1)
	if err != nil {
		return err
	}
	r, err := ring.OpenFD(files[0])
	if err != nil {
		return err
	}
	p, err := r.Producer()
	if err != nil {
		return err
	}
	if _, err := p.TryReserve(4); err != nil {
		return err
	}
	return killMe()
}

// Two processes are handed the same memfd, and one description of it even: one
// dies, the other stays alive.
func TestCase27_OneMemfdForTwo(t *testing.T) {
	r, err := ring.CreateMemfd("annulus-test", casesConfig)
	must(t, err)
	closing(t, r)
	var peers [2]*peer
	for i := range peers {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		theirs, mine := os.NewFile(uintptr(fds[0]), "theirs"), os.NewFile(uintptr(fds[1]), "mine")
		peers[i] = startWith(t, []*os.File{theirs}, "claim-received")
		// Not by SendFiles, which opens the file anew: this very description.
		must(t, unix.Sendmsg(fds[1], []byte{1}, unix.UnixRights(int(r.Region().File().Fd())), nil, 0))
		peers[i].Expect("begun")
		must(t, errors.Join(theirs.Close(), mine.Close()))
	}
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("after")))
	c, err := r.Consumer()
	must(t, err)
	peers[0].Kill()
	nothingYet(t, c)
	stats(t, r, 1, 1)
	peers[1].Kill()
	receiveText(t, c, "after")
	stats(t, r, 2, 0)
}

// otherClock echoes count messages and then waits for one more until a deadline.
func otherClock(args []string) error {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return err
	}
	there, err := ring.Open(args[0])
	if err != nil {
		return err
	}
	back, err := ring.Open(args[1])
	if err != nil {
		return err
	}
	c, err := there.Consumer(ring.WithStrategy(futex.Futex()))
	if err != nil {
		return err
	}
	p, err := back.Producer(ring.WithStrategy(futex.Futex()))
	if err != nil {
		return err
	}
	fmt.Println("begun", ts.Sec)
	for range 200 {
		b, err := c.Recv(context.Background(), nil)
		if err != nil {
			return err
		}
		if err := p.Send(context.Background(), b); err != nil {
			return err
		}
	}
	begin := time.Now()
	c.SetDeadline(begin.Add(30 * time.Millisecond))
	_, err = c.Recv(context.Background(), nil)
	if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) < 30*time.Millisecond {
		return fmt.Errorf("%v after %v", err, time.Since(begin))
	}
	fmt.Println("done")
	return errors.Join(there.Close(), back.Close())
}

// Two processes whose monotonic clocks differ by a day exchange messages and sleep
// for each other; and a deadline lasts as long as it should.
func TestCase28_OtherClock(t *testing.T) {
	there, tName := shared(t, ring.Config{Capacity: 4096})
	back, bName := shared(t, ring.Config{Capacity: 4096})
	args := []string{"--time", "--monotonic", "86400", "--boottime", "86400", "--fork", "--kill-child", os.Args[0]}
	if out, err := exec.Command("unshare", append(args, "-test.run", "^$")...).CombinedOutput(); err != nil {
		testutil.Absent(t, "no time namespace here: %v %s", err, out)
	}
	cmd := exec.Command("unshare", append(args, tName, bName)...)
	cmd.Env = testutil.Child(t, "other-clock").Env
	child := testutil.Start(t, cmd)
	var here unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &here))
	var sec int64
	if _, err := fmt.Sscanf(child.Line(), "begun %d", &sec); err != nil || sec-int64(here.Sec) < 80000 {
		t.Fatalf("%v: the clock there is %d s, here %d s", err, sec, here.Sec)
	}
	p, err := there.Producer(ring.WithStrategy(futex.Futex()))
	must(t, err)
	c, err := back.Consumer(ring.WithStrategy(futex.Futex()))
	must(t, err)
	for i := range uint64(200) {
		must(t, p.Send(t.Context(), payload(i)))
		b, err := c.Recv(t.Context(), nil)
		must(t, err)
		must(t, checkPayload(b, i))
	}
	child.Expect("done")
	child.Done()
}
