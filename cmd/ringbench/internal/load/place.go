package load

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
)

// place is where one process after the other of a group is at work. They count in one
// page. It belongs to the parent's goroutine.
type place struct {
	group  *Group
	ring   *live
	number int // among all
	page   *shared

	incarnation int
	cmd         *exec.Cmd
	control     *os.File   // for orders; its end is the process's
	exited      chan error // gets what Wait returns, once; nil: no process
	asked       bool       // it was killed, or told to leave
	spends      time.Time  // when its time is over, by churn; zero: not known yet
	restart     time.Time  // when the successor starts, where there is none

	cpu           time.Duration // of the processes that are gone
	kills, leaves int
}

func (p *place) String() string {
	return fmt.Sprintf("process %d of place %d, group %s at ring %s", p.incarnation, p.number, p.group.Name, p.group.Ring)
}

// start starts the next process. The calling thread must live as long as it.
func (p *place) start(seed uint64) error {
	p.incarnation++
	p.asked, p.spends = false, time.Time{}
	mem.Publish(&p.page.State, stateStarting)
	r := p.ring
	cmd, err := rig.Self(WorkerCommand, job{
		Group: p.group, Place: p.number, Incarnation: p.incarnation, Seed: seed,
		Backing: r.Backing, At: r.At, AfterKill: r.consumersKilled,
	})
	if err != nil {
		return err
	}
	orders, control, err := os.Pipe()
	if err != nil {
		return err
	}
	defer orders.Close()
	cmd.ExtraFiles = []*os.File{orders, p.page.File, r.arrivals.File}
	if r.Backing == "memfd" {
		cmd.ExtraFiles = append(cmd.ExtraFiles, r.ring.Region().File())
	}
	var cpus []int
	if n := len(p.group.CPUs); n > 0 {
		cpus = p.group.CPUs[p.number%n : p.number%n+1]
	}
	if err := rig.StartPinned(cmd, cpus); err != nil {
		return errors.Join(fmt.Errorf("start %v: %w", p, err), control.Close())
	}
	p.cmd, p.control, p.exited = cmd, control, make(chan error, 1)
	go func(done chan error) { done <- cmd.Wait() }(p.exited)
	return nil
}

// working tells whether the process is attached, and goes on as far as is known.
func (p *place) working() bool {
	return p.exited != nil && !p.asked && mem.Load(&p.page.State) == stateWorking
}

// atEnd tells whether the place's process has received all there was.
func (p *place) atEnd() bool { return mem.Load(&p.page.AtEnd) != 0 }

// order gives the process an order. One that is gone needs none.
func (p *place) order(o byte) {
	if p.exited != nil {
		p.control.Write([]byte{o})
	}
}

// strike ends the process as its group's churn says.
func (p *place) strike() error {
	p.asked = true
	if !p.group.Churn.Kill {
		p.order(orderLeave)
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// bury takes in the last words of a process that has ended with err. What it has begun to
// send and perhaps not ended is noted: its successor does not use the numbers again.
// At the end of the load, stopping, all leave.
func (p *place) bury(err error, stopping bool) error {
	p.exited = nil
	p.control.Close()
	if s := p.cmd.ProcessState; s != nil {
		p.cpu += s.UserTime() + s.SystemTime()
	}
	churn := p.group.Churn
	switch {
	case err == nil:
		if !stopping {
			p.leaves++
		}
		return nil
	case rig.EndedBy(err, syscall.SIGKILL) && churn != nil && churn.Kill:
		p.kills++
	case rig.EndedBy(err, syscall.SIGINT) && mem.Load(&p.page.State) == stateStarting:
		// It took the interrupt that was meant for its parent: it was born into that one's group.
		return nil
	default:
		if text := p.page.text(); text != "" {
			return fmt.Errorf("%v: %s", p, text)
		}
		return fmt.Errorf("%v ended by itself: %w", p, err)
	}
	if !p.group.Producer {
		p.ring.consumersKilled = true
		return nil
	}
	if next, intent := p.page.Next, p.page.Intent; intent > next {
		p.ring.uncertain = append(p.ring.uncertain, gap{Place: uint64(p.number), From: next, N: intent - next})
		mem.Publish(&p.page.Next, intent)
	}
	return nil
}

// end kills the process if it still runs, and waits for it.
func (p *place) end() {
	if p.exited != nil {
		p.cmd.Process.Kill()
		<-p.exited
		p.exited = nil
		p.control.Close()
	}
	p.page.Close()
}
