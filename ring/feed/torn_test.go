package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annulus/ring"
	"annulus/ring/feed"
)

// appended writes msgs behind what the file at path holds.
func appended(t *testing.T, path string, f feed.Framing, c feed.File, msgs ...[]byte) error {
	t.Helper()
	c.Existing = feed.Append
	s, err := feed.WriteFile(path, f, c)
	if err != nil {
		return err
	}
	p, k := heapRing(t, ring.Config{Capacity: 1 << 16})
	for _, m := range msgs {
		must(t, p.TrySend(m))
	}
	must(t, p.Close())
	return feed.OutOf(k, s).Run(context.Background())
}

// A file that was cut anywhere is refused with the place, or cut to whole messages, and then
// continued.
func TestAppendTorn(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 600_000) // more than is looked at at once
	for name, c := range map[string]struct {
		f    feed.Framing
		msgs [][]byte
	}{
		"lines":       {feed.Lines(), [][]byte{[]byte("one"), {}, []byte("three")}},
		"length":      {feed.Length(), [][]byte{[]byte("one"), {}, []byte("three")}},
		"varint":      {feed.Varint(), [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("3"), 200)}},
		"fixed":       {feed.Fixed(5), [][]byte{[]byte("first"), []byte("other")}},
		"long lines":  {feed.Lines(), [][]byte{[]byte("one"), long}},
		"long length": {feed.Length(), [][]byte{long, []byte("two"), long}},
		"long varint": {feed.Varint(), [][]byte{long, []byte("two"), long}},
		"many":        {feed.Varint(), sample(2000)},
		"raw":         {feed.Raw(0), [][]byte{[]byte("one")}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			whole := framed(t, c.f, c.msgs)
			ends := map[int]bool{0: true}
			at := 0
			for i := range c.msgs {
				at += len(framed(t, c.f, c.msgs[i:i+1]))
				ends[at] = true
			}
			step := max(1, len(whole)/50)
			end := 0 // of the last whole message up to n
			for n := 0; n <= len(whole); n++ {
				if ends[n] || name == "raw" {
					end = n
				}
				if n%step != 0 && !ends[n] && !ends[n+1] || name == "many" && n%step != 0 {
					continue
				}
				must(t, os.WriteFile(path, whole[:n], 0o600))
				tail := []byte("tail!")
				err := appended(t, path, c.f, feed.File{}, tail)
				if n == end {
					must(t, err)
				} else {
					want := fmt.Sprintf("%d bytes behind byte %d:", n-end, end)
					if !errors.Is(err, feed.ErrFrame) || !strings.Contains(err.Error(), want) {
						t.Fatalf("%d bytes: %v, want %q", n, err, want)
					}
					if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, whole[:n]) {
						t.Fatalf("%d bytes: the file that was refused has changed: %v", n, err)
					}
					must(t, appended(t, path, c.f, feed.File{Torn: feed.CutTorn}, tail))
				}
				want := append(bytes.Clone(whole[:end]), framed(t, c.f, [][]byte{tail})...)
				if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, want) {
					t.Fatalf("%d bytes: the file has %d bytes (%v), want %d", n, len(b), err, len(want))
				}
			}
		})
	}
}

// What the framing does not allow is no torn end: nothing is cut.
func TestAppendOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	bad := bytes.Repeat([]byte{0xff}, 100)
	must(t, os.WriteFile(path, bad, 0o600))
	err := appended(t, path, feed.Varint(), feed.File{Torn: feed.CutTorn})
	if !errors.Is(err, feed.ErrFrame) || !strings.Contains(err.Error(), "behind byte 0") {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, bad) {
		t.Errorf("the file has changed: %v", err)
	}
	if err := appended(t, path, feed.Lines(), feed.File{Torn: 2}); err == nil || !strings.Contains(err.Error(), "RefuseTorn or CutTorn") {
		t.Error(err)
	}
}
