package feed_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// add appends text to a file.
func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, errors.Join(err, f.Close()))
}

// followed follows a file until the test ends.
func followed(t *testing.T, path string, f feed.Framing, c feed.Following) (*feed.Pump, *ring.Consumer) {
	t.Helper()
	s, err := feed.Follow(path, f, c)
	must(t, err)
	p, k := heapRing(t, ring.Config{})
	pump := feed.Into(p, s)
	done := aside(context.Background(), pump)
	t.Cleanup(func() {
		must(t, pump.Finish())
		must(t, <-done)
	})
	return pump, k
}

// A file that comes, grows, is rotated, rotated by copy and truncation, removed and made again.
func TestFollow(t *testing.T) {
	for name, c := range map[string]feed.Following{"inotify": {}, "poll": {Poll: time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			if name == "inotify" {
				c.Report = func(err error) { t.Error(err) } // that of inotify: it would look now and then
			}
			path := filepath.Join(t.TempDir(), "log")
			_, k := followed(t, path, feed.Lines(), c)
			add(t, path, "one\nt")
			expect(t, k, "one")
			add(t, path, "wo\nthree\n")
			expect(t, k, "two", "three")
			add(t, path, "four\n")
			must(t, os.Rename(path, path+".1"))
			add(t, path+".1", "five\n") // by who has it open still
			expect(t, k, "four", "five")
			add(t, path, "six\n")
			expect(t, k, "six")
			must(t, os.WriteFile(path+".new", []byte("seven\n"), 0o600))
			must(t, os.Rename(path+".new", path))
			expect(t, k, "seven")
			must(t, os.Truncate(path, 0))
			add(t, path, "8\n")
			expect(t, k, "8")
			must(t, os.Remove(path))
			add(t, path, "nine\nten, cut off")
			expect(t, k, "nine")
			must(t, os.Rename(path, path+".2"))
			add(t, path, "eleven\n")
			expect(t, k, "ten, cut off", "eleven")
		})
	}
}

func TestFollowFromEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	add(t, path, "old\n")
	pump, k := followed(t, path, feed.Lines(), feed.Following{FromEnd: true})
	testutil.Eventually(t, "opened", func() bool { return pump.Stats().Opened == 1 })
	add(t, path, "new\n")
	expect(t, k, "new")
	must(t, os.Rename(path, path+".1"))
	add(t, path, "newer\n")
	expect(t, k, "newer")
}

// Who begins at the end of a file that ends within a message gets that one whole.
func TestFollowFromTornEnd(t *testing.T) {
	for _, c := range []struct {
		f          feed.Framing
		held, more string
	}{
		{feed.Lines(), "old\nha", "lf\n"},
		{feed.Lines(), "ha", "lf\n"},
		{feed.Length(), "\x03\x00\x00\x00old\x04\x00", "\x00\x00half"},
		{feed.Varint(), "\x03old\x04ha", "lf"},
		{feed.Fixed(4), "held" + "ha", "lf"},
	} {
		path := filepath.Join(t.TempDir(), "log")
		add(t, path, c.held)
		pump, k := followed(t, path, c.f, feed.Following{FromEnd: true})
		testutil.Eventually(t, "opened", func() bool { return pump.Stats().Opened == 1 })
		add(t, path, c.more)
		expect(t, k, "half")
	}
}

// A message that a rotation cuts off is reported, and not sent.
func TestFollowCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	reports := make(chan error, 10)
	_, k := followed(t, path, feed.Length(), feed.Following{Report: func(err error) { reports <- err }})
	add(t, path, "\x03\x00\x00\x00one\x03\x00\x00\x00tw")
	expect(t, k, "one")
	must(t, os.Rename(path, path+".1"))
	add(t, path, "\x05\x00\x00\x00three")
	expect(t, k, "three")
	if err := <-reports; !errors.Is(err, feed.ErrFrame) {
		t.Error(err)
	}
}

func TestFollowRefuses(t *testing.T) {
	dir := t.TempDir()
	for path, says := range map[string]string{dir: "found a directory", "/dev/null": "found a device", filepath.Join(dir, "none", "log"): "its directory: "} {
		if _, err := feed.Follow(path, feed.Lines(), feed.Following{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}
