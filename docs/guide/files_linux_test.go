package guide

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"annulus/ring"
	"annulus/ring/feed"
)

func init() { roles["filter"] = filter }

// through runs two pumps at the two ends of a ring until both are at their end.
func through(ctx context.Context, in func(context.Context, *ring.Producer) error, out func(context.Context, *ring.Consumer) error) error {
	r, p, c, err := both(ring.Config{})
	if err != nil {
		return err
	}
	fed := make(chan error, 1)
	go func() { fed <- errors.Join(in(ctx, p), p.Close()) }()
	return errors.Join(out(ctx, c), <-fed, r.Close())
}

// filter passes lines from its input to its output through a ring.
func filter(ctx context.Context, _ string) error { return through(ctx, fromInput, toOutput) }

func fromInput(ctx context.Context, p *ring.Producer) error {
	in, err := feed.Stdin(feed.Lines())
	if err != nil {
		return err
	}
	into := feed.Into(p, in)
	return into.Run(ctx)
}

func toOutput(ctx context.Context, c *ring.Consumer) error {
	out, err := feed.Stdout(feed.Lines())
	if err != nil {
		return err
	}
	return feed.OutOf(c, out).Run(ctx)
}

func Example_stdio() {
	cmd := process("filter", "")
	cmd.Stdin = strings.NewReader("one\ntwo\n")
	b, err := cmd.Output()
	report(err)
	fmt.Printf("%s", b)
	// Output:
	// one
	// two
}

// lines prints what comes out of a ring, and tells of the n-th.
func lines(n int, told func()) func(context.Context, *ring.Consumer) error {
	return func(ctx context.Context, c *ring.Consumer) error {
		return feed.OutOf(c, feed.Writer(printer{&n, told}, feed.Lines())).Run(ctx)
	}
}

type printer struct {
	left *int
	told func()
}

func (p printer) Write(b []byte) (int, error) {
	fmt.Printf("%s", b)
	if *p.left -= strings.Count(string(b), "\n"); *p.left == 0 && p.told != nil {
		p.told()
	}
	return len(b), nil
}

// messages sends messages.
func messages(msgs ...string) func(context.Context, *ring.Producer) error {
	return func(ctx context.Context, p *ring.Producer) error {
		for _, m := range msgs {
			if err := p.Send(ctx, []byte(m)); err != nil {
				return err
			}
		}
		return nil
	}
}

// inDir runs f in a directory of its own.
func inDir(f func(ctx context.Context, dir string) error) {
	dir, err := os.MkdirTemp("", "annulus-guide-")
	if err == nil {
		err = errors.Join(f(context.Background(), dir), os.RemoveAll(dir))
	}
	report(err)
}

func Example_fifo() {
	inDir(func(ctx context.Context, dir string) error {
		path := filepath.Join(dir, "fifo")
		made := make(chan bool)
		wrote := make(chan error, 1)
		go func() {
			<-made
			wrote <- through(ctx, messages("one", "two"), func(ctx context.Context, c *ring.Consumer) error {
				return intoFIFO(ctx, c, path)
			})
		}()
		var pump *feed.Pump
		err := through(ctx, func(ctx context.Context, p *ring.Producer) error {
			return fromFIFO(ctx, p, path, func(into *feed.Pump) { pump = into; close(made) })
		}, lines(2, func() { report(pump.Finish()) }))
		return errors.Join(err, <-wrote)
	})
	// Output:
	// one
	// two
}

func fromFIFO(ctx context.Context, p *ring.Producer, path string, made func(*feed.Pump)) error {
	source, err := feed.ReadFIFO(path, feed.Lines(), feed.FIFO{Create: true})
	if err != nil {
		return err
	}
	into := feed.Into(p, source)
	made(into)
	return into.Run(ctx)
}

func intoFIFO(ctx context.Context, c *ring.Consumer, path string) error {
	sink, err := feed.WriteFIFO(path, feed.Lines(), feed.FIFO{})
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}

func Example_files() {
	inDir(func(ctx context.Context, dir string) error {
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		if err := os.WriteFile(from, []byte("one\ntwo\n"), 0o600); err != nil {
			return err
		}
		err := through(ctx, func(ctx context.Context, p *ring.Producer) error { return fromFile(ctx, p, from) },
			func(ctx context.Context, c *ring.Consumer) error { return intoFile(ctx, c, to) })
		b, rerr := os.ReadFile(to)
		fmt.Printf("%s", b)
		return errors.Join(err, rerr)
	})
	// Output:
	// one
	// two
}

func fromFile(ctx context.Context, p *ring.Producer, from string) error {
	source, err := feed.ReadFile(from, feed.Lines())
	if err != nil {
		return err
	}
	if err := feed.Into(p, source).Run(ctx); err != nil {
		return err
	}
	return nil
}

func intoFile(ctx context.Context, c *ring.Consumer, to string) error {
	sink, err := feed.WriteFile(to, feed.Lines(), feed.File{Existing: feed.Append, Sync: feed.SyncEach})
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}

func Example_captures() {
	inDir(func(ctx context.Context, dir string) error {
		path := filepath.Join(dir, "capture")
		for _, m := range []string{"one", "two"} { // two sessions
			if err := through(ctx, messages(m), func(ctx context.Context, c *ring.Consumer) error { return recorded(ctx, c, path) }); err != nil {
				return err
			}
		}
		return through(ctx, func(ctx context.Context, p *ring.Producer) error { return played(ctx, p, path) }, lines(2, nil))
	})
	// Output:
	// one
	// two
}

func recorded(ctx context.Context, c *ring.Consumer, path string) error {
	sink, err := feed.Record(path, feed.Capture{File: feed.File{Existing: feed.Append}})
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}

func played(ctx context.Context, p *ring.Producer, path string) error {
	source, err := feed.Replay(path, feed.Replaying{Speed: 10, Recover: true, Report: report})
	if err != nil {
		return err
	}
	return feed.Into(p, source).Run(ctx)
}

func Example_follow() {
	inDir(func(ctx context.Context, dir string) error {
		path := filepath.Join(dir, "log")
		if err := os.WriteFile(path, []byte("old\n"), 0o600); err != nil {
			return err
		}
		var pump *feed.Pump
		return through(ctx, func(ctx context.Context, p *ring.Producer) error {
			return grown(ctx, p, path, func(into *feed.Pump) error {
				pump = into
				return exec.Command("sh", "-c", `echo one >>"$1"; mv "$1" "$1.1"; echo two >"$1"`, "sh", path).Run()
			})
		}, lines(2, func() { report(pump.Finish()) }))
	})
	// Output:
	// one
	// two
}

func grown(ctx context.Context, p *ring.Producer, path string, grow func(*feed.Pump) error) error {
	source, err := feed.Follow(path, feed.Lines(), feed.Following{FromEnd: true})
	if err != nil {
		return err
	}
	into := feed.Into(p, source)
	done := make(chan error, 1)
	go func() { done <- into.Run(ctx) }()
	return errors.Join(grow(into), <-done)
}
