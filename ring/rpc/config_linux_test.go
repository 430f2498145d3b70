package rpc_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"annulus/ring"
	"annulus/ring/rpc"
	"annulus/shm"
)

// A server of another Config leaves what a killed one has left as it is, and one of its own takes it over.
func TestOtherConfig(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	kill, _ := start(t, "serves", name)
	kill()
	names := func() string {
		objects, err := shm.List()
		must(t, err)
		var list []string
		for _, o := range objects {
			if strings.HasPrefix(o.Name, name) {
				list = append(list, o.Name)
			}
		}
		return strings.Join(list, " ")
	}
	before := names()
	for _, c := range []rpc.Config{{Clients: 3}, {RequestBytes: 1 << 20}, {ReplyBytes: 1 << 20}} {
		if _, err := rpc.Listen(name, c); !errors.Is(err, ring.ErrMismatch) || !strings.Contains(err.Error(), "another Config") {
			t.Errorf("%+v: %v", c, err)
		}
		if after := names(); after != before {
			t.Errorf("%+v: there was %s, there is %s", c, before, after)
		}
	}
	s, err := rpc.Listen(name, rpc.Config{})
	must(t, err)
	must(t, s.Close())
	left(t, name)
}

func TestClientsOutOfRange(t *testing.T) {
	for _, n := range []int{-1, 4096} {
		s, err := rpc.Listen(fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1)), rpc.Config{Clients: n})
		if err == nil || !strings.Contains(err.Error(), "expected 1 to 4095") {
			t.Errorf("%d clients: %v", n, err)
		}
		if err == nil {
			must(t, s.Close())
		}
	}
}
