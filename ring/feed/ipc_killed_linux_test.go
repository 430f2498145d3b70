//go:build amd64 || arm64 || loong64 || riscv64

package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

func init() {
	roles["postsIn"] = func(args []string) error {
		p, err := openProducer(args[0])
		if err != nil {
			return err
		}
		id, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		s, err := feed.OpenSysVSemaphore(feed.SysVSet{ID: id, Undo: true})
		if err != nil {
			return err
		}
		return feed.Into(p, feed.Posts(s)).Run(context.Background())
	}
}

// killedInStream runs feeders, one after the other, each killed while messages pass, and gives
// what they have brought to take until it is told by done that there is no more.
func killedInStream(t *testing.T, k *ring.Consumer, feeder func() *testutil.Process, take func([]byte), done func() bool) (kills int) {
	t.Helper()
	for kills = 0; ; kills++ {
		f := feeder()
		for i := 0; i < 300; {
			b, err := k.TryRecv(nil)
			switch {
			case err == nil:
				take(b)
				i++
			case !errors.Is(err, ring.ErrEmpty):
				t.Fatal(err)
			case done():
				killed(f)
				return kills + 1
			}
		}
		killed(f)
	}
}

// A feeder killed in mid-stream loses the batch that it had taken from the queue and not yet sent,
// at most, and doubles nothing.
func TestQueueFeederKilledInStream(t *testing.T) {
	const n, batch = 3000, 256
	mq := testQueue(t)
	made, err := mq.Sink()
	must(t, err)
	must(t, made.Close())
	sv := testSysV(t, 0)
	for what, c := range map[string]struct {
		feeder []string
		peer   []any
		left   func() int
	}{
		"SysV":  {[]string{"sysv", fmt.Sprint(sv.ID)}, []any{"msgsend", sv.ID, n}, func() int { return svQueued(t, sv) }},
		"POSIX": {[]string{"mq", mq.Name}, []any{"mqsend", mq.Name, n}, func() int { return queued(t, mq) }},
	} {
		t.Run(what, func(t *testing.T) {
			name, k := signalRing(t)
			peer := testutil.Start(t, cPeer(t, c.peer...))
			seen := make([]int, n)
			total := 0
			kills := killedInStream(t, k, func() *testutil.Process {
				return testutil.Start(t, testutil.Child(t, "queueFeed", name, c.feeder[0], c.feeder[1], "in"))
			}, func(b []byte) {
				i, err := strconv.Atoi(string(b))
				if err != nil || i < 0 || i >= n {
					t.Fatalf("message %q", b)
				}
				seen[i]++
				total++
			}, func() bool {
				select {
				case <-peer.Exited():
					return c.left() == 0
				default:
					return false
				}
			})
			peer.Done()
			for i, times := range seen {
				if times > 1 {
					t.Errorf("message %d came %d times", i, times)
				}
			}
			if lost := n - total; kills < 2 || lost > kills*batch {
				t.Errorf("%d messages lost in %d kills", lost, kills)
			}
		})
	}
}

// With Undo no post is lost; those whose message was sent and not yet confirmed come again.
func TestPostsUndoKilledInStream(t *testing.T) {
	const n = 3000
	s := testSet(t, feed.SysVSet{Create: true})
	name, k := signalRing(t)
	peer := testutil.Start(t, cPeer(t, "svpost", s.ID, n))
	total := 0
	kills := killedInStream(t, k, func() *testutil.Process {
		return testutil.Start(t, testutil.Child(t, "postsIn", name, fmt.Sprint(s.ID)))
	},
		func([]byte) { total++ }, func() bool {
			select {
			case <-peer.Exited():
				v, err := s.Value()
				must(t, err)
				return v == 0 && total >= n
			default:
				return false
			}
		})
	peer.Done()
	if total < n || total > n+kills*512 || kills < 2 {
		t.Errorf("%d messages of %d posts, %d kills", total, n, kills)
	}
}
