package guard

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"annulus/internal/testutil"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == Command {
		os.Exit(Main("file", map[string]Keep{"file": {
			Make:   func() (string, error) { return os.Args[2], os.WriteFile(os.Args[2], nil, 0o600) },
			Remove: os.Remove,
		}}))
	}
	testutil.Main(m, nil, nil)
}

// A guard whose parent is gone before it can say what it has made removes that.
func TestParentGoneAtOnce(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "kept")
	g := exec.Command(self, Command, name)
	g.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	life, err := g.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := g.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said.(io.Closer).Close()
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	testutil.Eventually(t, "it has made the file", func() bool { _, err := os.Stat(name); return err == nil })
	life.Close()
	g.Wait() // its word went nowhere, which it says
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("the file is left: %v", err)
	}
}
