package ring_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"annulus/futex"
	"annulus/internal/testutil"
	"annulus/ring"
)

var pid = os.Getpid()

// TestMain also plays the other processes of the tests: with ANNULUS_ROLE set
// the binary does as it says and exits. Nothing may be left in shared memory.
func TestMain(m *testing.M) {
	if role := os.Getenv("ANNULUS_ROLE"); role != "" {
		if err := play(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/annulus-test-%d-*", pid)); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = 1
	}
	os.Exit(code)
}

// play is a peer process. It prints a line when it has reached what its test
// waits for, so that tests wait for states and not for times.
func play(role string, args []string) error {
	if f := roles[role]; f != nil {
		return f(args)
	}
	name := args[0]
	count, _ := strconv.Atoi(args[1])
	r, err := ring.OpenOrCreate(name, ring.Config{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	switch role {
	case "claim": // draws a ticket and does not fill it
		p, err := r.Producer()
		if err != nil {
			return err
		}
		if _, err := p.TryReserve(8); err != nil {
			return err
		}
		fmt.Println("begun")
		select {}
	case "hold": // takes a message and does not release it
		c, err := r.Consumer()
		if err != nil {
			return err
		}
		if _, err := c.TryPeek(); err != nil {
			return err
		}
		fmt.Println("begun")
		select {}
	case "produce": // count messages from a number on, then wait to be killed
		p, err := r.Producer(ring.WithStrategy(futex.Adaptive()))
		if err != nil {
			return err
		}
		start, _ := strconv.Atoi(args[2])
		for i := start; count == 0 || i < start+count; i++ {
			if err := p.Send(ctx, payload(uint64(i))); err != nil {
				return err
			}
			if i == start {
				fmt.Println("begun")
			}
		}
		fmt.Println("sent")
		forever()
	case "produce-until-signal":
		p, err := r.Producer()
		if err != nil {
			return err
		}
		stop := ring.CloseOnSignal(p)
		defer stop()
		fmt.Println("begun")
		n := uint64(0)
		for ; ; n++ {
			if err := p.Send(ctx, payload(n)); errors.Is(err, ring.ErrClosed) {
				break
			} else if err != nil {
				return err
			}
		}
		fmt.Println("sent", n)
		return r.Close()
	case "consume", "consume-until-signal":
		c, err := r.Consumer()
		if err != nil {
			return err
		}
		if role == "consume-until-signal" {
			defer ring.CloseOnSignal(c)()
		}
		fmt.Println("begun")
		n := uint64(0)
		for m, err := range c.All(ctx) {
			if err != nil {
				return err
			}
			if err := checkPayload(m, n); err != nil {
				return err
			}
			n++
			if int(n) == count {
				fmt.Println("holding")
				forever() // with a message in its hands
			}
		}
		fmt.Println("received", n)
		return r.Close()
	}
	return fmt.Errorf("no such role")
}

// forever waits to be killed. A bare select would be a deadlock to the runtime.
func forever() {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGHUP)
	<-ch
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

// peer is a running play.
type peer struct {
	*exec.Cmd
	t   testing.TB
	out *bufio.Reader
}

func start(t testing.TB, role string, args ...string) *peer {
	t.Helper()
	return startWith(t, nil, role, args...)
}

// startWith is start for a peer that inherits files.
func startWith(t testing.TB, files []*os.File, role string, args ...string) *peer {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "ANNULUS_ROLE="+role)
	cmd.ExtraFiles = files
	cmd.SysProcAttr = dieWithParent()
	return run(t, cmd)
}

// run starts the process of a play.
func run(t testing.TB, cmd *exec.Cmd) *peer {
	t.Helper()
	if testing.Verbose() {
		cmd.Stderr = os.Stderr
	}
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

// line returns the next line the peer prints.
func (p *peer) line() string {
	p.t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil && err != io.EOF {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(s)
}

func (p *peer) expect(want string) {
	p.t.Helper()
	if got := p.line(); got != want {
		p.t.Fatalf("peer says %q, want %q", got, want)
	}
}

func (p *peer) kill() {
	p.Process.Kill()
	p.Wait()
}

func (p *peer) signal(s syscall.Signal) {
	p.t.Helper()
	must(p.t, p.Process.Signal(s))
}

// exitsWith waits for the end of the peer.
func (p *peer) exitsWith(code int) {
	p.t.Helper()
	io.Copy(io.Discard, p.out)
	p.Wait()
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("%v, want exit status %d", p.ProcessState, code)
	}
}

var eventually = testutil.Eventually

// roles are further plays; test files add theirs in init.
var roles = testutil.Roles{}
