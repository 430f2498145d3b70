//go:build linux

package ring_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/testutil"
	"annulus/ring"
)

func init() {
	roles["echo"] = playEcho
	roles["publish-and-die"] = playPublishAndDie
}

// playEcho sends back through the second ring what comes through the first, in
// slices of an hour. The rings' eventfds are inherited, two for each.
func playEcho(args []string) error {
	s, err := futex.ParseStrategy(args[2])
	if err != nil {
		return err
	}
	wait := ring.WithStrategy(unbounded(s))
	var rings [2]*ring.Ring
	for i := range rings {
		var opts []ring.Option
		if s.Park == futex.ParkEventfd {
			var efds [2]*futex.Eventfd
			for j := range efds {
				if efds[j], err = futex.EventfdFromFile(os.NewFile(uintptr(3+2*i+j), "eventfd")); err != nil {
					return err
				}
			}
			opts = append(opts, ring.WithEventfds(efds[0], efds[1]))
		}
		if rings[i], err = ring.Open(args[i], opts...); err != nil {
			return err
		}
	}
	c, err := rings[0].Consumer(wait)
	if err != nil {
		return err
	}
	p, err := rings[1].Producer(wait)
	if err != nil {
		return err
	}
	fmt.Println("begun")
	for {
		b, err := c.Recv(context.Background(), nil)
		if err == io.EOF {
			return errors.Join(rings[0].Close(), rings[1].Close())
		}
		if err == nil {
			err = p.Send(context.Background(), b)
		}
		if err != nil {
			return err
		}
	}
}

// Two processes wait for each other's messages, one by one, and for space, in
// bursts that are greater than a ring. Their sleeps last for an hour: a wake that
// is lost hangs them.
func TestWakesAcrossProcesses(t *testing.T) {
	if !futex.Barrier() {
		t.Skip("without membarrier(2) a wake may be lost, for a slice")
	}
	for _, name := range []string{"futex", "semaphore", "eventfd", "adaptive"} {
		t.Run(name, func(t *testing.T) {
			s := unbounded(strategies[name])
			if !supported(s) {
				t.Skip("not on this system")
			}
			var rings [2]*ring.Ring
			var names [2]string
			var files []*os.File
			for i := range rings {
				names[i] = shmName(t)
				var opts []ring.Option
				if s.Park == futex.ParkEventfd {
					data, space := eventfd(t), eventfd(t)
					opts = append(opts, ring.WithEventfds(data, space))
					files = append(files, data.File(), space.File())
				}
				var err error
				rings[i], err = ring.Create(names[i], ring.Config{Capacity: 4096}, opts...)
				must(t, err)
				t.Cleanup(func() { must(t, ring.Remove(names[i])) })
				closing(t, rings[i])
			}
			echo := startWith(t, files, "echo", names[0], names[1], name)
			echo.Expect("begun")
			p, err := rings[0].Producer(ring.WithStrategy(s))
			must(t, err)
			c, err := rings[1].Consumer(ring.WithStrategy(s))
			must(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), testutil.Patience)
			defer cancel()
			n := uint64(0)
			for round := range 400 {
				burst := uint64(1)
				if round%8 == 0 {
					burst = 100 // more than one ring and less than two
				}
				for i := range burst {
					must(t, p.Send(ctx, payload(n+i)))
				}
				for range burst {
					b, err := c.Recv(ctx, nil)
					must(t, err)
					must(t, checkPayload(b, n))
					n++
				}
			}
			for i, r := range rings {
				if s, err := r.Stats(); err != nil || name != "adaptive" && (s.Consumer.Parks == 0 || s.Producer.Wakes == 0) {
					t.Errorf("ring %d: nobody slept: %+v %v", i, s, err)
				}
			}
			must(t, p.Close())
			echo.Done()
		})
	}
}

// playPublishAndDie takes the producer role of a fresh ring, commits a message by
// hand and kills itself where a producer would look whether somebody sleeps.
func playPublishAndDie(args []string) error {
	r, err := ring.Open(args[0])
	if err != nil {
		return err
	}
	if _, err := r.Producer(); err != nil {
		return err
	}
	b := r.Region().Bytes()
	g, _, err := layout.Decode(b[:layout.HeaderSize], uint64(len(b)))
	if err != nil {
		return err
	}
	msg := payload(0)
	copy(b[g.DataArea+layout.WordSize:], msg)
	mem.Publish(layout.WordAt(b, g.DataArea), layout.RecordCommitted|uint64(len(msg)))
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// A producer killed between its publish and its wake leaves a sleeper whom nobody
// wakes: the bound of the sleep does, and a successor goes on.
func TestKilledBeforeItsWake(t *testing.T) {
	for _, name := range []string{"futex", "semaphore", "adaptive"} {
		t.Run(name, func(t *testing.T) {
			s := strategies[name]
			if !supported(s) {
				t.Skip("not on this system")
			}
			r, name := shared(t, ring.Config{})
			c, err := r.Consumer(ring.WithStrategy(s))
			must(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), testutil.Patience)
			defer cancel()
			got := make(chan error)
			go func() {
				b, err := c.Recv(ctx, nil)
				got <- errors.Join(err, checkPayload(b, 0))
			}()
			eventually(t, "the consumer sleeps", func() bool {
				st, err := r.Stats()
				return err == nil && st.Consumer.Asleep && st.Consumer.Parks > 0
			})
			victim := start(t, "publish-and-die", name)
			must(t, <-got)
			victim.EndsBy(syscall.SIGKILL)
			if st, err := r.Stats(); err != nil || st.Producer.Wakes != 0 {
				t.Fatalf("%d wakes, want none; %v", st.Producer.Wakes, err)
			}
			p, err := r.Producer()
			must(t, err)
			must(t, p.TrySend(payload(1)))
			b, err := c.Recv(ctx, nil)
			must(t, err)
			must(t, checkPayload(b, 1))
		})
	}
}
