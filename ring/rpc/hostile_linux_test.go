package rpc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/rpc"
	"annulus/shm"
)

// calls fails unless a new client of the server gets its answers.
func calls(t *testing.T, name string) {
	t.Helper()
	c, err := rpc.Dial(name)
	must(t, err)
	for i := range 3 {
		if sum, err := add.Call(context.Background(), c, [2]int{i, 1}); err != nil || sum != i+1 {
			t.Error(sum, err)
		}
	}
	must(t, c.Close())
}

// wireRequest is a request as a client writes it.
func wireRequest(call uint64, place uint32, payload string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, call)
	b = binary.LittleEndian.AppendUint64(b, 0)
	b = binary.LittleEndian.AppendUint64(b, 1) // no such method
	b = binary.LittleEndian.AppendUint32(b, place)
	return append(binary.LittleEndian.AppendUint32(b, 0), payload...)
}

// Requests that are none, and places that are not the sender's, or nobody's: counted, and
// nobody else is troubled.
func TestGarbageRequests(t *testing.T) {
	leave := make(chan bool)
	name, s := serve(t, rpc.Config{Clients: 3, Workers: 2}, func(s *rpc.Server) {
		s.Handle("wait", func(context.Context, []byte, []byte) ([]byte, error) {
			<-leave
			return nil, nil
		})
	})
	r, err := ring.Open(name)
	must(t, err)
	p, err := r.Producer()
	must(t, err)
	c := client(t, name)
	called := later(c, "wait")
	testutil.Eventually(t, "a call is under way", func() bool { return s.Stats().Calls == 1 })
	other := uint32(3 - p.Place()) // the client's, beside the server's 0
	sent := uint64(0)
	for _, b := range [][]byte{
		nil, {1}, make([]byte, 31), make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), bytes.Repeat([]byte{0xff}, 20_000),
		wireRequest(1, 1<<31, ""), wireRequest(1, 1<<31-1, ""), wireRequest(1, 4, ""), wireRequest(1, 0, ""),
		wireRequest(1, uint32(p.Place()), ""), wireRequest(1, other, ""), wireRequest(0, other, ""),
	} {
		must(t, p.Send(context.Background(), b))
		sent++
	}
	testutil.Eventually(t, "all are looked at", func() bool { return s.Stats().Unknown == sent })
	close(leave)
	if err := <-called; err != nil { // no client can greet
		t.Error(err)
	}
	for range 2 {
		if sum, err := add.Call(context.Background(), c, [2]int{1, 2}); err != nil || sum != 3 {
			t.Error(sum, err)
		}
	}
	must(t, errors.Join(p.Close(), r.Close()))
	calls(t, name)
	if got := s.Stats(); got.Spoilt != 0 {
		t.Errorf("%+v", got)
	}
}

// A lane whose words make no sense is given up; the server goes on with the others, and the
// next client gets one of those.
func TestSpoiltLane(t *testing.T) {
	for _, workers := range []int{0, 1} {
		name, s := serve(t, rpc.Config{Clients: 3, Workers: workers})
		c := client(t, name)
		r, err := ring.Open(name)
		must(t, err)
		p, err := r.Producer()
		must(t, err)
		mark := []byte("here lies the record to be spoilt")
		b, err := p.Reserve(context.Background(), len(mark))
		must(t, err)
		copy(b, mark)
		memory := r.Region().Bytes()
		at := bytes.Index(memory, mark)
		copy(memory[at-8:], "\xff\xff\xff\xff\xff\xff\xff\x7f") // its header
		testutil.Eventually(t, "the lane is given up", func() bool {
			sum, err := add.Call(context.Background(), c, [2]int{1, 2}) // also wakes the server
			if err != nil || sum != 3 {
				t.Fatal(sum, err)
			}
			return s.Stats().Spoilt == 1
		})
		must(t, errors.Join(p.Close(), r.Close()))
		calls(t, name)
		if got := s.Stats(); got.Spoilt != 1 {
			t.Errorf("%+v", got)
		}
	}
}

// A ring of replies whose control words are gone gives way to a new one for the next client;
// the one who spoilt it, if it lives, is told.
func TestSpoiltReplies(t *testing.T) {
	name, _ := serve(t, rpc.Config{Clients: 1})
	c := client(t, name)
	r, err := shm.Open(name + ".reply.1")
	must(t, err)
	clear(r.Bytes()[4096:])
	must(t, r.Close())
	if out, err := echo.Call(context.Background(), c, "x"); err == nil {
		t.Error(out)
	}
	must(t, c.Close())
	calls(t, name)
}

// Where the new ring cannot be made it is made as soon as it can.
func TestSpoiltRepliesInTheWay(t *testing.T) {
	name, s := serve(t, rpc.Config{Clients: 1})
	path := "/dev/shm/" + name + ".reply.1"
	spoil, err := shm.Open(name + ".reply.1")
	must(t, err)
	clear(spoil.Bytes()[4096:])
	must(t, errors.Join(spoil.Close(), os.Remove(path), os.Symlink("elsewhere", path)))
	r, err := ring.Open(name)
	must(t, err)
	p, err := r.Producer()
	must(t, err)
	for n := range uint64(3) {
		must(t, p.Send(context.Background(), wireRequest(1, uint32(p.Place()), "")))
		testutil.Eventually(t, "a reply is dropped", func() bool { return s.Stats().Dropped == n+1 })
	}
	must(t, errors.Join(p.Close(), r.Close(), os.Remove(path)))
	calls(t, name)
}

// And one that a dead server has left so does not keep the next one from coming.
func TestSpoiltRepliesOfTheDead(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	works(t, name, 0).Kill()
	for i := range 17 {
		r, err := shm.Open(fmt.Sprint(name, ".reply.", i))
		must(t, err)
		for _, b := range [][]byte{r.Bytes()[4096:8192], r.Bytes()[8192:]} {
			if i%2 == 0 {
				copy(b, bytes.Repeat([]byte{0xa5}, len(b)))
			}
		}
		must(t, r.Close())
	}
	serveAs(t, name, rpc.Config{})
	calls(t, name)
}

// Who precreates a name that a server is about to take keeps it: a symbolic link is not followed, a
// file of another user not used, and nothing that is not the server's is changed or removed.
func TestTakenNames(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	precious := t.TempDir() + "/precious"
	must(t, os.WriteFile(precious, []byte("precious"), 0o600))
	path := "/dev/shm/" + name
	for _, at := range []string{"", ".reply.0", ".reply.2"} {
		must(t, os.Symlink(precious, path+at))
		if s, err := rpc.Listen(name, rpc.Config{Clients: 2}); !errors.Is(err, shm.ErrNotRegular) {
			t.Errorf("a link as %q: %v, %v", at, s, err)
		}
		must(t, os.Remove(path+at))
		left(t, name)
	}
	if b, err := os.ReadFile(precious); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	must(t, os.Symlink(precious, path))
	if c, err := rpc.Dial(name); !errors.Is(err, shm.ErrNotRegular) {
		t.Errorf("%v, %v", c, err)
	}
	must(t, os.Remove(path))
	if os.Getuid() != 0 {
		testutil.Absent(t, "only root can give files away")
	}
	const nobody = 65534
	for _, at := range []string{"", ".reply.0", ".reply.2"} {
		must(t, os.WriteFile(path+at, make([]byte, 1<<20), 0o666))
		must(t, os.Chown(path+at, nobody, nobody))
		if s, err := rpc.Listen(name, rpc.Config{Clients: 2}); !errors.Is(err, shm.ErrOwner) {
			t.Errorf("another's %q: %v, %v", at, s, err)
		}
		if at == "" {
			if c, err := rpc.Dial(name); !errors.Is(err, shm.ErrOwner) {
				t.Errorf("%v, %v", c, err)
			}
		}
		must(t, os.Remove(path+at))
		left(t, name)
	}
	serveAs(t, name, rpc.Config{Clients: 2})
	must(t, ring.Remove(name+".reply.1"))
	must(t, os.Symlink(precious, path+".reply.1"))
	if c, err := rpc.Dial(name); !errors.Is(err, shm.ErrNotRegular) {
		t.Errorf("%v, %v", c, err)
	}
	must(t, os.Remove(path+".reply.1"))
	if c, err := rpc.Dial(name); !errors.Is(err, rpc.ErrNoServer) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, %v", c, err)
	}
}

// A server that sends answers to others without end, and none to this call: it ends with its context all the
// same, and with a Close.
func TestFlood(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	requests, err := ring.Create(name, ring.Config{Topology: ring.MPSC, Members: 2, Capacity: 64 << 10})
	must(t, err)
	replies, err := ring.Create(name+".reply.0", ring.Config{Capacity: 64 << 10})
	must(t, err)
	server, err := requests.Consumer()
	must(t, err)
	p, err := replies.Producer()
	must(t, err)
	c, err := rpc.Dial(name)
	must(t, err)
	stop := make(chan bool)
	var flood sync.WaitGroup
	flood.Go(func() {
		batch := make([][]byte, 200) // so that it is faster than who receives
		for i := range batch {
			batch[i] = binary.LittleEndian.AppendUint64(nil, uint64(i+1))
			batch[i] = append(batch[i], make([]byte, i%24)...)
		}
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := p.TrySendBatch(batch); err != nil && err != ring.ErrFull && !errors.Is(err, ring.ErrClosed) {
				t.Error(err)
				return
			}
		}
	})
	got := make(chan error)
	ctx, cancel := context.WithCancel(context.Background())
	for range 3 {
		go func() {
			_, err := c.Call(ctx, "none", nil, nil)
			got <- err
		}()
	}
	for range 3 {
		_, err := server.Recv(context.Background(), nil)
		must(t, err)
	}
	cancel()
	for range 3 {
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	called := later(c, "none")
	_, err = server.Recv(context.Background(), nil)
	must(t, err)
	must(t, c.Close())
	if err := <-called; !errors.Is(err, rpc.ErrClosed) {
		t.Error(err)
	}
	close(stop)
	flood.Wait()
	must(t, errors.Join(p.Close(), server.Close(), replies.Close(), requests.Close(), ring.Remove(name+".reply.0"), ring.Remove(name)))
}
