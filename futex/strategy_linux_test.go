package futex

import (
	"fmt"
	"testing"

	"annulus/internal/cpu"
)

func init() {
	roles["adaptive"] = func([]string) error {
		fmt.Println(Adaptive().Spins > 0)
		return nil
	}
}

// A process with one CPU does not spin for another that needs it.
func TestAdaptiveOnOneCPU(t *testing.T) {
	all, err := cpu.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	if err := cpu.On(all[:1], func() error {
		start(t, child(t, "adaptive")).Expect("false")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	start(t, child(t, "adaptive")).Expect(fmt.Sprint(len(all) > 1))
}
