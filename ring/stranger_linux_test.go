package ring_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/futex"
	"annulus/internal/testutil"
	"annulus/ring"
)

// nobody is another user.
const nobody = 65534

func init() {
	roles["stranger"] = stranger
}

func anybody(ring.Cred) error { return nil }

// stranger connects to a socket, accepts the end of a ring, and does as it is told.
func stranger(args []string) error {
	role, do := ring.AsProducer, args[1]
	if strings.HasPrefix(do, "receive") {
		role = ring.AsConsumer
	}
	conn, err := net.Dial("unix", args[0])
	if err != nil {
		return err
	}
	r, err := ring.Accept(context.Background(), conn.(*net.UnixConn), role, ring.Config{}, ring.WithPeer(anybody))
	if err != nil {
		return err
	}
	switch do {
	case "tries":
		return triesAll()
	case "receive and echo":
		return echo(conn.(*net.UnixConn), r)
	case "receive nothing":
		if _, err = r.Consumer(); err != nil {
			return err
		}
	case "receive one and wait":
		c, err := r.Consumer()
		if err != nil {
			return err
		}
		if _, err := c.Recv(context.Background(), nil); err != nil {
			return err
		}
	default: // send so many and die without a word
		p, err := r.Producer(ring.WithStrategy(futex.Futex()))
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(do)
		if err != nil {
			return err
		}
		for i := range n {
			if err := p.Send(context.Background(), payload(uint64(i))); err != nil {
				return err
			}
		}
	}
	fmt.Println("begun")
	testutil.Forever()
	return nil
}

// echo sends back what it receives, by a second ring over the same socket.
func echo(conn *net.UnixConn, in *ring.Ring) error {
	out, err := ring.Offer(context.Background(), conn, ring.AsProducer, ring.Config{Capacity: 4096}, ring.WithPeer(anybody))
	if err != nil {
		return err
	}
	c, err := in.Consumer()
	if err != nil {
		return err
	}
	p, err := out.Producer()
	if err != nil {
		return err
	}
	for {
		b, err := c.Recv(context.Background(), nil)
		if err == io.EOF {
			return errors.Join(p.Close(), in.Close(), out.Close())
		}
		if err == nil {
			err = p.Send(context.Background(), b)
		}
		if err != nil {
			return err
		}
	}
}

// triesAll does to the memory of a ring what nobody may do.
func triesAll() error {
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	found := 0
	for _, l := range links {
		path := "/proc/self/fd/" + l.Name()
		if to, err := os.Readlink(path); err != nil || !strings.HasPrefix(to, "/memfd:annulus-") {
			continue
		}
		found++
		fd, err := strconv.Atoi(l.Name())
		if err != nil {
			return err
		}
		fds := []int{fd}
		if again, err := unix.Open(path, unix.O_RDWR, 0); err == nil {
			fds = append(fds, again)
		} else if !errors.Is(err, fs.ErrPermission) {
			return err
		}
		for _, fd := range fds {
			if _, err := unix.Mmap(fd, 0, 4096, unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
				return errors.New("mapped for writing")
			}
			for _, size := range []int64{0, 4096, 1 << 20} {
				if err := unix.Ftruncate(fd, size); err == nil {
					return fmt.Errorf("truncated to %d", size)
				}
			}
			if _, err := unix.Pwrite(fd, []byte("x"), 4096); err == nil {
				return errors.New("written")
			}
			if err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096); err == nil {
				return errors.New("a hole punched")
			}
		}
	}
	if found != 2 {
		return fmt.Errorf("%d memories found, want 2", found)
	}
	return nil
}

// listen listens where every user can connect.
func listen(t testing.TB) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@" + testutil.ShmName(), Net: "unix"})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// startStranger starts one as another user, where that can be, and returns it and the
// socket to it.
func startStranger(t testing.TB, do string) (*peer, *net.UnixConn) {
	t.Helper()
	l := listen(t)
	cmd := testutil.Child(t, "stranger", l.Addr().String(), do)
	cmd.Dir = "/"
	cmd.SysProcAttr = testutil.DieWithParent()
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	p := testutil.Start(t, cmd)
	conn, err := l.AcceptUnix()
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return p, conn
}

// offer offers a ring to a stranger, whoever it is.
func offer(t testing.TB, conn *net.UnixConn, role ring.Role, c ring.Config) *ring.Ring {
	t.Helper()
	r, err := ring.Offer(t.Context(), conn, role, c, ring.WithPeer(anybody))
	must(t, err)
	closing(t, r)
	return r
}

// A process of another user is let in only if the caller says so, and then it is handed
// both ends of its two rings and nothing else.
func TestStranger(t *testing.T) {
	if os.Getuid() != 0 {
		testutil.Absent(t, "only root can start a process of another user")
	}
	p, conn := startStranger(t, "receive and echo")
	_, err := ring.Offer(t.Context(), conn, ring.AsProducer, ring.Config{})
	if !errors.Is(err, ring.ErrPeer) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "expected uid 0, found process "+fmt.Sprint(p.PID())+" of uid 65534") {
		t.Errorf("without a word of the caller's: %v", err)
	}
	var seen ring.Cred
	out, err := ring.Offer(t.Context(), conn, ring.AsProducer, ring.Config{Capacity: 4096}, ring.WithPeer(func(c ring.Cred) error {
		seen = c
		return nil
	}))
	must(t, err)
	closing(t, out)
	if want := (ring.Cred{PID: p.PID(), UID: nobody, GID: nobody}); seen != want {
		t.Errorf("the policy sees %v, want %v", seen, want)
	}
	in, err := ring.Accept(t.Context(), conn, ring.AsConsumer, ring.Config{Kind: ring.Bytes}, ring.WithPeer(anybody))
	must(t, err)
	closing(t, in)
	snd, err := out.Producer()
	must(t, err)
	rcv, err := in.Consumer()
	must(t, err)
	for i := range uint64(3000) {
		must(t, snd.Send(t.Context(), payload(i)))
		b, err := rcv.Recv(t.Context(), nil)
		must(t, err)
		must(t, checkPayload(b, i))
	}
	must(t, snd.Close())
	if _, err := rcv.Recv(t.Context(), nil); err != io.EOF {
		t.Errorf("%v, want io.EOF", err)
	}
	p.Done()
}

// What a peer tries to do to the memory, its own as well, fails; the ring is as it was.
func TestStrangerTries(t *testing.T) {
	p, conn := startStranger(t, "tries")
	r := offer(t, conn, ring.AsConsumer, ring.Config{})
	p.Done()
	must(t, r.Region().Check())
}

// A peer that is killed: what it had committed is received, then calls that wait end.
func TestStrangerKilled(t *testing.T) {
	for name, s := range map[string]futex.Strategy{"asleep": unbounded(futex.Futex()), "spinning": futex.Spin()} {
		t.Run("producer/"+name, func(t *testing.T) {
			p, conn := startStranger(t, "100")
			r := offer(t, conn, ring.AsConsumer, ring.Config{Capacity: 1 << 16})
			must(t, conn.Close()) // the sign of life is not the caller's
			p.Expect("begun")
			c, err := r.Consumer(ring.WithStrategy(s))
			must(t, err)
			for i := range uint64(50) {
				b, err := c.Recv(t.Context(), nil)
				must(t, err)
				must(t, checkPayload(b, i))
			}
			done := make(chan error, 1)
			go func() {
				for i := uint64(50); ; i++ {
					b, err := c.Recv(t.Context(), nil)
					if err == nil {
						err = checkPayload(b, i)
					}
					if err != nil {
						if i != 100 {
							err = fmt.Errorf("after %d messages: %w", i, err)
						}
						done <- err
						return
					}
				}
			}()
			eventually(t, "the consumer waits", c.Waiting)
			p.Kill()
			if err := <-done; !errors.Is(err, ring.ErrRemoved) || strings.Contains(err.Error(), "after") {
				t.Errorf("%v, want ErrRemoved after 100 messages", err)
			}
			if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
				t.Errorf("%v, want ErrEmpty", err)
			}
			if s, err := r.Stats(); err != nil || s.Producer.Attached {
				t.Errorf("%+v, %v", s.Producer, err)
			}
		})
		t.Run("consumer/"+name, func(t *testing.T) {
			p, conn := startStranger(t, "receive one and wait")
			r := offer(t, conn, ring.AsProducer, ring.Config{Capacity: 4096})
			must(t, conn.Close())
			snd, err := r.Producer(ring.WithStrategy(s))
			must(t, err)
			must(t, snd.Send(t.Context(), payload(0)))
			p.Expect("begun")
			done := make(chan error, 1)
			go func() {
				for {
					if err := snd.Send(t.Context(), make([]byte, 500)); err != nil {
						done <- err
						return
					}
				}
			}()
			eventually(t, "the producer waits", snd.Waiting)
			p.Kill()
			if err := <-done; !errors.Is(err, ring.ErrRemoved) {
				t.Errorf("%v, want ErrRemoved", err)
			}
			if err := snd.TrySend(nil); !errors.Is(err, ring.ErrRemoved) {
				t.Errorf("the next send: %v, want ErrRemoved", err)
			}
		})
	}
}

// A producer with room learns of it too, at the next send: what it sends goes nowhere.
func TestStrangerKilledWithRoom(t *testing.T) {
	p, conn := startStranger(t, "receive nothing")
	r := offer(t, conn, ring.AsProducer, ring.Config{})
	must(t, conn.Close())
	snd, err := r.Producer()
	must(t, err)
	must(t, snd.TrySend(payload(0)))
	p.Expect("begun")
	p.Kill()
	eventually(t, "a send fails", func() bool { return errors.Is(snd.TrySend(nil), ring.ErrRemoved) })
	late, err := r.Producer()
	if !errors.Is(err, ring.ErrAttached) {
		t.Errorf("%v, %v", late, err)
	}
	must(t, snd.Close())
	late, err = r.Producer()
	must(t, err)
	if err := late.TrySend(nil); !errors.Is(err, ring.ErrRemoved) {
		t.Errorf("of a producer that came later: %v, want ErrRemoved", err)
	}
}
