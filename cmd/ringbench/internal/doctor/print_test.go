package doctor

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// sick is a report with something of each verdict.
func sick() *Report {
	return Examine(sound().with(room(Space{Size: 64 << 20, Free: 1 << 10}, nil), gone(cpuPath+"isolated"), clock(1<<20)), Checks())
}

func text(t *testing.T, r *Report, s Style) string {
	t.Helper()
	var b strings.Builder
	if err := r.Print(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrint(t *testing.T) {
	r := sick()
	if r.Breaks != 1 || r.Costs != 1 || r.Unknown != 1 || r.OK != len(Checks())-3 {
		t.Fatalf("%+v", r)
	}
	out := text(t, r, Style{})
	at := 0
	for _, want := range []string{
		"Linux 6.12.1, A Processor, 2 CPUs allowed, uid 1000\n", "\nwill break (1)\n  shm-space: /dev/shm has 1.0 KiB free of 64.0 MiB", "    why: ", "    do: make it larger",
		"         $ mount -o remount,size=1G /dev/shm\n", "\ncosts latency, or limits something (1)\n  clock: ", "\nnot to be seen from here (1)\n  isolation: ",
		"\nfine (", "  cpus: 2 CPUs are allowed: 2,3\n", "\n1 will break, 1 cost latency or limit something, 1 not to be seen, ",
	} {
		i := strings.Index(out[at:], want)
		if i < 0 {
			t.Fatalf("no %q behind byte %d of\n%s", want, at, out)
		}
		at += i + len(want)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("colours without being asked for")
	}
	if n := strings.Count(text(t, r, Style{Verbose: true}), "why: "); n != len(Checks()) {
		t.Errorf("%d reasons, want %d", n, len(Checks()))
	}
}

// Colours change no letter, and each line that has one ends it.
func TestColors(t *testing.T) {
	for _, width := range []int{0, 40} {
		painted := text(t, sick(), Style{Color: true, Width: width})
		bare := painted
		for _, g := range groups {
			bare = strings.ReplaceAll(bare, "\x1b["+g.color+"m", "")
		}
		if bare = strings.ReplaceAll(bare, "\x1b[0m", ""); bare == painted || bare != text(t, sick(), Style{Width: width}) {
			t.Errorf("width %d: %q", width, painted)
		}
		for line := range strings.Lines(painted) {
			if n := strings.Count(line, "\x1b["); n%2 != 0 {
				t.Errorf("%q is not closed", line)
			}
		}
	}
}

// Lines are broken between words. Only a single word, or a command, is longer.
func TestWrap(t *testing.T) {
	for _, width := range []int{20, 40, 80} {
		out := text(t, sick(), Style{Width: width, Verbose: true})
		for line := range strings.Lines(out) {
			line = strings.TrimSuffix(line, "\n")
			words := strings.Fields(line)
			command := len(words) > 0 && words[0] == "$"
			if utf8.RuneCountInString(line) > width && !command && len(words) > 1 && !titled(line) {
				t.Errorf("%d columns: %q", width, line)
			}
		}
		if a, b := strings.Fields(out), strings.Fields(text(t, sick(), Style{Verbose: true})); strings.Join(a, " ") != strings.Join(b, " ") {
			t.Errorf("%d columns: other words", width)
		}
	}
}

// titled tells whether a line is the head of a group, which is not wrapped.
func titled(line string) bool {
	for _, g := range groups {
		if strings.HasPrefix(line, g.title) {
			return true
		}
	}
	return false
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(sick())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"schema":"ringbench/doctor/1"`, `"breaks":1`, `{"check":"shm-space","verdict":"breaks","found":"`, `"commands":["mount -o remount,size=1G /dev/shm"]`, `"verdict":"unknown"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

// The script is one that a shell understands, whatever the names in it.
func TestScript(t *testing.T) {
	r := Examine(sound().with(
		room(Space{Size: 64 << 20, Free: 1 << 10}, nil), clock(1<<20), gone("etc/systemd"),
		rings(Rings{List: []Ring{{Name: "it's $(odd)\nreboot", Dead: true}}}, nil),
	), Checks())
	var b strings.Builder
	if err := r.Script(&b); err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, want := range []string{
		"\nmount -o remount,size=1G /dev/shm\n", "\nloginctl enable-linger ann\n", "\necho tsc > /sys/", "\nringbench remove $'it\\x27s $(odd)\\x0areboot'\n",
	} {
		i := strings.Index(b.String(), want)
		if i < at {
			t.Errorf("%q at %d, behind %d of\n%s", want, i, at, b.String())
		}
		at = i
	}
	if strings.Contains(b.String(), "\nreboot") {
		t.Errorf("a name became a command:\n%s", b.String())
	}
	sh := exec.Command("sh", "-n")
	sh.Stdin = strings.NewReader(b.String())
	if out, err := sh.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// The manual has a row for each check, and for nothing else.
func TestManual(t *testing.T) {
	b, err := os.ReadFile("../../../../docs/operations/machine.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if name, found := strings.CutPrefix(line, "| `"); found {
			name, _, _ = strings.Cut(name, "`")
			rows[name] = true
		}
	}
	for _, c := range Checks() {
		if !rows[c.Name] {
			t.Errorf("docs/operations/machine.md has no row for %s", c.Name)
		}
		delete(rows, c.Name)
	}
	for name := range rows {
		t.Errorf("docs/operations/machine.md has a row for %s, which is no check", name)
	}
}
