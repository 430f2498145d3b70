package stress

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/killpoint"
)

// place is one endpoint's place: a succession of processes, each with the ledger
// of its predecessor, read and wiped.
type place struct {
	producer    bool
	number      int
	incarnation int
	ledger      *ledger
	cmd         *exec.Cmd
	foreign     bool       // it is the one in C
	exited      chan error // gets what Wait returns, once
	struck      time.Time  // when SIGKILL was sent to it; zero: not yet
	caught      bool       // with a claim in its hands
	recent      []id       // a consumer's latest messages

	before uint64 // a producer's: messages sent by those before the one that attached last
	last   uint64 // its key; 0: none yet
	asked  bool   // it was compared with what the one now at work found
}

// key names the process at work in the place.
func (p *place) key() uint64 { return makeID(p.number, p.incarnation, 0).source() }

func (p *place) String() string {
	role := "consumer"
	if p.producer {
		role = "producer"
	}
	return fmt.Sprintf("%s %d, its process %d", role, p.number, p.incarnation)
}

// start starts the next process in the place. The calling thread must live as
// long as it.
func (p *place) start(o *Options, ringFile *os.File, rng *rand.Rand) error {
	p.incarnation++
	p.asked, p.struck, p.caught = false, time.Time{}, false
	p.ledger.reset()
	// By chance: so the languages succeed each other.
	p.foreign = o.CPeers > 0 && rng.IntN(o.Producers+o.Consumers) < o.CPeers
	var err error
	if p.cmd, err = p.command(o, job{
		Producer: p.producer, Place: p.number, Incarnation: p.incarnation, Seed: rng.Uint64(), Wait: o.Wait, Size: messageMax, Tag: o.tags,
	}); err != nil {
		return err
	}
	p.cmd.ExtraFiles = []*os.File{ringFile, p.ledger.File}
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	if o.Point != "" {
		p.cmd.Env = append(p.cmd.Env, fmt.Sprintf("%s=%s:%d", killpoint.Env, o.Point, 1+rng.IntN(turns(o.Point))))
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start a worker: %w", err)
	}
	p.exited = make(chan error, 1)
	go func(c *exec.Cmd, done chan error) { done <- c.Wait() }(p.cmd, p.exited)
	return nil
}

// command is the program for a job.
func (p *place) command(o *Options, j job) (*exec.Cmd, error) {
	if !p.foreign {
		return rig.Self(WorkerCommand, j)
	}
	cmd := exec.Command(o.CWorker, j.plain()...)
	cmd.Stderr = os.Stderr
	rig.TetherApart(cmd)
	return cmd, nil
}

// turns is at which turn a process dies at a point, at most.
func turns(point string) int {
	switch point {
	case "repairing", "repaired", "handing", "handed", "joined", "announced", "leaving", "left",
		"taken", "completing", "completed", "placed", "burying", "buried":
		return 1
	}
	return 200
}

func (p *place) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// killed tells whether err, from exited, says that SIGKILL ended the process.
func killed(err error) bool { return rig.EndedBy(err, syscall.SIGKILL) }

// tooYoung tells whether a process took the interrupt that was meant for its parent: it
// is born into that one's group, and had not left it yet.
func (r *run) tooYoung(p *place, err error) bool {
	return rig.EndedBy(err, syscall.SIGINT) && p.ledger.get(wordState) == stateStarting
}
