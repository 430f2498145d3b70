package peers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"annulus/internal/testutil"
)

// program is the peer program of a language; PROGRAM.md is its contract.
type program struct {
	name string
	// command returns the command line up to the program's own arguments, once it is
	// built (testutil.Build). It ends the test for want of a compiler (testutil.Absent).
	command func(t *testing.T) []string
	// speaks are the parts of the contract that it knows, of these words:
	//
	//	spsc mpmc mpsc mpsc-ordered  topologies, both sides and the vectors of them
	//	broadcast-recv broadcast     consumers; producers too
	//	cell-read cell               readers; writers too
	//	create dump vector           commands (create and dump: of the topologies it speaks)
	//	semaphore                    a way to wait
	speaks string
	pace   uint64 // streams are so many times shorter than those of C
}

// programs are all of them. A language adds a line.
var programs = []program{
	{"c", buildC, "spsc mpmc mpsc mpsc-ordered broadcast-recv broadcast cell-read cell create dump vector semaphore", 1},
	{"c++", peerCPP, "spsc mpmc mpsc mpsc-ordered broadcast-recv broadcast cell-read cell create dump vector semaphore", 1},
	{"rust", buildRust, "spsc mpmc mpsc mpsc-ordered broadcast-recv broadcast cell-read cell create dump vector semaphore", 1},
	{"java", buildJava, "spsc mpmc mpsc mpsc-ordered broadcast-recv broadcast cell-read cell create dump vector semaphore", 10},
	{"java-foreign", buildJavaForeign, "spsc mpmc mpsc mpsc-ordered broadcast-recv broadcast cell-read cell create dump vector semaphore", 20},
	{"python", peerPython, "spsc mpmc mpsc mpsc-ordered broadcast-recv broadcast cell-read cell create dump vector semaphore", 100},
}

func buildC(t *testing.T) []string {
	compiler(t, "gcc")
	return []string{testutil.BuildC(t, "peer", append(cflags[:len(cflags):len(cflags)], filepath.Join("c", "peer.c"), "-pthread")...)}
}

// can tells whether it speaks all the words of what.
func (l program) can(what string) bool {
	have := strings.Fields(l.speaks)
	for _, w := range strings.Fields(what) {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// peer is the program, not started yet.
func (l program) peer(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	line := append(l.command(t), args...)
	return exec.Command(line[0], line[1:]...)
}

// few is n, or a part of it for a program that takes long to start.
func (l program) few(n uint64) uint64 {
	if l.pace < 100 {
		return n
	}
	return max(n/4, 3)
}

// waits are the ways to wait that Go and the program share in a ring of one producer.
func (l program) waits() []string {
	if l.can("semaphore") {
		return []string{"spin", "futex", "semaphore"}
	}
	return []string{"spin", "futex"}
}

// all tells whether every program is put through every test, as in CI: that takes minutes. Else
// those beside C take part in the brief tests only. It is asked for in the tests: go test does not
// see what is read before them, and would show a brief run's result for a full one.
func all() bool { return os.Getenv("ANNULUS_PEERS") == "all" }

// brief are the tests that are for all programs always: messages either way, each vector, a death on
// either side.
var brief = []string{
	"TestGoToPeer", "TestPeerToGo", "TestPeerReadsVectors", "TestPeerGoesOnAtVectors", "TestMPMCTogether",
	"TestGoAfterKilledProducer", "TestPeerAfterKilledGoProducer", "TestGoConsumerCloses", "TestRates",
}

// inEach runs a test with each program that speaks all the words of what.
func inEach(t *testing.T, what string, test func(t *testing.T, l program)) {
	name, _, _ := strings.Cut(t.Name(), "/")
	for _, l := range programs {
		if l.can(what) && (all() || l.name == "c" || l.pace < 20 && slices.Contains(brief, name)) {
			if !all() && l.name != "c" {
				l.pace *= 10
			}
			t.Run(l.name, func(t *testing.T) { test(t, l) })
		}
	}
}

// lengthy are the tests of one language alone, or of pairs of them, that take long.
var lengthy = map[string]func(*testing.T){
	"CPPSelftest":             cppSelftest,
	"CPPFingerprints":         cppFingerprints,
	"CPPInstalled":            cppInstalled,
	"CPPReadme":               cppReadme,
	"RustCrate":               rustCrate,
	"JavaSelftest":            javaSelftest,
	"PythonWheel":             pythonWheel,
	"ProgramsAmongThemselves": programsAmongThemselves,
}

// TestLanguages runs those with ANNULUS_PEERS=all, as CI does, and none without.
func TestLanguages(t *testing.T) {
	if !all() {
		t.Log("ANNULUS_PEERS=all chooses the long tests too")
		return
	}
	for name, test := range lengthy {
		t.Run(name, test)
	}
}
