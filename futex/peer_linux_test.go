package futex

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var peers struct {
	sync.Mutex
	dir   string
	built map[string]string // source in testdata -> program
}

// ccPeer compiles testdata/name once and returns the program.
func ccPeer(t *testing.T, name string) string {
	t.Helper()
	peers.Lock()
	defer peers.Unlock()
	if exe, ok := peers.built[name]; ok {
		return exe
	}
	cc, err := exec.LookPath("gcc")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no C compiler: %v", err)
		}
		t.Skipf("no C compiler, so no C peer to test against: %v", err)
	}
	if peers.dir == "" {
		if peers.dir, err = os.MkdirTemp("", "futex-peers-"); err != nil {
			t.Fatal(err)
		}
		peers.built = map[string]string{}
		atExit = append(atExit, func() { os.RemoveAll(peers.dir) })
	}
	exe := filepath.Join(peers.dir, name+".bin")
	out, err := exec.Command(cc, "-O2", "-Wall", "-Werror", "-pthread", "-o", exe, filepath.Join("testdata", name)).CombinedOutput()
	if err != nil {
		t.Fatalf("gcc %s: %v\n%s", name, err, out)
	}
	peers.built[name] = exe
	return exe
}
