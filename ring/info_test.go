package ring_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
	"annulus/shm"
)

func TestInfo(t *testing.T) {
	before := time.Now()
	r, err := ring.New(ring.SlotsOf[[3]uint32](8))
	must(t, err)
	i := r.Info()
	must(t, r.Close())
	size, err := r.Config().Size()
	must(t, err)
	if i.Major != layout.Major || i.Minor != layout.Minor || i.Size != size || i.SlotStride != 24 || i.Fingerprint == 0 {
		t.Errorf("%+v", i)
	}
	if i.CreatorPID != os.Getpid() || i.Created.Before(before) || i.Created.After(time.Now()) {
		t.Errorf("%+v", i)
	}
	if runtime.GOOS == "linux" && (len(i.BootID) != 36 || i.Boot != ring.BootCurrent) {
		t.Errorf("boot id %q is %v", i.BootID, i.Boot)
	}
}

func TestInfoOfAnotherBoot(t *testing.T) {
	for boot, want := range map[byte]ring.Boot{0: ring.BootUnknown, 1: ring.BootStale} {
		r, err := ring.OpenFile(header(t, true, func(b []byte) {
			for i := range 16 {
				b[152+i] = boot
			}
		}))
		must(t, err)
		if i := r.Info(); i.Boot != want && runtime.GOOS == "linux" || (boot == 0) != (i.BootID == "") {
			t.Errorf("boot id %q is %v, want %v", i.BootID, i.Boot, want)
		}
		must(t, r.Close())
	}
}

// The gates tell who sleeps on what, also to somebody who may only read.
func TestGates(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("nobody sleeps on a futex here")
	}
	r, name := create(t)
	c, err := r.Consumer(ring.WithStrategy(futex.Futex()))
	must(t, err)
	ro, err := ring.Open(name, ring.WithRegion(shm.ReadOnly()))
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { _, err := c.Recv(ctx, nil); done <- err }()
	eventually(t, "the consumer sleeps", func() bool {
		p, c, err := ro.Gates()
		must(t, err)
		if p.Asleep || !p.Valid || !c.Valid || c.Closed {
			t.Fatalf("%+v, %+v", p, c)
		}
		return c.Asleep && c.Parks > 0 && c.Parker == "futex"
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(t, c.Close())
	if _, c, err := ro.Gates(); err != nil || !c.Closed {
		t.Errorf("%+v, %v after the consumer has closed", c, err)
	}
	must(t, ro.Close())
	if _, _, err := ro.Gates(); !errors.Is(err, ring.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}
