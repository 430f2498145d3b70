package peers_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"time"

	"annulus/futex"
	"annulus/ring"
)

func init() { roles["rate"] = rate }

// rate is the command rate of PROGRAM.md, in Go.
func rate(args []string) error {
	var (
		fs    = flag.NewFlagSet("rate", flag.ContinueOnError)
		count = fs.Uint64("count", 1, "")
		warm  = fs.Uint64("warm", 0, "")
		size  = fs.Int("size", 64, "")
		wait  = fs.String("wait", "futex", "")
		says  = fs.Bool("announce", false, "")
	)
	if err := fs.Parse(args[2:]); err != nil {
		return err
	}
	r, err := ring.Open(args[1])
	if err != nil {
		return err
	}
	defer r.Close()
	attached := func() {
		if *says {
			fmt.Println("attached")
		}
	}
	strategy := ring.WithStrategy(map[string]futex.Strategy{"futex": futex.Futex(), "spin": futex.Spin(), "yield": futex.Yield()}[*wait])
	buf := make([]byte, *size)
	if args[0] == "send" {
		p, err := r.Producer(strategy)
		if err != nil {
			return err
		}
		attached()
		if err := rateSend(p, buf, *warm+*count); err != nil {
			return err
		}
		fmt.Println("sent", *count, "ok")
		return p.Close()
	}
	c, err := r.Consumer(strategy)
	if err != nil {
		return err
	}
	attached()
	if err := rateReceive(c, buf, 0, *warm); err != nil {
		return err
	}
	began := time.Now()
	if err := rateReceive(c, buf, *warm, *warm+*count); err != nil {
		return err
	}
	fmt.Println("received", *count, "ns", time.Since(began).Nanoseconds())
	return c.Close()
}

func rateSend(p *ring.Producer, buf []byte, end uint64) error {
	ctx := context.Background()
	for seq := range end {
		binary.LittleEndian.PutUint64(buf, seq)
		if err := p.Send(ctx, buf); err != nil {
			return err
		}
	}
	return nil
}

// rateReceive receives messages up to number end, and checks their numbers.
func rateReceive(c *ring.Consumer, buf []byte, seq, end uint64) error {
	ctx, size := context.Background(), len(buf)
	for ; seq < end; seq++ {
		var err error
		if buf, err = c.Recv(ctx, buf[:0]); err != nil {
			return err
		}
		if n := binary.LittleEndian.Uint64(buf); len(buf) != size || n != seq {
			return fmt.Errorf("expected message %d of %d bytes, found %d of %d", seq, size, n, len(buf))
		}
	}
	return nil
}
