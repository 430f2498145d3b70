package shm

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The test binary is also every other process of these tests: with childEnv set
// it runs one entry of children, with its arguments, and exits.
const childEnv = "ANNULUS_SHM_CHILD"

var children = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		if err := children[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	fds, routines := openFDs(), runtime.NumGoroutine()
	code := m.Run()
	if code == 0 {
		code = leftovers(fds, routines)
	}
	os.Exit(code)
}

// leftovers fails the run when it leaves descriptors, goroutines or objects.
func leftovers(fds map[string]string, routines int) int {
	code := 0
	for n := 0; runtime.NumGoroutine() > routines; n++ {
		if n == 1000 {
			fmt.Printf("FAIL: %d goroutines at the start, %d at the end\n", routines, runtime.NumGoroutine())
			code = 1
			break
		}
		time.Sleep(time.Millisecond) // they end by themselves; only the count is looked at
	}
	for fd, what := range openFDs() {
		if fds[fd] == "" && !strings.Contains(what, "anon_inode") {
			fmt.Printf("FAIL: descriptor %s is left open: %s\n", fd, what)
			code = 1
		}
	}
	left, _ := filepath.Glob("/dev/shm/" + testPrefix() + "*")
	temps, _ := filepath.Glob("/dev/shm/" + tempPrefix + "*")
	for _, f := range append(left, temps...) {
		fmt.Printf("FAIL: %s is left over\n", f)
		code = 1
	}
	return code
}

func openFDs() map[string]string {
	fds := map[string]string{}
	names, _ := os.ReadDir("/proc/self/fd")
	for _, n := range names {
		if link, err := os.Readlink("/proc/self/fd/" + n.Name()); err == nil {
			fds[n.Name()] = link
		}
	}
	return fds
}

func testPrefix() string { return fmt.Sprintf("annulus-test-%d-", os.Getpid()) }

// shmName returns a POSIX name of this test run's own; the object is removed at
// the end.
func shmName(t *testing.T) string {
	t.Helper()
	name := testPrefix() + strings.NewReplacer("/", "-", " ", "-", "#", "-").Replace(t.Name())
	t.Cleanup(func() { os.Remove("/dev/shm/" + name) })
	return name
}

// A child is another process of a test: lines go in and out.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     *os.File
	out    *bufio.Reader
	outF   *os.File
	stderr bytes.Buffer
	waited bool
}

// command prepares a child. It is started through /proc, where there is one: a
// child with fewer privileges may not reach the binary by its path.
func command(t *testing.T, name string, args ...string) *child {
	t.Helper()
	exe := "/proc/self/exe"
	if runtime.GOOS != "linux" {
		var err error
		if exe, err = os.Executable(); err != nil {
			t.Fatal(err)
		}
	}
	c := &child{t: t, cmd: exec.Command(exe, args...)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+name, "GOTRACEBACK=single", "GORACE=atexit_sleep_ms=0")
	c.cmd.Dir = "/"
	c.cmd.Stderr = &c.stderr
	return c
}

func (c *child) start() *child {
	c.t.Helper()
	if err := c.tryStart(); err != nil {
		c.t.Fatal(err)
	}
	return c
}

func (c *child) tryStart() error {
	c.t.Helper()
	inR, inW, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	c.cmd.Stdin, c.cmd.Stdout = inR, outW
	c.in, c.outF, c.out = inW, outR, bufio.NewReader(outR)
	err = c.cmd.Start()
	inR.Close()
	outW.Close()
	c.t.Cleanup(func() {
		c.in.Close()
		if !c.waited && c.cmd.Process != nil {
			c.cmd.Process.Kill()
			c.cmd.Wait()
		}
		c.outF.Close()
	})
	return err
}

func start(t *testing.T, name string, args ...string) *child {
	t.Helper()
	return command(t, name, args...).start()
}

// line returns the child's next line of output.
func (c *child) line() string {
	c.t.Helper()
	s, err := c.out.ReadString('\n')
	if err != nil {
		c.wait()
		c.t.Fatalf("child ended: %v %v\n%s", err, c.cmd.ProcessState, c.stderr.String())
	}
	return strings.TrimSuffix(s, "\n")
}

func (c *child) expect(want string) {
	c.t.Helper()
	if got := c.line(); got != want {
		c.t.Fatalf("child said %q, expected %q\n%s", got, want, c.stderr.String())
	}
}

func (c *child) say(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) wait() error {
	c.in.Close()
	c.waited = true
	return c.cmd.Wait()
}

// ok waits for a child that must succeed.
func (c *child) ok() {
	c.t.Helper()
	if err := c.wait(); err != nil {
		c.t.Fatalf("child: %v\n%s", err, c.stderr.String())
	}
}

func (c *child) kill() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	c.wait()
}

// stdin returns the next line that the parent says to this child.
var childIn = bufio.NewReader(os.Stdin)

func hear() string {
	s, _ := childIn.ReadString('\n')
	return strings.TrimSuffix(s, "\n")
}

// must stops a test that cannot go on.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func closed(t *testing.T, r *Region) {
	t.Helper()
	t.Cleanup(func() { r.Close() })
}
