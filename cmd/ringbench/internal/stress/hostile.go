package stress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"annulus/cmd/ringbench/internal/rig"
)

// Hostile: a process that offers rings, one after the other, and writes nonsense over all of
// its memory, as fast as it can, against one that accepts and uses them. Memory is mapped between
// pages that nobody may touch, so that whoever reads beside it dies.

// HostileOptions say how much of it.
type HostileOptions struct {
	Flips uint64 // stores of nonsense, at least
	Seed  uint64
	Limit time.Duration // give up after that; 0: never
}

// HostileReport is what a run found. The counts of the second part must be zero.
type HostileReport struct {
	Seed        uint64  `json:"seed"`
	Seconds     float64 `json:"seconds"`
	Flips       uint64  `json:"flips"`
	Rings       uint64  `json:"rings"`
	Poisoned    uint64  `json:"poisoned"` // rings whose user found nonsense, and used them no more
	Calls       uint64  `json:"calls"`
	Messages    uint64  `json:"messages"`
	Kills       int     `json:"kills"`          // of the hostile process, which its victim had to find out
	Stranger    bool    `json:"another_user"`   // it ran as another user
	Interrupted bool    `json:"interrupted"`    // it was asked to end before all was done
	Crashed     int     `json:"crashed"`        // victims that were ended by a signal
	Hung        int     `json:"hung"`           // calls that did not return
	Failed      int     `json:"failed"`         // what a victim found that may not be
	TooLong     uint64  `json:"longer_than_ok"` // messages longer than the ring takes

	Notes []string `json:"notes,omitempty"`
}

// Violations is how much is wrong.
func (r *HostileReport) Violations() uint64 {
	return uint64(r.Crashed) + uint64(r.Hung) + uint64(r.Failed) + r.TooLong
}

// What a ledger's words count in hostile company.
const (
	wordCalls    = wordIntent
	wordFlips    = wordDone
	wordMessages = wordLogged
	wordPoisoned = wordDrained
	wordTooLong  = wordTorn
	wordRings    = wordCommitted
)

// Parts that a worker plays in hostile company.
const (
	partAttacker = "attacker"
	partVictim   = "victim"
)

// nobody is the user that the hostile process runs as where that can be chosen.
const nobody = 65534

// RunHostile is Run in hostile company. watch gets a report now and then.
func RunHostile(ctx context.Context, o HostileOptions, watch func(*HostileReport)) (*HostileReport, error) {
	runtime.LockOSThread() // the workers are tied to this thread's life
	defer runtime.UnlockOSThread()
	r := &HostileReport{Seed: o.Seed, Stranger: os.Geteuid() == 0}
	if o.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Limit)
		defer cancel()
	}
	rng := rand.New(rand.NewPCG(o.Seed, 2))
	begin := time.Now()
	defer func() { r.Seconds = time.Since(begin).Seconds() }()
	for r.Flips < o.Flips && ctx.Err() == nil && r.Hung == 0 {
		e := &encounter{report: r, before: *r, target: min(o.Flips-r.Flips, o.Flips/4+1), watch: watch}
		if err := e.run(ctx, rng.Uint64(), rng.IntN(2) == 0); err != nil {
			return r, err
		}
	}
	r.Interrupted = r.Flips < o.Flips && errors.Is(ctx.Err(), context.Canceled)
	return r, nil
}

// encounter is one attacker and one victim.
type encounter struct {
	report           *HostileReport
	before           HostileReport
	target           uint64 // flips
	watch            func(*HostileReport)
	attacker, victim *suspect
}

// suspect is one of the two processes.
type suspect struct {
	cmd    *exec.Cmd
	ledger *ledger
	exited chan error
}

func (e *encounter) run(ctx context.Context, seed uint64, kill bool) error {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	syscall.CloseOnExec(ends[0]) // nothing else is started meanwhile
	syscall.CloseOnExec(ends[1])
	theirs, ours := os.NewFile(uintptr(ends[0]), "socket"), os.NewFile(uintptr(ends[1]), "socket")
	e.attacker, err = suspected(partAttacker, theirs, seed, e.report.Stranger)
	theirs.Close()
	if err == nil {
		defer e.attacker.end()
		e.victim, err = suspected(partVictim, ours, seed, false)
	}
	ours.Close()
	if err != nil {
		return err
	}
	defer e.victim.end()
	calls, moved, watched := uint64(0), time.Now(), time.Now()
	over := time.Time{}
	for {
		select {
		case err := <-e.victim.exited:
			e.victim.exited <- nil
			e.sum()
			e.judge(err, !over.IsZero())
			return nil
		case <-e.attacker.exited:
			e.attacker.exited <- nil
			if over.IsZero() {
				return fmt.Errorf("the hostile process has ended by itself: %s", e.attacker.ledger.text())
			}
		case <-time.After(time.Millisecond):
		}
		e.sum()
		if n := e.victim.ledger.get(wordCalls); n != calls {
			calls, moved = n, time.Now()
		}
		if time.Since(moved) > hangAfter || !over.IsZero() && time.Since(over) > endAfter {
			e.report.Hung++
			e.note("a victim hangs after %d calls, seed %d", calls, seed)
			return nil
		}
		if e.watch != nil && time.Since(watched) > time.Second {
			watched = time.Now()
			e.watch(e.report)
		}
		if over.IsZero() && (e.attacker.ledger.get(wordFlips) >= e.target || ctx.Err() != nil) {
			over = time.Now()
			if kill { // the victim finds out by itself
				e.report.Kills++
				if err := e.attacker.cmd.Process.Kill(); err != nil {
					return err
				}
			} else {
				e.victim.ledger.set(wordStop, 1)
			}
		}
	}
}

// judge looks at how a victim ended; asked tells whether it had to.
func (e *encounter) judge(err error, asked bool) {
	text := e.victim.ledger.text()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && (exit.Sys().(syscall.WaitStatus).Signaled() || text == ""):
		e.report.Crashed++
		e.note("a victim crashed: %v", err)
	case err != nil:
		e.report.Failed++
		e.note("a victim failed: %v: %s", err, text)
	case !asked:
		e.report.Failed++
		e.note("a victim ended without being asked to")
	}
}

func (e *encounter) note(format string, args ...any) {
	e.report.Notes = append(e.report.Notes, fmt.Sprintf(format, args...))
}

// sum adds what this encounter has counted so far to what was before it.
func (e *encounter) sum() {
	r, a, v := e.report, e.attacker.ledger, e.victim.ledger
	r.Flips = e.before.Flips + a.get(wordFlips)
	r.Rings = e.before.Rings + v.get(wordRings)
	r.Poisoned = e.before.Poisoned + v.get(wordPoisoned)
	r.Calls = e.before.Calls + v.get(wordCalls)
	r.Messages = e.before.Messages + v.get(wordMessages)
	r.TooLong = e.before.TooLong + v.get(wordTooLong)
}

// suspected starts a process in a part.
func suspected(part string, socket *os.File, seed uint64, stranger bool) (*suspect, error) {
	l, err := newLedger()
	if err != nil {
		return nil, err
	}
	arg, err := json.Marshal(job{Part: part, Seed: seed})
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if stranger && runtime.GOOS == "linux" {
		exe = "/proc/self/exe" // also for a user who may not look where it lies
	}
	s := &suspect{cmd: exec.Command(exe, WorkerCommand, string(arg)), ledger: l, exited: make(chan error, 1)}
	s.cmd.ExtraFiles = []*os.File{socket, l.File}
	s.cmd.Stderr = os.Stderr
	s.cmd.Env = append(os.Environ(), "GOMAXPROCS=4") // its threads that write leave one for the socket
	rig.TetherApart(s.cmd)
	if stranger {
		s.cmd.Dir = "/"
		s.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	if err := s.cmd.Start(); err != nil {
		l.Close()
		return nil, fmt.Errorf("start the %s: %w", part, err)
	}
	go func() { s.exited <- s.cmd.Wait() }()
	return s, nil
}

// end kills the process if it still runs.
func (s *suspect) end() {
	s.cmd.Process.Kill()
	<-s.exited
	s.ledger.Close()
}
