package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// aside runs a pump aside.
func aside(ctx context.Context, p *feed.Pump) <-chan error {
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return done
}

// expect receives messages.
func expect(t *testing.T, k *ring.Consumer, want ...string) {
	t.Helper()
	for _, w := range want {
		if b, err := k.Recv(context.Background(), nil); err != nil || string(b) != w {
			t.Fatalf("received %.60q, %v, want %q", b, err, w)
		}
	}
}

// record records messages, in one session.
func record(t testing.TB, path string, c feed.Capture, msgs ...string) {
	t.Helper()
	p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
	for _, m := range msgs {
		must(t, p.Send(context.Background(), []byte(m)))
	}
	must(t, p.Close())
	s, err := feed.Record(path, c)
	must(t, err)
	must(t, feed.OutOf(k, s).Run(context.Background()))
}

// replayed replays a capture, as far as it goes.
func replayed(t testing.TB, path string, c feed.Replaying) (msgs []string, stats feed.Stats, err error) {
	t.Helper()
	return newPlayer(t).play(path, c)
}

// player replays captures that its ring takes as a whole.
type player struct {
	testing.TB
	p *ring.Producer
	k *ring.Consumer
}

func newPlayer(t testing.TB) player {
	p, k := heapRing(t, ring.Config{Capacity: 32 << 20})
	return player{t, p, k}
}

func (l player) play(path string, c feed.Replaying) (msgs []string, stats feed.Stats, err error) {
	l.Helper()
	s, err := feed.Replay(path, c)
	if err != nil {
		return nil, stats, err
	}
	pump := feed.Into(l.p, s)
	err = pump.Run(context.Background())
	for {
		b, rerr := l.k.TryRecv(nil)
		if rerr == ring.ErrEmpty {
			return msgs, pump.Stats(), err
		}
		must(l, rerr)
		msgs = append(msgs, string(b))
	}
}

func texts(from, to int) (msgs []string) {
	for i := from; i <= to; i++ {
		msgs = append(msgs, strings.Repeat(fmt.Sprint(i, " "), i))
	}
	return msgs
}

// What is recorded, in two sessions, is replayed.
func TestCapture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	record(t, path, feed.Capture{File: feed.File{Sync: feed.SyncEach}}, texts(0, 99)...)
	_, err := feed.Record(path, feed.Capture{})
	if !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	record(t, path, feed.Capture{File: feed.File{Existing: feed.Append, Sync: feed.SyncAtEnd}}, texts(100, 300)...)
	for _, speed := range []float64{0, 1, 1e6} {
		got, stats, err := replayed(t, path, feed.Replaying{Speed: speed})
		must(t, err)
		if !slices.Equal(got, texts(0, 300)) || stats.Messages != 301 {
			t.Errorf("speed %v: %d messages, %+v", speed, len(got), stats)
		}
	}
	record(t, path, feed.Capture{File: feed.File{Existing: feed.Truncate}}, "one")
	if got, _, err := replayed(t, path, feed.Replaying{}); err != nil || !slices.Equal(got, []string{"one"}) {
		t.Error(got, err)
	}
}

// A replay keeps the times between messages, or a part of them, and can be stopped.
func TestCapturePace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	p, k := heapRing(t, ring.Config{})
	s, err := feed.Record(path, feed.Capture{})
	must(t, err)
	pump := feed.OutOf(k, s)
	done := aside(context.Background(), pump)
	const gap = 60 * time.Millisecond
	for i := range 3 {
		if i > 0 {
			<-time.After(gap) // what is to be recorded
		}
		must(t, p.Send(context.Background(), []byte("m")))
		testutil.Eventually(t, "recorded", func() bool { return pump.Stats().Messages == uint64(i+1) })
	}
	must(t, p.Close())
	must(t, <-done)
	for _, speed := range []float64{1, 10} {
		began := time.Now()
		got, _, err := replayed(t, path, feed.Replaying{Speed: speed})
		must(t, err)
		// A lower bound cannot fail by chance, but for the recorder's delay of the first.
		if took := time.Since(began); len(got) != 3 || took < time.Duration(float64(gap)/speed) {
			t.Errorf("speed %v: %d messages in %v", speed, len(got), took)
		}
	}
	for _, speed := range []float64{1e-6, 1e-300} { // the second message is due in years, or in more than can be said
		slow, err := feed.Replay(path, feed.Replaying{Speed: speed})
		must(t, err)
		p, k = heapRing(t, ring.Config{})
		pump = feed.Into(p, slow)
		done = aside(context.Background(), pump)
		expect(t, k, "m")
		must(t, pump.Finish())
		must(t, <-done)
		if n := pump.Stats().Messages; n != 1 {
			t.Errorf("speed %v: %d messages, want 1", speed, n)
		}
	}
}

// However short a dead recorder's last record is: it is reported, what is before it is
// replayed, and the next recorder cuts it off.
func TestCaptureTornTail(t *testing.T) {
	dir, l := t.TempDir(), newPlayer(t)
	whole := filepath.Join(dir, "whole")
	record(t, whole, feed.Capture{}, "one", "two")
	b, err := os.ReadFile(whole)
	must(t, err)
	path := filepath.Join(dir, "torn")
	const records = (len("one\x00\x00\x00\x00\x00") + 40)
	for n := 0; n < len(b); n++ {
		if n == 64 || n == 64+records {
			continue // not torn
		}
		want := []string{"one"}[:max(0, (n-64)/records)]
		must(t, os.WriteFile(path, b[:n], 0o600))
		got, _, err := l.play(path, feed.Replaying{})
		if !errors.Is(err, feed.ErrTorn) || !slices.Equal(got, want) {
			t.Fatalf("%d bytes: %v, %v", n, got, err)
		}
		var told error
		if n >= 64 {
			got, stats, err := l.play(path, feed.Replaying{Recover: true, Report: func(err error) { told = err }})
			if err != nil || !slices.Equal(got, want) || !errors.Is(told, feed.ErrTorn) || stats.Lost != 0 {
				t.Fatalf("%d bytes, recovered: %v, %v, %v", n, got, err, told)
			}
		}
		if n%5 != 0 {
			continue
		}
		told = nil
		record(t, path, feed.Capture{File: feed.File{Existing: feed.Append}, Report: func(err error) { told = err }}, "three")
		if n > 0 && !errors.Is(told, feed.ErrTorn) {
			t.Errorf("%d bytes: %v was reported", n, told)
		}
		got, _, err = l.play(path, feed.Replaying{})
		if err != nil || !slices.Equal(got, append(want, "three")) {
			t.Fatalf("%d bytes, gone on: %v, %v", n, got, err)
		}
	}
	// A machine that died: the file has grown, what it was to hold is not there.
	must(t, os.WriteFile(path, append(b[:len(b):len(b)], make([]byte, 5000)...), 0o600))
	if got, _, err := l.play(path, feed.Replaying{}); !errors.Is(err, feed.ErrTorn) || !strings.Contains(err.Error(), "; Recover") || len(got) != 2 {
		t.Error(got, err)
	}
}

// A flipped bit, wherever, is an error that says where, and the others can be recovered.
func TestCaptureFlippedBit(t *testing.T) {
	dir, l := t.TempDir(), newPlayer(t)
	whole, path := filepath.Join(dir, "whole"), filepath.Join(dir, "flipped")
	record(t, whole, feed.Capture{}, "one")
	inner, err := os.ReadFile(whole)
	must(t, err)
	must(t, os.Remove(whole))
	msgs := []string{"first", string(inner), "third one"} // a capture in it must not be taken for records
	record(t, whole, feed.Capture{}, msgs...)
	b, err := os.ReadFile(whole)
	must(t, err)
	starts := []int{64, 64 + 48, 64 + 48 + 40 + len(inner), len(b)}
	for i := range len(b) {
		for bit := i % 8; bit < 8; bit += 8 { // one of each byte
			b[i] ^= 1 << bit
			must(t, os.WriteFile(path, b, 0o600))
			b[i] ^= 1 << bit
			at := 0
			for at < 3 && i >= starts[at+1] {
				at++
			}
			got, _, err := l.play(path, feed.Replaying{})
			if i < 64 {
				if !errors.Is(err, feed.ErrDamaged) && !errors.Is(err, feed.ErrNoCapture) || got != nil {
					t.Errorf("byte %d: %v, %q", i, err, got)
				}
				continue
			}
			says := fmt.Sprintf("at byte %d, behind record %d", starts[at], at)
			if !errors.Is(err, feed.ErrDamaged) || !strings.Contains(err.Error(), says) || !slices.Equal(got, msgs[:at]) {
				t.Errorf("byte %d: %v, want %s; %q", i, err, says, got)
			}
			told := 0
			got, stats, err := l.play(path, feed.Replaying{Recover: true, Report: func(error) { told++ }})
			if want := slices.Delete(slices.Clone(msgs), at, at+1); err != nil || !slices.Equal(got, want) || told != 1 || stats.Lost != uint64(min(1, 2-at)) {
				t.Errorf("byte %d, recovered: %v, %q, %d reports, %+v", i, err, got, told, stats)
			}
		}
	}
}

func TestCaptureRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	must(t, os.WriteFile(text, bytes.Repeat([]byte("text "), 100), 0o600))
	if _, err := feed.Replay(text, feed.Replaying{}); !errors.Is(err, feed.ErrNoCapture) || !strings.Contains(err.Error(), `found "text tex"`) {
		t.Error(err)
	}
	if _, err := feed.Record(text, feed.Capture{File: feed.File{Existing: feed.Append}}); !errors.Is(err, feed.ErrNoCapture) {
		t.Error(err)
	}
	if _, err := feed.Record("/dev/null", feed.Capture{File: feed.File{Existing: feed.Append}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := feed.Record(dir, feed.Capture{}); err == nil {
		t.Error("a directory was opened")
	}
	s, err := feed.Record(filepath.Join(dir, "c"), feed.Capture{})
	must(t, err)
	for _, e := range []feed.Existing{feed.Append, feed.Truncate} {
		if _, err = feed.Record(filepath.Join(dir, "c"), feed.Capture{File: feed.File{Existing: e}}); err == nil || !strings.Contains(err.Error(), "another process records") {
			t.Error(err)
		}
	}
	must(t, s.Close())
}

func init() {
	roles["record"] = func(args []string) error {
		r, err := ring.OpenFile(args[0])
		if err != nil {
			return err
		}
		k, err := r.Consumer()
		if err != nil {
			return err
		}
		s, err := feed.Record(args[1], feed.Capture{File: feed.File{Existing: feed.Append}, Report: func(err error) { fmt.Println(err) }})
		if err != nil {
			return err
		}
		return errors.Join(feed.OutOf(k, s).Run(context.Background()), r.Close())
	}
}

// Recorders that are killed lose nothing: what they had not released is in the ring,
// and the next goes on behind the last whole record.
func TestCaptureKilledRecorder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c")
	r, err := ring.CreateFile(filepath.Join(dir, "ring"), ring.Config{Capacity: 1 << 20})
	must(t, err)
	defer r.Close()
	p, err := r.Producer()
	must(t, err)
	sent := 0
	send := func(n int) {
		for range n {
			must(t, p.Send(context.Background(), fmt.Appendf(nil, "%d %02000d", sent, 0)))
			sent++
		}
	}
	for range 4 {
		cmd := testutil.Child(t, "record", filepath.Join(dir, "ring"), path)
		cmd.Stderr = os.Stderr
		must(t, cmd.Start())
		send(2000) // more than the ring holds
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
	cmd := testutil.Child(t, "record", filepath.Join(dir, "ring"), path)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	send(10)
	must(t, p.Close())
	must(t, cmd.Wait())
	got, _, err := replayed(t, path, feed.Replaying{})
	must(t, err)
	next, again := 0, 0
	for _, m := range got {
		var n int
		_, err := fmt.Sscan(m, &n)
		must(t, err)
		if n > next {
			t.Fatalf("message %d is followed by %d", next-1, n)
		}
		again += next - n // a recorder died between a write and the release
		next = n + 1
	}
	if next != sent {
		t.Errorf("%d messages were recorded, %d sent", next, sent)
	}
	t.Logf("%d of %d were recorded twice", again, sent)
}
