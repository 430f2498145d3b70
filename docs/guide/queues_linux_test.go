package guide

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"annulus/futex"
	"annulus/ring"
	"annulus/ring/feed"
)

// passed sends messages through a ring into sink.
func passed(ctx context.Context, sinkOf func(*ring.Consumer) error, msgs ...string) error {
	r, p, c, err := both(ring.Config{})
	if err != nil {
		return err
	}
	defer r.Close()
	for _, m := range msgs {
		if err := p.Send(ctx, []byte(m)); err != nil {
			return err
		}
	}
	return errors.Join(p.Close(), sinkOf(c), c.Close())
}

// shown prints n messages that sourceOf puts into a ring.
func shown(ctx context.Context, n int, sourceOf func(context.Context, *ring.Producer) error, show func([]byte)) error {
	r, p, c, err := both(ring.Config{})
	if err != nil {
		return err
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- sourceOf(ctx, p) }()
	for range n {
		b, err := c.Recv(ctx, nil)
		if err != nil {
			cancel()
			return errors.Join(err, <-done)
		}
		show(b)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		return err
	}
	return errors.Join(p.Close(), c.Close())
}

func text(b []byte) { fmt.Printf("%s\n", b) }

func Example_messageQueue() {
	ctx, name := context.Background(), "/"+freshName()
	report(passed(ctx, func(c *ring.Consumer) error { return ordersOut(ctx, c, name) }, "buy", "sell"))
	report(shown(ctx, 2, func(ctx context.Context, p *ring.Producer) error { return ordersIn(ctx, p, name) }, text))
	report(feed.MessageQueue{Name: name}.Remove())
	// Output:
	// buy
	// sell
}

func ordersOut(ctx context.Context, c *ring.Consumer, name string) error {
	q := feed.MessageQueue{Name: name, Create: true, Priority: 3}
	sink, err := q.Sink()
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}

func ordersIn(ctx context.Context, p *ring.Producer, name string) error {
	source, err := feed.MessageQueue{Name: name}.Source()
	if err != nil {
		return err
	}
	return feed.Into(p, source).Run(ctx)
}

func Example_sysVQueue() {
	ctx := context.Background()
	path, err := os.Executable() // any file that both know
	if err != nil {
		report(err)
		return
	}
	report(passed(ctx, func(c *ring.Consumer) error { return jobsOut(ctx, c, path) }, "print", "copy"))
	report(shown(ctx, 2, func(ctx context.Context, p *ring.Producer) error { return jobsIn(ctx, p, path) }, text))
	// Output:
	// print
	// copy
}

func jobsOut(ctx context.Context, c *ring.Consumer, path string) error {
	key, err := feed.Ftok(path, 'j')
	if err != nil {
		return err
	}
	sink, err := feed.SysVQueue{Key: key, Create: true, Type: 7}.Sink()
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}

func jobsIn(ctx context.Context, p *ring.Producer, path string) error {
	key, err := feed.Ftok(path, 'j')
	if err != nil {
		return err
	}
	q := feed.SysVQueue{Key: key, Type: 7} // of this type alone
	source, err := q.Source()
	if err != nil {
		return err
	}
	return errors.Join(feed.Into(p, source).Run(ctx), q.Remove())
}

func Example_semaphore() {
	ctx, name := context.Background(), "/"+freshName()
	report(passed(ctx, func(c *ring.Consumer) error { return doorbell(ctx, c, name, struct{ io.Writer }{os.Stdout}) }, "one", "two"))
	report(shown(ctx, 2, func(ctx context.Context, p *ring.Producer) error { return rings(ctx, p, name) },
		func(b []byte) { fmt.Println("post", binary.LittleEndian.Uint64(b)) }))
	report(futex.RemoveSemaphore(name))
	// Output:
	// one
	// two
	// post 1
	// post 2
}

func doorbell(ctx context.Context, c *ring.Consumer, name string, out io.Writer) error {
	s, err := futex.CreateSemaphore(name, 0, 0o600)
	if err != nil {
		return err
	}
	defer s.Close()
	sink := feed.Posting(feed.Writer(out, feed.Lines()), s, false)
	return feed.OutOf(c, sink).Run(ctx)
}

func rings(ctx context.Context, p *ring.Producer, name string) error {
	s, err := futex.OpenSemaphore(name)
	if err != nil {
		return err
	}
	defer s.Close()
	return feed.Into(p, feed.Posts(s)).Run(ctx)
}

func Example_signals() {
	ctx := context.Background()
	cmd := process("alarms", "")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		report(err)
		return
	}
	var ready string
	_, err = fmt.Fscanln(out, &ready)
	report(err)
	report(passed(ctx, func(c *ring.Consumer) error { return alarm(ctx, c, cmd.Process) }, "\x2a\x00\x00\x00\x00\x00\x00\x00"))
	var line string
	_, err = fmt.Fscanln(out, &line)
	report(errors.Join(err, cmd.Wait()))
	fmt.Println(line)
	// Output: signal40:42
}

func alarms(ctx context.Context, _ string) error {
	if err := feed.BlockSignals(40, 41); err != nil { // first thing in main
		return err
	}
	return shown(ctx, 1, alarmsIn, func(b []byte) {
		s, err := feed.ParseSignal(b)
		report(err)
		fmt.Printf("signal%d:%d\n", int(s.Number), s.Value)
	})
}

func alarmsIn(ctx context.Context, p *ring.Producer) error {
	source, err := feed.Signals(40, 41)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return feed.Into(p, source).Run(ctx)
}

func alarm(ctx context.Context, c *ring.Consumer, to *os.Process) error {
	sink, err := feed.SignalTo(to, syscall.Signal(40))
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}
