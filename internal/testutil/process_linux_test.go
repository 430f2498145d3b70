package testutil

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"

	"annulus/internal/killpoint"
)

func init() {
	roles["say twice"] = func(args []string) error {
		fmt.Println("first")
		var s string
		fmt.Scanln(&s)
		fmt.Println("second", s)
		return nil
	}
	roles["stop"] = func([]string) error {
		fmt.Println("begun")
		return killpoint.Stop()
	}
	roles["forever"] = func([]string) error { fmt.Println("begun"); Forever(); return nil }
}

func TestProcess(t *testing.T) {
	p := Start(t, Child(t, "say twice"))
	p.Expect("first")
	p.Say("hello")
	if rest := p.Done(); rest != "second hello" {
		t.Errorf("%q", rest)
	}
	p = Start(t, Child(t, "say twice"))
	p.Hush()
	if rest := p.Done(); rest != "first\nsecond " {
		t.Errorf("%q", rest)
	}
	if said := Start(t, Child(t, "fail")).Fails(); said != "fail: on purpose" {
		t.Errorf("%q", said)
	}
	if err := Start(t, Child(t, "fail")).End(); err == nil {
		t.Error("no error")
	}
	p = Start(t, Child(t, "stop"))
	p.Expect("begun")
	p.Stopped()
	p.Signal(syscall.SIGCONT)
	p.Done()
	p.Signal(syscall.SIGCONT) // nobody is there
	p = Start(t, Child(t, "forever"))
	p.Expect("begun")
	p.Signal(syscall.SIGTERM)
	p.EndsBy(syscall.SIGTERM)
	p.Kill()
	p = Start(t, Child(t, "forever"))
	p.Expect("begun")
	p.Kill()
	p.EndsBy(syscall.SIGKILL)
	if _, err := TryStart(t, exec.Command("/no/such/program")); err == nil {
		t.Error("a program that is not there was started")
	}
}
