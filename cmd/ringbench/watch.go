package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"annulus/ring"
)

// watch tells, while one side waits, what is wrong with the other.
type watch struct {
	ring    *ring.Ring
	notices io.Writer

	waiting time.Time // since when nobody has been seen there; zero: somebody was
	told    bool      // that nobody is
	file    string    // that is followed, until it is there; "": none
	gone    uint32    // the session whose producer was reported dead
}

// look reports, once for each, a producer that died without closing.
func (w *watch) look() error {
	s, err := w.ring.Stats()
	if err != nil {
		return err
	}
	if !dead(s.Producer) {
		return w.lonely(s.Producer)
	}
	if s.Producer.Sessions == w.gone {
		return nil
	}
	// It may have closed between two loads: the second look is later than its
	// detaching.
	if s, err = w.ring.Stats(); err != nil || !dead(s.Producer) {
		return err
	}
	w.gone = s.Producer.Sessions
	who := "the last producer" // of many
	if s.Producer.PID != 0 {
		who = fmt.Sprintf("producer (pid %d)", s.Producer.PID)
	}
	_, err = fmt.Fprintf(w.notices, "%s is gone without closing; waiting for another; Ctrl-C to stop\n", who)
	return err
}

// lonelyAfter is how long a consumer waits before it says that nobody produces.
var lonelyAfter = time.Second

// lonely says once that nobody produces, after some time.
func (w *watch) lonely(p ring.SideStats) error {
	switch {
	case p.Attached:
		w.waiting = time.Time{}
		return nil
	case w.waiting.IsZero():
		w.waiting = time.Now()
	}
	if w.told || time.Since(w.waiting) < lonelyAfter {
		return nil
	}
	w.told = true
	why := "no producer has come yet"
	switch {
	case p.Sessions > 0:
		why = "its last producer has closed, and nothing is left of what it sent"
	case w.ring.Info().CreatorPID == os.Getpid():
		why = "it was not there and has been created; no producer has come yet"
	}
	_, err := fmt.Fprintf(w.notices, "ring %q: %s; waiting for one; Ctrl-C to stop\n", w.ring.Name(), why)
	return err
}

// missing tells once that there is no file yet to be followed.
func (w *watch) missing() error {
	_, err := os.Stat(w.file)
	if !errors.Is(err, fs.ErrNotExist) {
		w.file = "" // whatever is wrong with it is not the watch's
		return nil
	}
	if w.waiting.IsZero() {
		w.waiting = time.Now()
	}
	if time.Since(w.waiting) < lonelyAfter {
		return nil
	}
	_, err = fmt.Fprintf(w.notices, "%s is not there yet; waiting for it; Ctrl-C to stop\n", w.file)
	w.file = ""
	return err
}

// unread tells once that a ring is full and nobody takes anything out of it.
func (w *watch) unread() error {
	if w.file != "" {
		return w.missing()
	}
	s, err := w.ring.Stats()
	switch {
	case err != nil || w.told:
		return err
	case s.Consumer.Attached || !s.Producer.Asleep || w.ring.Config().Topology == ring.Broadcast:
		w.waiting = time.Time{}
		return nil
	case w.waiting.IsZero():
		w.waiting = time.Now()
	}
	if time.Since(w.waiting) < lonelyAfter {
		return nil
	}
	w.told = true
	_, err = fmt.Fprintf(w.notices, "ring %q is full and has no consumer; waiting for one; Ctrl-C to stop\n", w.ring.Name())
	return err
}

// dead tells whether a side was held and never closed, and nobody holds it now.
func dead(s ring.SideStats) bool { return s.Sessions > 0 && !s.Attached && !s.Closed }
