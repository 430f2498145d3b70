// Package guard removes what outlives a process, even one that is killed: queues of the
// kernel, directories.
//
// A guard is a process of its own (the same binary again, see Main), in a session of its own, so that
// what kills its parent's process group does not reach it. It makes the thing, tells its parent what
// it is, waits until the parent closes it or is gone, and removes it. Where the guard itself was killed,
// its parent does that.
package guard

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// Command is the hidden first argument that makes the binary a guard; the second is a
// kind. Its main calls Main then.
const Command = "__guard"

// Keep is how things of a kind are made and removed.
type Keep struct {
	Make   func() (name string, err error) // what others know it by, one line
	Remove func(name string) error
}

// Guard is one that runs. It belongs to one goroutine.
type Guard struct {
	Name string // of what it keeps

	keep   Keep
	cmd    *exec.Cmd
	life   io.Closer
	stderr bytes.Buffer
}

// Start starts a guard that makes a thing of that kind, one of those that Main is given. Who starts one
// calls Close.
func Start(kind string, kinds map[string]Keep) (*Guard, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := &Guard{keep: kinds[kind], cmd: exec.Command(self, Command, kind)}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	g.cmd.Stderr = &g.stderr
	life, err := g.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	g.life = life
	said, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, life.Close())
	}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start a guard: %w", err)
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		return nil, g.failed(errors.Join(g.life.Close(), g.cmd.Wait()))
	}
	g.Name = strings.TrimSuffix(line, "\n")
	return g, nil
}

// PID is the guard's process.
func (g *Guard) PID() int { return g.cmd.Process.Pid }

// Close has the thing removed and returns when it is gone.
func (g *Guard) Close() error {
	closeErr := g.life.Close()
	if err := g.cmd.Wait(); err != nil {
		return errors.Join(g.failed(err), g.keep.Remove(g.Name))
	}
	return closeErr
}

// failed is err with what the guard said about it.
func (g *Guard) failed(err error) error {
	if text := strings.TrimSpace(g.stderr.String()); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("a guard ended too early: %w", err)
}

// Main is a guard's whole life, and returns the exit status.
func Main(kind string, kinds map[string]Keep) int {
	// Nor by the pipe to a parent that was killed meanwhile.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	keep, known := kinds[kind]
	if !known {
		fmt.Fprintf(os.Stderr, "ringbench: %s is started by ringbench itself, expected a kind that it knows, found %q\n", Command, kind)
		return 2
	}
	name, err := keep.Make()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, sayErr := fmt.Println(name)
	_, waitErr := io.Copy(io.Discard, os.Stdin) // the end: the parent is done or gone
	removeErr := keep.Remove(name)
	if err := errors.Join(sayErr, waitErr, removeErr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
