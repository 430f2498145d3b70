package guide

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"

	"annulus/ring"
	"annulus/ring/feed"
	"annulus/ring/rpc"
)

func Example_channels() {
	r, p, c, err := both(ring.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	prices, seen := make(chan float64), make(chan float64)
	into := feed.Into(p, feed.FromChan(prices, func(dst []byte, v float64) ([]byte, error) {
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v)), nil
	}))
	outOf := feed.OutOf(c, feed.ToChan(seen, func(msg []byte) (float64, error) {
		return math.Float64frombits(binary.LittleEndian.Uint64(msg)), nil
	}))
	ended := make(chan error, 2)
	go func() { ended <- errors.Join(into.Run(context.Background()), p.Close()) }()
	go func() { ended <- outOf.Run(context.Background()) }()
	go func() {
		prices <- 1.5
		prices <- 2.25
		close(prices)
	}()
	for v := range seen {
		fmt.Println(v)
	}
	if err := errors.Join(<-ended, <-ended, c.Close()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1.5
	// 2.25
}

var multiply = rpc.Method[[2]int, int]{Name: "multiply"}

func serveProducts(ctx context.Context, name string) error {
	s, err := rpc.Listen(name, rpc.Config{})
	if err != nil {
		return err
	}
	multiply.Handle(s, func(_ context.Context, v [2]int) (int, error) { return v[0] * v[1], nil })
	defer ring.CloseOnSignal(s)()
	return errors.Join(s.Serve(ctx), s.Close())
}

func askForProduct(ctx context.Context, name string) error {
	c, err := rpc.Dial(name)
	if err != nil {
		return err
	}
	defer c.Close()
	product, err := multiply.Call(ctx, c, [2]int{6, 7})
	if err == nil {
		fmt.Println(product)
	}
	return err
}

func Example_rpc() {
	ctx, cancel := context.WithCancel(context.Background())
	name, served := freshName(), make(chan error, 1)
	go func() { served <- serveProducts(ctx, name) }()
	err := askForProduct(ctx, name)
	for errors.Is(err, rpc.ErrNoServer) { // not there yet
		runtime.Gosched()
		err = askForProduct(ctx, name)
	}
	if err != nil {
		fmt.Println(err)
	}
	cancel()
	fmt.Println(<-served)
	// Output:
	// 42
	// context canceled
}
