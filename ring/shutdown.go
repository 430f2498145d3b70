package ring

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Finisher is an endpoint that can be asked to come to an end in order.
type Finisher interface{ Finish() error }

// Finish is Close: a producer has nothing left to do once it may not send.
func (p *Producer) Finish() error { return p.Close() }

// CloseOnSignal lets the first SIGTERM or SIGINT of this process finish the
// endpoints: sends fail with ErrClosed, consumers receive what is committed and
// then io.EOF, so that both sides' loops end by themselves and their programs
// can exit with status 0. After that the signals do what they did before, so a
// second one is immediate. stop undoes it; call it when the endpoints are
// closed. The library handles no signal unless this is called.
func CloseOnSignal(endpoints ...Finisher) (stop func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		select {
		case <-ch:
			signal.Stop(ch)
			for _, e := range endpoints {
				// An endpoint that is closed already needs no finishing.
				_ = e.Finish()
			}
		case <-quit:
			signal.Stop(ch)
		}
	})
	return sync.OnceFunc(func() { close(quit); done.Wait() })
}
