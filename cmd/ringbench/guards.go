package main

import (
	"errors"
	"os"
	"strconv"
	"time"

	"annulus/cmd/ringbench/internal/guard"
	"annulus/ring/feed"
)

// What guards keep.
const (
	guardDir  = "dir"  // a directory for temporary files
	guardSysV = "sysv" // a System V message queue, by its ID
)

func guards() map[string]guard.Keep {
	return map[string]guard.Keep{
		guardDir:  {Make: func() (string, error) { return os.MkdirTemp("", "ringbench-") }, Remove: removeAll},
		guardSysV: {Make: makeSysV, Remove: removeSysV},
	}
}

// removeAll removes a directory in which somebody who is about to end may still make files.
func removeAll(dir string) (err error) {
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func makeSysV() (string, error) {
	q, err := feed.SysVQueue{Create: true}.Open()
	return strconv.Itoa(q.ID), err
}

func removeSysV(name string) error {
	id, err := strconv.Atoi(name)
	if err != nil {
		return err
	}
	return feed.SysVQueue{ID: id}.Remove()
}

// scratch makes a directory of its own the place of all temporary files of this process and of those
// it starts. done puts things back and has it removed; it is removed as well where this process is killed.
func scratch() (done func() error, err error) {
	g, err := guard.Start(guardDir, guards())
	if err != nil {
		return nil, err
	}
	before, set := os.LookupEnv("TMPDIR")
	if err := os.Setenv("TMPDIR", g.Name); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return func() error {
		restore := func() error { return os.Unsetenv("TMPDIR") }
		if set {
			restore = func() error { return os.Setenv("TMPDIR", before) }
		}
		return errors.Join(restore(), g.Close())
	}, nil
}
