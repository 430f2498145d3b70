package guide

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"annulus/ring"
)

// The complete program of the tutorial, in a module of its own as the README
// says, passes what it is given from one process to another.
func TestModuleOfOnesOwn(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command: ", err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	_, mod, ok := strings.Cut(read(t, "../../README.md"), "```gomod\n")
	mod, _, end := strings.Cut(mod, "```")
	if !ok || !end || !strings.Contains(mod, "=> ../annulus\n") {
		t.Fatalf("the README shows no go.mod: %q", mod)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": strings.Replace(mod, "../annulus", root, 1), "go.sum": read(t, "../../go.sum"), "main.go": read(t, "sendrecv/main.go"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"mod", "tidy"}, {"build", "-o", "sendrecv", "."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		// All modules are here already; -mod, -race and the like of this run do not matter there.
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	name := freshName()
	defer func() {
		if err := ring.Remove(name); err != nil {
			t.Error(err)
		}
	}()
	run := func(mode, in string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "sendrecv"), mode, name)
		cmd.Stdin, cmd.Stderr = strings.NewReader(in), os.Stderr
		return cmd
	}
	var out bytes.Buffer
	receiver := run("recv", "")
	receiver.Stdout = &out
	if err := receiver.Start(); err != nil {
		t.Fatal(err)
	}
	if err := run("send", "one\ntwo\n").Run(); err != nil {
		t.Error("send: ", err)
	}
	if err := receiver.Wait(); err != nil || out.String() != "one\ntwo\n" {
		t.Errorf("recv: %v, %q", err, out.String())
	}
}
