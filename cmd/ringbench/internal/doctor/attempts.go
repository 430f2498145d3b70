package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// TryCommand is the first argument that makes a program that calls TryMain try the calls.
const TryCommand = "__doctor-try"

// Attempt is how a call went that the engine makes.
type Attempt struct {
	Errno syscall.Errno // 0: it works
	Died  bool          // the process did not survive it
	Text  string        // the error; of what works, a shortcoming
}

func (a Attempt) refused() bool { return a.Errno != 0 || a.Died }

// denied tells whether the kernel has no such call, or a filter is before it, rather than
// that something is missing for it.
func (a Attempt) denied() bool {
	return a.Died || slices.Contains([]syscall.Errno{syscall.ENOSYS, syscall.EPERM, syscall.EINVAL, syscall.EOPNOTSUPP}, a.Errno)
}

// attempt is how one of them went; the error says why it was not made.
func (m *Machine) attempt(name string) (Attempt, error) {
	all, err := m.Kernel.Attempts()
	if err != nil {
		return Attempt{}, err
	}
	a, made := all[name]
	if !made {
		return a, errors.New("nobody did")
	}
	return a, nil
}

// trial is a call to try. It returns a note where it works and falls short.
type trial struct {
	name string
	run  func() (note string, err error)
}

// TryMain is the program that tries: those of the calls that are not named in done. A filter
// of system calls may kill it, so what it is about to do it prints before.
func TryMain(done []string, w io.Writer) int {
	skip := map[string]bool{}
	for _, name := range done {
		skip[name] = true
	}
	for _, t := range trials {
		if skip[t.name] {
			continue
		}
		fmt.Fprintf(w, "try %s\n", t.name)
		note, err := t.run()
		text, errno := note, syscall.Errno(0)
		if err != nil {
			text = err.Error()
			if !errors.As(err, &errno) {
				errno = syscall.EINVAL // it failed all the same
			}
		}
		if _, err := fmt.Fprintf(w, "got %d %s\n", int(errno), strings.ReplaceAll(text, "\n", "; ")); err != nil {
			return 1
		}
	}
	return 0
}

// Try has processes try all calls: a first one, and a next one for what is left when the
// kernel has killed it. self starts this program with arguments.
func Try(self func(args ...string) *exec.Cmd) (map[string]Attempt, error) {
	all := map[string]Attempt{}
	var done []string
	for range len(trials) + 1 {
		cmd := self(append([]string{TryCommand}, done...)...)
		var out strings.Builder
		cmd.Stdout = &out
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return nil, fmt.Errorf("cannot start this program once more: %w", err)
		}
		open := collect(out.String(), all)
		if open == "" && err != nil {
			return nil, fmt.Errorf("the process that tries ended with %w", err)
		}
		if open == "" {
			return all, nil
		}
		all[open] = Attempt{Died: true, Text: fmt.Sprintf("the process that tried it was ended: %v", err)}
		for name := range all {
			done = append(done, name)
		}
	}
	return all, nil
}

// collect reads what TryMain has printed, and returns what it was at when it ended.
func collect(text string, all map[string]Attempt) (open string) {
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if name, found := strings.CutPrefix(s.Text(), "try "); found {
			open = name
			continue
		}
		var errno int
		if n, _ := fmt.Sscanf(s.Text(), "got %d", &errno); n == 1 && open != "" {
			parts := strings.SplitN(s.Text(), " ", 3)
			all[open] = Attempt{Errno: syscall.Errno(errno), Text: parts[len(parts)-1]}
			open = ""
		}
	}
	return open
}

// Self starts this program again, also for a user who may not look where it lies.
func Self(args ...string) *exec.Cmd {
	exe := "/proc/self/exe"
	if _, err := os.Stat(exe); err != nil { // /proc is another PID namespace's
		if exe, err = os.Executable(); err != nil {
			exe = os.Args[0]
		}
	}
	return exec.Command(exe, args...)
}
