package stress

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"annulus/internal/killpoint"
	"annulus/ring"
)

// Patience of the parent.
const (
	hangAfter = 10 * time.Second // without any message received while both sides live
	endAfter  = 30 * time.Second // for all to end once they are asked to
	tick      = 50 * time.Microsecond
)

// run is one run.
type run struct {
	*Options
	ring    *ring.Ring
	places  []*place
	rng     *rand.Rand
	verdict *verdict
	report  *Report
	watch   func(*Report)

	progress uint64    // messages received so far
	moved    time.Time // when that last grew
	pending  []time.Time
	delays   []time.Duration
	torn     uint64
	settled  uint64 // claims of the dead settled so far
}

// Run puts a ring under stress. watch, if not nil, is called now and then with what
// there is so far. The error says what kept it from being done; what is wrong with the
// ring stands in the report. When ctx is done it kills nobody any more, ends all in order
// and reports what there is. All processes have ended when it returns.
func Run(ctx context.Context, o Options, watch func(*Report)) (*Report, error) {
	if o.Point != "" && !killpoint.Enabled {
		return nil, errors.New("this build has no kill points; build it with -tags killpoints")
	}
	if o.Point != "" && !slices.Contains(killpoint.Names, o.Point) {
		return nil, fmt.Errorf("expected a kill point out of %v, found %q", killpoint.Names, o.Point)
	}
	// The workers are tied to this thread's life.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &run{Options: &o, rng: rand.New(rand.NewPCG(o.Seed, 1)), verdict: newVerdict(), watch: watch}
	r.report = &Report{
		Topology: o.Topology.String(), Redeliver: o.Redeliver, Wait: o.Wait, Producers: o.Producers, Consumers: o.Consumers,
		Capacity: o.Capacity, CPeers: o.CPeers, Point: o.Point, Seed: o.Seed,
	}
	if o.casts {
		r.verdict.cast, r.report.Overrun = newCastVerdict(o.Overrun), o.Overrun.String()
	}
	var err error
	if r.ring, err = ring.CreateMemfd("stress", o.config()); err != nil {
		return nil, err
	}
	defer r.ring.Close()
	defer r.stop()
	if err := r.start(); err != nil {
		return nil, err
	}
	begin := time.Now()
	r.moved = begin
	if o.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Limit)
		defer cancel()
	}
	err = r.kill(ctx)
	if err == nil && r.report.Hung == 0 {
		err = r.end()
	}
	r.report.Seconds = time.Since(begin).Seconds()
	r.sum()
	return r.report, err
}

func (r *run) start() error {
	for i := range r.Producers + r.Consumers {
		l, err := newLedger()
		if err != nil {
			return err
		}
		p := &place{producer: i < r.Producers, number: i, ledger: l}
		r.places = append(r.places, p)
		if err := p.start(r.Options, r.ring.Region().File(), r.rng); err != nil {
			return err
		}
	}
	return nil
}

// stop kills what still runs.
func (r *run) stop() {
	for _, p := range r.places {
		if p.cmd != nil && p.cmd.Process != nil {
			p.signal(syscall.SIGKILL)
			if p.exited != nil {
				<-p.exited
				p.exited = nil
			}
		}
		p.ledger.Close()
	}
}

// kill is the main loop: look, strike, look.
func (r *run) kill(ctx context.Context) error {
	next, lastWatch := time.Now(), time.Now()
	stops := 0
	for r.report.Hung == 0 && (r.report.Kills < r.Kills || r.missed()) {
		if err := ctx.Err(); err != nil {
			if r.Limit > 0 && errors.Is(err, context.DeadlineExceeded) {
				r.note("ended after %v, before all kills were done", r.Limit)
			} else {
				r.report.Interrupted = true
			}
			break
		}
		r.look()
		if err := r.reap(); err != nil {
			return err
		}
		if r.watch != nil && time.Since(lastWatch) > time.Second {
			lastWatch = time.Now()
			r.watch(r.report)
		}
		if time.Now().Before(next) {
			time.Sleep(tick)
			continue
		}
		// The stops are spread evenly over the kills.
		if r.Stops > 0 && stops*r.Kills < r.report.Kills*r.Stops && r.pause() {
			stops++
		} else if r.All > 0 && r.report.Kills/r.All > r.report.KillsAll {
			if err := r.killAll(); err != nil {
				return err
			}
		} else if err := r.strike(); err != nil {
			return err
		}
		pace := time.Millisecond
		if r.Point != "" {
			pace *= 20 // what happens by itself is what counts
		}
		next = time.Now().Add(time.Duration(r.rng.ExpFloat64() * float64(pace)))
	}
	// Whoever was struck last has a successor too: a producer that is dead does not
	// close, so without one consumers would wait for ever.
	for _, p := range r.places {
		if !p.struck.IsZero() {
			if err := r.bury(p, <-p.exited); err != nil {
				return err
			}
		}
	}
	return nil
}

// missed tells whether the kills were enough in number only, and some more may do: nobody has come
// to the named point yet, or less than a tenth had a claim in flight, where one can be aimed at.
func (r *run) missed() bool {
	return r.Point != "" && r.report.AtPoint == 0 && r.report.Kills < 30*r.Kills ||
		r.table && r.Point == "" && r.Aim > 0 && 10*r.report.InFlight < r.report.Kills && r.report.Kills < 3*r.Kills
}

// working returns a random place whose process is attached, or nil.
func (r *run) working() *place {
	for _, i := range r.rng.Perm(len(r.places)) {
		if p := r.places[i]; p.exited != nil && p.struck.IsZero() && p.ledger.get(wordState) == stateWorking {
			return p
		}
	}
	return nil
}

// strike kills some processes at the same moment. They are buried when they are gone.
func (r *run) strike() error {
	for n := 1 + r.rng.IntN(max(r.Burst, 1)); n > 0; n-- {
		p := r.working()
		if p == nil {
			return nil
		}
		if r.table && (p.producer || r.MostConsumers != 1) && (r.rng.IntN(100) < r.Aim || r.tooFew()) {
			p.caught = r.aim(p)
		}
		if err := r.slay(p); err != nil {
			return err
		}
	}
	return nil
}

// slay sends SIGKILL.
func (r *run) slay(p *place) error {
	if err := p.signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	p.struck = time.Now()
	return nil
}

// killAll kills every process before it waits for one.
func (r *run) killAll() error {
	for _, p := range r.places {
		if err := r.slay(p); err != nil {
			return err
		}
	}
	r.report.KillsAll++
	for _, p := range r.places {
		if err := r.bury(p, <-p.exited); err != nil {
			return err
		}
	}
	r.pending = nil // there are no survivors
	return nil
}

// pause stops a process for a while, in which others go on, and continues it.
func (r *run) pause() bool {
	p := r.working()
	if p == nil || p.signal(syscall.SIGSTOP) != nil {
		return false
	}
	for end := time.Now().Add(time.Duration(1+r.rng.IntN(8)) * time.Millisecond); time.Now().Before(end); time.Sleep(tick) {
		r.look()
	}
	r.report.Stops++
	return p.signal(syscall.SIGCONT) == nil
}

// reap finds processes that ended by themselves: at a kill point, or in error.
func (r *run) reap() error {
	for _, p := range r.places {
		select {
		case err := <-p.exited:
			if p.struck.IsZero() && killed(err) {
				r.report.AtPoint++
			}
			if err := r.bury(p, err); err != nil {
				return err
			}
		default:
		}
	}
	return nil
}

func (r *run) note(format string, args ...any) {
	if len(r.report.Notes) < 10 {
		r.report.Notes = append(r.report.Notes, fmt.Sprintf(format, args...))
	}
}
