package futex

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

func init() {
	roles["wait"] = roleWait
	roles["wake"] = roleWake
	roles["pingpong"] = rolePingPong
}

// roleWait sleeps on word 0 of a file until it is not 0.
func roleWait(args []string) error {
	mem, err := mapFile(args[0])
	if err != nil {
		return err
	}
	word := wordAt(mem, 0)
	for word.Load() == 0 {
		if err := Wait(word, 0, time.Now().Add(patience)); err != nil && err != ErrChanged {
			return err
		}
	}
	fmt.Println("saw", word.Load())
	return nil
}

// roleWake stores 5 and wakes one, once somebody sleeps.
func roleWake(args []string) error {
	mem, err := mapFile(args[0])
	if err != nil {
		return err
	}
	word := wordAt(mem, 0)
	if err := until("the parent sleeps", func() bool { return sleepers(word) == 1 }); err != nil {
		return err
	}
	word.Store(5)
	n, err := Wake(word, 1)
	fmt.Println("woke", n)
	return err
}

// rolePingPong answers every odd value of word 0 by the next even one.
func rolePingPong(args []string) error {
	mem, err := mapFile(args[0])
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return pingPong(mem, rounds, 1)
}

// pingPong plays one side: it waits until the word is 2i+side, and moves it on.
func pingPong(mem []byte, rounds int, side uint32) error {
	word := wordAt(mem, 0)
	for i := range uint32(rounds) {
		for v := word.Load(); v != 2*i+side; v = word.Load() {
			err := WaitHold(word, v, 50*time.Microsecond, time.Now().Add(patience))
			if err != nil && err != ErrChanged {
				return fmt.Errorf("round %d: %w", i, err)
			}
		}
		word.Add(1)
		if _, err := Wake(word, 1); err != nil {
			return err
		}
	}
	return nil
}

func TestWakeAnotherProcess(t *testing.T) {
	path, mem := sharedFile(t)
	word := wordAt(mem, 0)
	p := start(t, child(t, "wait", path))
	asleep(t, word, 1)
	word.Store(5)
	if n, err := Wake(word, 1); n != 1 || err != nil {
		t.Errorf("Wake = %d, %v", n, err)
	}
	if out := p.Done(); out != "saw 5" {
		t.Errorf("child: %s", out)
	}
}

func TestWokenByAnotherProcess(t *testing.T) {
	for _, hold := range []time.Duration{0, 50 * time.Microsecond} {
		path, mem := sharedFile(t)
		word, done := wordAt(mem, 0), make(chan error, 1)
		go func() { done <- WaitHold(word, 0, hold, time.Time{}) }()
		p := start(t, child(t, "wake", path))
		if err := receive(t, done); err != nil {
			t.Error(err)
		}
		if out := p.Done(); out != "woke 1" || word.Load() != 5 {
			t.Errorf("hold %v: child: %s, word %d", hold, out, word.Load())
		}
	}
}

func TestPingPongBetweenProcesses(t *testing.T) {
	const rounds = 5000
	path, mem := sharedFile(t)
	p := start(t, child(t, "pingpong", path, strconv.Itoa(rounds)))
	if err := pingPong(mem, rounds, 0); err != nil {
		t.Error(err)
	}
	p.Done()
	if v := wordAt(mem, 0).Load(); v != 2*rounds {
		t.Errorf("ended at %d of %d", v, 2*rounds)
	}
}

// A killed sleeper leaves nothing behind on the word.
func TestKilledSleeperTakesNoWake(t *testing.T) {
	path, mem := sharedFile(t)
	word, done := wordAt(mem, 0), make(chan error, 1)
	p := start(t, child(t, "wait", path))
	asleep(t, word, 1)
	go func() { done <- Wait(word, 0, time.Time{}) }()
	asleep(t, word, 2)
	p.Kill()
	if n, err := Wake(word, 1); n != 1 || err != nil {
		t.Errorf("Wake = %d, %v", n, err)
	}
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
}
