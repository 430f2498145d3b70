package rig

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/rig/rigtest"
)

// broken names the ways in which the test transport goes wrong, by its name.
var broken = []string{"fine", "lossy", "swapped", "hang", "panic", "closed", "setup"}

func find(name string) *Transport {
	t := &Transport{Name: name, Topology: "spsc"}
	t.Setup = func(*Params) (*Wiring, error) {
		if name == "setup" {
			return nil, os.ErrPermission
		}
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		return &Wiring{Spec: map[string]string{"say": "hello"}, Sender: []*os.File{w}, Receiver: []*os.File{r}}, nil
	}
	t.Open = func(job *Job) (Link, error) {
		if string(job.Spec) != `{"say":"hello"}` {
			return nil, errors.New("the spec did not arrive")
		}
		if name == "closed" && job.Role == Receive {
			return nil, errors.New("cannot open")
		}
		return &testLink{name: name, f: job.Files[0]}, nil
	}
	return t
}

// testLink sends 8 bytes per write.
type testLink struct {
	name string
	f    *os.File
}

func (l *testLink) Produce(s *Sender) error {
	var msg [8]byte
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for range n {
			stamp := seq
			if s.Paced() {
				due, ok := s.Due(seq)
				if !ok {
					return l.f.Close()
				}
				stamp = uint64(due)
			}
			binary.LittleEndian.PutUint64(msg[:], stamp)
			seq++
			switch {
			case l.name == "lossy" && seq == 1000:
				continue
			case l.name == "panic" && seq == 1000:
				panic("told to")
			}
			if _, err := l.f.Write(msg[:]); err != nil {
				return err
			}
		}
	}
	if l.name == "hang" {
		select {}
	}
	if l.name == "swapped" {
		s.end(seq+1, Now()) // claims one more than it sent
	}
	return l.f.Close()
}

func (l *testLink) Consume(r *Receiver) error {
	var msg [8]byte
	var seq uint64
	for {
		r.Mark(seq)
		if _, err := io.ReadFull(l.f, msg[:]); err == io.EOF {
			r.End(seq)
			return nil
		} else if err != nil {
			return err
		}
		if err := r.Check(seq, msg[:]); err != nil {
			return err
		}
		seq++
	}
}

func (l *testLink) Ping(*Sender) error   { return errors.ErrUnsupported }
func (l *testLink) Pong(*Receiver) error { return errors.ErrUnsupported }
func (l *testLink) Close() error         { return nil }

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == WorkerCommand {
		os.Exit(WorkerMain(find))
	}
	stopGrace = 2 * time.Second
	os.Exit(rigtest.Main(m))
}

func params() Params {
	return Params{Kind: Throughput, Size: 8, Batch: 1, WarmUp: 5 * time.Millisecond, Duration: 200 * time.Millisecond}
}

func TestMeasure(t *testing.T) {
	var seen uint64
	p := params()
	p.Duration = 500 * time.Millisecond // two ticks of Watch
	out, err := Measure(t.Context(), find("fine"), p, func(n uint64, _ time.Duration) { seen = n })
	if err != nil {
		t.Fatal(err)
	}
	if out.Messages == 0 || out.Seconds <= 0 || out.CPUSeconds <= 0 || out.Latency != nil || seen == 0 {
		t.Errorf("got %+v, progress %d", out, seen)
	}
}

func TestCountIsExact(t *testing.T) {
	p := params()
	p.Count = 12345
	out, err := Measure(t.Context(), find("fine"), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out.Messages != 12345 {
		t.Errorf("measured %d messages, asked for 12345", out.Messages)
	}
}

func TestPaceHasLatencies(t *testing.T) {
	p := params()
	p.Kind, p.Rate = OneWay, 5000
	out, err := Measure(t.Context(), find("fine"), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out.Latency == nil || out.Latency.P50 <= 0 || out.Latency.Max < out.Latency.P9999 {
		t.Errorf("got %+v", out.Latency)
	}
}

func TestBrokenTransportsAreErrors(t *testing.T) {
	want := map[string]string{
		"fine":    "",
		"lossy":   "expected message 999, found 1000",
		"swapped": "messages were sent",
		"hang":    "did not stop",
		"panic":   "told to",
		"closed":  "cannot open",
		"setup":   "permission denied",
	}
	for _, name := range broken {
		t.Run(name, func(t *testing.T) {
			_, err := Measure(t.Context(), find(name), params(), nil)
			switch {
			case want[name] == "" && err != nil:
				t.Error(err)
			case want[name] != "" && (err == nil || !strings.Contains(err.Error(), want[name])):
				t.Errorf("got %v, want an error with %q", err, want[name])
			}
			if left := rigtest.Children(os.Getpid()); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
		})
	}
}

func TestInterruptKeepsWhatWasCounted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := params()
	p.Duration = time.Hour
	out, err := Measure(ctx, find("fine"), p, func(n uint64, _ time.Duration) {
		if n > 0 {
			cancel()
		}
	})
	if err != nil || out.Messages == 0 {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestInterruptBeforeTheWindow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, find("fine"), params(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestNothingInTheWindowIsAnError(t *testing.T) {
	p := params()
	p.Kind, p.Rate, p.Duration = OneWay, 1, time.Millisecond // the second message leaves after a second
	if _, err := Measure(t.Context(), find("fine"), p, nil); err == nil || !strings.Contains(err.Error(), "found none") {
		t.Errorf("got %v", err)
	}
}

func TestPaceOffset(t *testing.T) {
	for _, c := range []struct {
		seq  uint64
		rate int
		want int64
	}{
		{0, 1, 0}, {1, 1, 1e9}, {3, 3, 1e9}, {1, 3, 333333333}, {1e12, 1e9, 1e12}, {1e9*3600 + 1, 1e9, 3600e9 + 1},
	} {
		if got := paceOffset(c.seq, c.rate); got != c.want {
			t.Errorf("paceOffset(%d, %d) = %d, want %d", c.seq, c.rate, got, c.want)
		}
	}
}

func TestQuantumIsWholeBatches(t *testing.T) {
	for _, size := range []int{8, 64, 1024, 1 << 20} {
		for _, batch := range []int{1, 3, 32, 5000} {
			p := Params{Kind: Throughput, Size: size, Batch: batch}
			if q := p.quantum(); q < 1 || q%batch != 0 {
				t.Errorf("size %d, batch %d: quantum %d", size, batch, q)
			}
		}
	}
}
