package guide

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"annulus/seqlock"
)

// A Best is the best price at the moment.
type Best struct {
	Bid, Ask float64
	Orders   uint32
}

func publishBest(ctx context.Context, name string) error {
	c, err := seqlock.OpenOrCreate[Best](name)
	if err != nil {
		return err
	}
	defer c.Close()
	w, err := c.Writer()
	if err != nil {
		return err
	}
	if err := w.Write(Best{Bid: 99.5, Ask: 99.75, Orders: 3}); err != nil {
		return err
	}
	if err := w.Update(func(b *Best) { b.Orders++ }); err != nil {
		return err
	}
	return w.Close()
}

func watchBest(ctx context.Context, name string) error {
	c, err := seqlock.OpenOrCreate[Best](name)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := c.Reader()
	if err != nil {
		return err
	}
	now, version, err := r.Load() // at once; version 0: nothing yet
	for err == nil {
		if now.Orders == 4 {
			fmt.Println("four orders at version", version)
		}
		now, version, err = r.Wait(ctx, version) // until there is a newer one
	}
	if err == io.EOF { // the writer has closed; the last value stays
		return nil
	}
	return err
}

func Example_cell() {
	name := freshName()
	watcher := process("watchBest", name)
	out, err := watcher.StdoutPipe()
	report(err)
	report(watcher.Start())
	report(publishBest(context.Background(), name))
	said, _ := bufio.NewReader(out).ReadString('\n')
	fmt.Print(said)
	report(watcher.Wait())
	report(seqlock.Remove(name))
	// Output: four orders at version 2
}

func Example_block() {
	report(latestText())
	// Output: 5 bytes: hello
}

func latestText() error {
	b, err := seqlock.NewBlock(1 << 20) // up to so many bytes
	if err != nil {
		return err
	}
	defer b.Close()
	w, err := b.Writer()
	if err != nil {
		return err
	}
	r, err := b.Reader()
	if err != nil {
		return err
	}
	if err := w.Write([]byte("hello")); err != nil {
		return err
	}
	text, _, err := r.Load(nil)
	fmt.Printf("%d bytes: %s\n", len(text), text)
	return err
}
