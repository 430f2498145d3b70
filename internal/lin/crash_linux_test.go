package lin

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"annulus/internal/killpoint"
	"annulus/internal/mem"
	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/shm"
)

// Histories in which a process is killed in the middle of a call. It notes what it
// does in memory that outlives it, beside the clock that all share.

func init() {
	roles["victim"] = victim
	unbuild = func() { os.RemoveAll(built.dir) }
}

const (
	victimCalls = 8
	victimID    = 9 // its number as a client
	victimFirst = 100
)

// notes are the words that the processes of a history share.
type notes struct{ mem.Ptr }

func (n notes) word(i int) *atomic.Uint64 { return mem.Atomic64(n.Word(uint64(8 * i))) }
func (n notes) now() int64                { return int64(n.word(0).Add(1)) }
func (n notes) ready() *atomic.Uint64     { return n.word(1) }
func (n notes) begin() *atomic.Uint64     { return n.word(2) }
func (n notes) over() *atomic.Uint64      { return n.word(3) }

// of are the words of a call: begin, end, value, result.
func (n notes) of(call int) (begin, end, value, result *atomic.Uint64) {
	i := 8 + 4*call
	return n.word(i), n.word(i + 1), n.word(i + 2), n.word(i + 3)
}

// victim attaches to the ring at descriptor 3 and calls until it is killed.
func victim(args []string) error {
	which, _ := strconv.Atoi(args[0])
	k := kinds()[which]
	r, err := ring.OpenFD(os.NewFile(3, "ring"))
	if err != nil {
		return err
	}
	region, err := shm.FromFile(os.NewFile(4, "notes"))
	if err != nil {
		return err
	}
	n := notes{mem.Of(region.Bytes())}
	var p *ring.Producer
	var v *ring.Consumer
	if args[1] == "send" {
		p, err = r.Producer()
	} else {
		v, err = r.Consumer()
	}
	if err != nil {
		return err
	}
	c := newClient(k, victimID, p, v, n.now)
	c.rng = rand.New(rand.NewPCG(rand.Uint64(), 1))
	pause := func() { // so long that a kill hits it
		for range c.rng.IntN(2000) {
			c.idle++
		}
	}
	if p != nil {
		c.s.(*producer).pause = pause
	} else {
		c.r.(*consumer).pause = pause
	}
	c.ways[0], _ = strconv.Atoi(args[2])
	c.ways[1], _ = strconv.Atoi(args[3])
	n.ready().Store(1)
	for n.begin().Load() == 0 {
	}
	for i := range victimCalls {
		begin, end, value, result := n.of(i)
		c.now = func() int64 { // of the begin of the call, whose end is stored below
			t := n.now()
			if begin.Load() == 0 {
				value.Store(victimFirst + uint64(i))
				begin.Store(uint64(t))
			}
			return t
		}
		o, err := c.call(victimFirst + uint8(i))
		if err != nil {
			return err
		}
		value.Store(uint64(o.Value))
		result.Store(uint64(o.Result) | map[bool]uint64{true: 1 << 8}[o.Redelivered] | uint64(o.Lost)<<16)
		end.Store(uint64(n.now()))
		for range c.rng.IntN(200) {
			c.idle++
		}
	}
	n.over().Store(1)
	for {
		syscall.Pause()
	}
}

// history reads what a victim has noted, which was dead at that time.
func (n notes) history(verb Verb, death int64) (ops []Op, cut bool) {
	for i := range victimCalls {
		begin, end, value, result := n.of(i)
		if begin.Load() == 0 {
			break
		}
		o := Op{Client: victimID, Verb: verb, Value: uint8(value.Load()), Call: int64(begin.Load())}
		if o.Return = int64(end.Load()); o.Return == 0 {
			o.Return, o.Result, cut = death, Cut, true
		} else {
			w := result.Load()
			o.Result, o.Redelivered, o.Lost = Result(w&0xFF), w>>8&1 != 0, uint8(w>>16)
		}
		ops = append(ops, o)
	}
	return ops, cut
}

// scene is a ring, and what stays of it from one victim to the next.
type scene struct {
	t     *testing.T
	which int
	k     kind
	verb  Verb
	r     *ring.Ring
	shm   *shm.Region
	notes notes
	live  []*client
	idle  int   // see client
	next  begin // where the next history begins
}

func newScene(t *testing.T, which int, verb Verb) *scene {
	s := &scene{t: t, which: which, k: kinds()[which], verb: verb}
	var err error
	s.r, err = ring.CreateMemfd("lin", s.k.config)
	must(t, err)
	s.shm, err = shm.Memfd("notes", 4096)
	must(t, err)
	t.Cleanup(func() {
		must(t, s.r.Close())
		must(t, s.shm.Close())
	})
	s.notes = notes{mem.Of(s.shm.Bytes())}
	k := s.k
	switch { // the victim is one of them
	case k.config.Topology == ring.MPMC:
		k.senders, k.receivers = 1, 1
	case verb == Send:
		k.senders--
	default:
		k.receivers--
	}
	s.live = clients(t, k, s.r, s.notes.now)
	s.begin()
	return s
}

// begin notes where the next history begins.
func (s *scene) begin() {
	s.next = where(s.t, s.r, s.live)
	if s.verb == Send {
		s.next.senders = append(s.next.senders, victimID)
	} else {
		s.next.receivers = append(s.next.receivers, victimID)
	}
}

// waysTo are the ways that come to a point.
func waysTo(point string) [2]int {
	name, _, _ := strings.Cut(point, ":")
	switch name {
	case "published", "received", "settled", "released": // one call may not pass them
		return [2]int{0, byHand}
	case "put", "half": // and those which only that does
		return [2]int{byHand, ways}
	}
	return anyWay
}

// start starts a victim, which waits for its begin, and is killed at a point if exe has such.
func (s *scene) start(exe, point string) *exec.Cmd {
	t := s.t
	t.Helper()
	clear(s.shm.Bytes())
	w := waysTo(point)
	cmd := testutil.Child(t, "victim", fmt.Sprint(s.which), []string{"send", "recv"}[s.verb], fmt.Sprint(w[0]), fmt.Sprint(w[1]))
	cmd.ExtraFiles = []*os.File{s.r.Region().File(), s.shm.File()}
	cmd.Stderr = os.Stderr
	if exe != "" {
		cmd.Path = exe
		cmd.Env = append(cmd.Env, killpoint.Env+"="+point)
	}
	must(t, cmd.Start())
	testutil.Eventually(t, "the victim is ready", func() bool { return s.notes.ready().Load() == 1 })
	return cmd
}

// run starts a victim and kills it some time after it has begun to call, or, if exe
// has kill points, lets it die where it was armed.
func (s *scene) run(exe, point string, wait int) (history []Op, cut bool) {
	t, n := s.t, s.notes
	t.Helper()
	cmd := s.start(exe, point)
	if exe != "" && s.verb == Recv { // so that it finds what to receive
		c := s.live[0]
		for j := range 2 {
			_, err := c.call(uint8(50 + j))
			must(t, err)
		}
	}
	var wg sync.WaitGroup
	var dead atomic.Bool
	for _, c := range s.live {
		if exe != "" && s.verb == Recv && c.r != nil {
			continue
		}
		wg.Go(func() {
			for n.begin().Load() == 0 {
			}
			calls := s.k.sends
			if c.r != nil {
				calls = s.k.recvs
			}
			for j := range min(calls, 5) {
				if _, err := c.call(uint8(1 + 10*c.number + j)); err != nil && err != io.EOF {
					t.Error(err)
				}
			}
		})
	}
	n.begin().Store(1)
	alive := n.now()
	if exe == "" {
		begun, _, _, _ := n.of(wait % (victimCalls / 2))
		for i := 0; i < 1e6 && begun.Load() == 0; i++ {
		}
		for range rand.IntN(500) {
			s.idle++
		}
		alive = n.now()
		must(t, cmd.Process.Kill())
	} else {
		wg.Go(func() { // where it never comes to the point
			testutil.Until("the victim is done or dead", func() bool { return n.over().Load() != 0 || dead.Load() })
			cmd.Process.Kill()
		})
	}
	cmd.Wait()
	dead.Store(true)
	death := n.now()
	wg.Wait()
	history, cut = n.history(s.verb, death)
	if s.k.config.Topology == ring.Broadcast && s.verb == Recv { // whose death the producer finds out
		history = append(history, Op{Client: victimID, Verb: Die, Call: alive, Return: death})
	}
	return s.explain(history), cut
}

// explain drains the ring and holds the history of the victim, with all that was
// done beside, against the specification.
func (s *scene) explain(history []Op) []Op {
	s.t.Helper()
	spec := s.k.spec(s.next)
	history = append(history, s.drain()...)
	for _, c := range s.live {
		history = append(history, c.ops...)
		c.ops = c.ops[:0]
	}
	s.begin()
	explain(s.t, spec, history)
	return history
}

// drain receives all that is left, after taking over from a dead endpoint whose role
// nobody else has, and sends and receives one more: what was cut keeps nobody up. It
// returns the calls of those who took over.
func (s *scene) drain() (ops []Op) {
	t := s.t
	var in *client
	for _, c := range s.live {
		if c.s != nil {
			in = c
		}
	}
	outs := s.k.drains(s.live)
	if in == nil {
		p, err := s.r.Producer()
		must(t, err)
		defer func() { must(t, p.Close()) }()
		in = newClient(s.k, 7, p, nil, s.notes.now)
		defer func() { ops = append(ops, in.ops...) }()
	}
	if outs == nil {
		c, err := s.r.Consumer()
		must(t, err)
		defer func() { must(t, c.Close()) }()
		outs = []*client{newClient(s.k, 8, nil, c, s.notes.now)}
		defer func() { ops = append(ops, outs[0].ops...) }()
	}
	for _, out := range outs {
		s.drainBy(out)
	}
	for try := 0; ; try++ {
		o, err := in.call(99)
		must(t, err)
		if o.Result == OK {
			break
		}
		if s.k.config.Topology != ring.Broadcast || try > 1000 {
			t.Fatalf("the drained ring takes nothing: %v", o)
		}
		in.ops = in.ops[:len(in.ops)-1] // a dead consumer is found out after some tries
	}
	for _, out := range outs {
		s.drainBy(out)
	}
	return nil
}

// drainBy receives until the ring is empty for a client.
func (s *scene) drainBy(out *client) {
	s.t.Helper()
	for {
		rec, err := s.r.Recover()
		must(s.t, err)
		o, err := out.call(0)
		must(s.t, err)
		switch {
		case o.Result != Empty:
		case rec == (ring.Recovery{}):
			return
		default:
			out.ops = out.ops[:len(out.ops)-1] // what is left is to be had after some tries
		}
	}
}

// built is this test with kill points, made once.
var built struct {
	sync.Once
	dir string
	err error
}

func withPoints(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "lin"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "test", "-c", "-tags", "killpoints", "-o", filepath.Join(built.dir, "lin.test"), ".").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	must(t, built.err)
	return filepath.Join(built.dir, "lin.test")
}

// crashes is how many victims are killed at a random time, of each kind and role. More,
// here 10,000 of each kind, whose starts overlap with -parallel:
//
//	go test ./internal/lin -run TestKilledAtRandom -crashes 5000 -parallel 4 -timeout 1h -v
//
// The longest run so far: 6,500 of each kind, 65,000 in all, 6,720 of them killed within a
// call, in 13 runs on two busy cores.
var crashes = flag.Int("crashes", 16, "processes to kill at a random time, of each kind of ring and each role")

// Processes killed at any time: each of their calls took effect before, or never.
func TestKilledAtRandom(t *testing.T) {
	for which, k := range kinds() {
		for _, verb := range []Verb{Send, Recv} {
			t.Run(fmt.Sprintf("%s/%v", k.name, []string{"sender", "receiver"}[verb]), func(t *testing.T) {
				t.Parallel()
				s := newScene(t, which, verb)
				calls, cuts := 0, 0
				for i := range *crashes {
					h, cut := s.run("", "", i)
					for _, o := range h {
						if o.Client == victimID && o.Verb != Die {
							calls++
						}
					}
					if cut {
						cuts++
					}
				}
				t.Logf("%d histories, %d calls of victims, %d killed within one", *crashes, calls, cuts)
			})
		}
	}
}

// Processes killed at each place of a call that has a name.
func TestKilledAtPoints(t *testing.T) {
	exe := withPoints(t)
	for which, k := range kinds() {
		for verb := Send; verb <= Recv; verb++ {
			for _, point := range k.points[verb] {
				t.Run(fmt.Sprintf("%s/%v/%s", k.name, []string{"sender", "receiver"}[verb], point), func(t *testing.T) {
					t.Parallel()
					s := newScene(t, which, verb)
					cuts := 0
					// Not each of them comes to the point: a ring may be full, or need no padding.
					for n := 1; n <= 4 || cuts == 0 && n <= 400; n++ {
						if _, cut := s.run(exe, fmt.Sprintf("%s:%d", point, 1+n%4/2), 0); cut {
							cuts++
						}
					}
					if cuts == 0 {
						t.Error("nobody died within a call")
					}
				})
			}
		}
	}
}

// A producer is stopped between its look at tail and its draw while the ring goes round
// more than twice: its draw fails, it takes a later place, and nothing is spoilt.
func TestCase20_StoppedBeforeItsDraw(t *testing.T) {
	exe := withPoints(t)
	for which, k := range kinds() {
		if k.config.Topology != ring.MPMC {
			continue
		}
		s := newScene(t, which, Send)
		cmd := s.start(exe, "intent:2:stop")
		s.notes.begin().Store(1)
		testutil.Eventually(t, "the victim stops", func() bool {
			var ws syscall.WaitStatus
			n, err := syscall.Wait4(cmd.Process.Pid, &ws, syscall.WNOHANG|syscall.WUNTRACED, nil)
			return err == nil && n == cmd.Process.Pid && ws.Stopped()
		})
		in, out := s.live[0], s.live[1]
		for i := range 3 * k.config.Capacity {
			o, err := in.call(uint8(1 + i))
			must(t, err)
			if o.Result != OK && i > 0 {
				t.Fatalf("beside a stopped producer: %v", o)
			}
			for range 2 {
				_, err := out.call(0)
				must(t, err)
			}
		}
		must(t, cmd.Process.Signal(syscall.SIGCONT))
		testutil.Eventually(t, "the victim is done", func() bool { return s.notes.over().Load() == 1 })
		must(t, cmd.Process.Kill())
		cmd.Wait()
		history, cut := s.notes.history(Send, s.notes.now())
		if cut || len(history) != victimCalls {
			t.Fatalf("%d calls of %d", len(history), victimCalls)
		}
		s.explain(history)
	}
}
