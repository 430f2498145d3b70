package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every mistake is one line that says what was expected and what was found,
// and exit status 2; nothing is printed on stdout.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"nosuch", `found "nosuch"`},
		{"--json", `found "--json"`},
		{"help nosuch", `found "nosuch"`},
		{"help tour latency", "found 2 arguments"},
		{"throughput --nosuch", "found --nosuch"},
		{"throughput extra", `found "extra"`},
		{"throughput --size", "found nothing"},
		{"throughput --size 7", `"7"`},
		{"throughput --size eight", `"eight"`},
		{"throughput --size 8,", `"8,"`},
		{"throughput --size 99999999999", "99999999999"},
		{"throughput --batch 0", `"0"`},
		{"throughput --duration 0s", `"0s"`},
		{"throughput --duration 5", `"5"`},
		{"throughput --duration -1s", `"-1s"`},
		{"throughput --count 0", `"0"`},
		{"throughput --count -1", `"-1"`},
		{"throughput --capacity 0", `"0"`},
		{"throughput --capacity 1X", `"1X"`},
		{"throughput --capacity 4G", `"4G"`},
		{"throughput --capacity 5000", "the next is 8192"},
		{"latency --capacity 2K --transport pipe,ring", "from 4096 to"},
		{"throughput -size 7", "for flag --size"},
		{"throughput --wait sometimes", `"sometimes"`},
		{"throughput --cpus 0", `"0"`},
		{"throughput --cpus 0,1,2", `"0,1,2"`},
		{"throughput --cpus 100000,0", "found 100000"},
		{"throughput --transport carrier-pigeon", `found "carrier-pigeon"`},
		{"throughput --transport cflag", "found a throughput"},
		{"throughput --transport boost --size 12", "found 12"},
		{"throughput --transport boost --count 5", "found --count"},
		{"throughput --topology ring", `"ring"`},
		{"throughput --pairs 0", `"0"`},
		{"throughput --shm=", "expected a name"},
		{"throughput --json=perhaps", `"perhaps"`},
		{"latency --rate 0", `"0"`},
		{"latency --rate 10 --transport cpipe", "found a one-way"},
		{"latency --batch 2", "found --batch"},
		{"latency --breakdown --transport pipe", `expected --transport out of ring,slots with --breakdown, found "pipe"`},
		{"topo --cpus 0-", "such as 0-3,8"},
		{"topo --cpus 60000", "found 60000"},
		{"topo --duration 0s", `"0s"`},
		{"topo extra", `found "extra"`},
		{"run", "expected a FILE.yaml, one of log-shipping, market-data"},
		{"run nosuch", `expected a file, or one of log-shipping, market-data, request-churn, work-queue, found "nosuch"`},
		{"run a b", "expected one profile, found 2"},
		{"run work-queue --topology spsc", "found both"},
		{"run --topology star", `"star"`},
		{"run --producers 2", "expected at most 1 producer of ring ring, whose topology is spsc, found 2"},
		{"run --size 4", "expected bytes of at least 16"},
		{"run --rate 5", "expected max, or a rate up to 1e9/s"},
		{"run --work 5", "expected a time with a unit"},
		{"run --topology mpmc --capacity 4KiB", "expected --capacity only with rings of bytes"},
		{"run --print nosuch", `"nosuch"`},
		{"run --duration 0s", `"0s"`},
		{"run --list work-queue", "expected --list or --print NAME alone"},
		{"run --print work-queue --rate 5/s", "expected --list or --print NAME alone"},
		{"run --list --print work-queue", "expected --list or --print NAME alone"},
		{"throughput --size 1k", "such as 64,1K"},
		{"throughput --size 1K,4G", "such as 64,1K"},
		{"latency --rate 5k", "such as 10000 or 10k/s"},
		{"latency --rate 1.5/s", "such as 10000 or 10k/s"},
		{"diff", "found 0 arguments"},
		{"diff a b c", "found 3 arguments"},
		{"diff a b --threshold much", `"much"`},
		{"diff a b --alpha 1", `"1"`},
		{"diff a b --metric speed", `"speed"`},
		{"tour --budget 1ms", `"1ms"`},
		{"tour --size 8", "found --size"},
		{"compare --methods ring,pigeon", `found "pigeon"`},
		{"compare --size 7", `"7"`},
		{"compare --pairs 0", `"0"`},
		{"compare --budget 1ms", `"1ms"`},
		{"compare --json --csv", "found both"},
		{"compare ring", `found "ring"`},
		{"produce", "found nothing"},
		{"produce a b", "found 2"},
		{"produce a --path b", "found 2"},
		{"produce --shm a --path b", `"a"`},
		{"produce --path=", "expected a name"},
		{"produce a/b", `"a/b"`},
		{"produce /a", `"/a"`},
		{"produce ..", `".."`},
		{"produce a --framing words", `"words"`},
		{"produce a --framing fixed:0", `"fixed:0"`},
		{"produce a --framing fixed", `"fixed"`},
		{"produce a --framing fixed:9999999999", `"fixed:9999999999"`},
		{"produce a --capacity 5000", "the next is 8192"},
		{"produce a --capacity 1K", "from 4K to 4G"},
		{"produce a --capacity 1000", "from 4K to 4G"},
		{"produce a --capacity 8G", "from 4K to 4G"},
		{"produce a --wait eventfd", "needs to be handed the eventfds"},
		{"produce a --max 4K", "found --framing lines"},
		{"produce a --json", "found --json"},
		{"produce a --members 4", "expected --members only with --topology mpmc"},
		{"consume a --topology spsc --members 4", "expected --members only"},
		{"produce a --topology mpsc --members 0", `"0"`},
		{"produce a --topology mpsc --members 4097", "from 1 to 4096"},
		{"produce a --topology mpsc --members 1", "from 2 to 4096"},
		{"produce a --topology mpsc --overrun drop", "for broadcast rings"},
		{"produce a --topology many", "spsc, mpmc, mpsc, mpsc-ordered, broadcast"},
		{"produce a --slot-size 64", "only with --topology mpmc"},
		{"produce a --topology mpmc --slot-size 0", `"0"`},
		{"produce a --topology mpmc --slot-size 32M", "from 1 to 16777216"},
		{"consume a --topology mpmc --slot-size 8K --capacity 8K", "two slots of 8192 bytes at least, found 8192"},
		{"produce a --stats=perhaps", `--stats alone`},
		{"consume", "found nothing"},
		{"consume a b c", "found 3"},
		{"consume a/b", `"a/b"`},
		{"consume a --count 0", `"0"`},
		{"consume a --count -1", `"-1"`},
		{"consume a --framing csv", `"csv"`},
		{"consume a --max 4K", "found --max"},
		{"feed", "found nothing"},
		{"feed stdin:", "the NAME of a ring, found only"},
		{"feed numbers stdin:", `found "numbers"`},
		{"feed gopher://x a", "expected a SOURCE, one of tcp://HOST:PORT, tls://HOST:PORT, unix:///PATH"},
		{"feed stdout: a", "which is a SINK only; one of tcp"},
		{"feed stdin: a b", "found 2"},
		{"feed stdin:x a", `expected stdin:, found "stdin:x"`},
		{"feed file: a", `expected file:PATH, found "file:"`},
		{"feed tcp:/x:1 a", "expected tcp://HOST:PORT"},
		{"feed tcp://x a", "expected tcp://HOST:PORT"},
		{"feed unix://x a", "expected unix:///PATH or unix://@NAME"},
		{"feed udp://:9 a --listen", "expected --listen only with tcp"},
		{"feed unixgram://x a", "expected unixgram:///PATH or unixgram://@NAME"},
		{"drain a udp://h:1 --buffer 1K", "found --buffer"},
		{"feed mq:/a/b a", "expected mq:/NAME"},
		{"feed sysv:0 a", "other than 0"},
		{"feed sysv:0x100000000 a", "32 bits"},
		{"feed stdin: a --follow", "expected --follow only with file:PATH, found it with stdin:"},
		{"feed mq:/a a --framing raw", "expected --framing only with tcp"},
		{"feed stdin: a --framing csv", `found "csv"`},
		{"feed stdin: a --append", "found --append"},
		{"feed tls://x:0 a --listen", "expected --cert and --key"},
		{"feed tls://x:0 a --cert c", "found only one"},
		{"feed sysv:1 a --type x", `"x"`},
		{"drain", "found nothing"},
		{"drain stdout:", "the NAME of a ring and a SINK, found only"},
		{"drain stdout: a", `found "a"`},
		{"drain a stdin:", "which is a SOURCE only"},
		{"drain a b stdout:", "found 2"},
		{"drain a/b stdout:", `"a/b"`},
		{"drain a file:x --append --truncate", "found both"},
		{"drain a file:x --sync often", `"often"`},
		{"drain a mq:/x --priority 32768", "from 0 to 32767"},
		{"drain a sysv:1 --type 0", "from 1 to"},
		{"record", "and a FILE"},
		{"record a", "expected the NAME of a ring"},
		{"record a f --append --truncate", "found both"},
		{"replay f", "expected the NAME of a ring"},
		{"replay f a --pace 0", "greater than 0"},
		{"replay f a --pace 2 --fast", "found both"},
		{"inspect", "found nothing"},
		{"inspect a/b", `"a/b"`},
		{"inspect a b", "found 2"},
		{"list a", `"a"`},
		{"doctor --json --fix-commands", "found more"},
		{"doctor a", `"a"`},
		{"completion", "found []"},
		{"completion csh", `"csh"`},
		{"list --path=", "expected a directory"},
		{"top --interval 1ms", `"1ms"`},
		{"top --interval 5", "such as 500ms"},
		{"top [", `found "["`},
		{"top --json --metrics :0", "found both"},
		{"top --metrics 9400", "HOST:PORT or :PORT"},
		{"produce a --metrics :x", "HOST:PORT or :PORT"},
		{"version now", `"now"`},
		{"remove", "found nothing"},
		{"remove a b", "found 2"},
		{"remove --force a/b", `"a/b"`},
	} {
		status, out, errText := call(strings.Fields(c.line)...)
		if status != 2 || out != "" || strings.Count(errText, "\n") != 1 || !strings.HasPrefix(errText, "ringbench") {
			t.Errorf("%s: exit status %d, stdout %q, stderr %q", c.line, status, out, errText)
		}
		if !strings.Contains(errText, "expected") || !strings.Contains(errText, c.want) {
			t.Errorf("%s: %q does not say what was expected and %s", c.line, errText, c.want)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"help", "help"}} {
		status, out, errText := call(args...)
		if status != 0 || errText != "" || !strings.Contains(out, "examples:") {
			t.Errorf("%v: exit status %d, stderr %q, stdout:\n%s", args, status, errText, out)
		}
		for _, c := range commands() {
			if !strings.Contains(out, c.name) {
				t.Errorf("%v does not list %s", args, c.name)
			}
		}
	}
	for _, c := range commands() {
		_, want, _ := call("help", c.name)
		for _, args := range [][]string{{"help", c.name}, {c.name, "-h"}, {c.name, "--help"}} {
			status, out, errText := call(args...)
			if status != 0 || errText != "" || out != want || !strings.Contains(out, "examples:\n  ") || !strings.Contains(out, "ringbench "+c.name) {
				t.Errorf("%v: exit status %d, stderr %q, stdout:\n%s", args, status, errText, out)
			}
		}
	}
	_, out, _ := call("help", "latency")
	for _, flag := range []string{"--transport", "--topology", "--size", "--duration", "--count", "--capacity", "--wait", "--cpus", "--rate", "--path", "--shm", "--memfd", "--pairs", "--json"} {
		if !strings.Contains(out, "  "+flag) {
			t.Errorf("the help of latency lacks %s", flag)
		}
	}
}

// The README has a table of all commands, and of none that is gone.
func TestReadmeNamesCommands(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	must(t, err)
	_, table, _ := strings.Cut(string(b), "\n## ringbench\n")
	table, _, _ = strings.Cut(table, "\n## ")
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(table, -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			name = strings.Trim(name, "`")
			if named[name] = true; findCommand(name) == nil {
				t.Errorf("README.md speaks of a command %s that is not there", name)
			}
		}
	}
	for _, c := range commands() {
		if !named[c.name] {
			t.Errorf("README.md does not say what %s does", c.name)
		}
	}
}

// The examples in the help are command lines that the commands accept.
func TestExamplesParse(t *testing.T) {
	for _, c := range commands() {
		for line := range strings.Lines(c.examples) {
			found := false
			for _, part := range strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune("|&<>", c) }) {
				words := strings.Fields(part)
				if len(words) == 0 || words[0] != "ringbench" {
					continue
				}
				if len(words) == 1 {
					words = append(words, "tour")
				}
				other := findCommand(words[1])
				if other == nil {
					t.Fatalf("%q: no such command", line)
				}
				found = found || other.name == c.name
				fs := newFlagSet(other.name)
				other.setup(fs)
				if rest, err := parse(fs, words[2:]); err != nil || !strings.HasPrefix(other.args, "[") && (other.args != "") != (len(rest) > 0) && !strings.Contains(part, "--path") {
					t.Errorf("%q: %q, %v", line, rest, err)
				}
			}
			if !found {
				t.Errorf("%q does not show %s", line, c.name)
			}
		}
	}
}

// Flags may stand before, between and behind other arguments, up to "--".
func TestFlagsAnywhere(t *testing.T) {
	for line, want := range map[string]string{
		"--json a": "a true", "a --json": "a true", "a": "a false", "a b --json c": "a b c true",
		"-- --json": "--json false", "a -- --json": "a --json false", "--json -- a --json": "a --json true",
	} {
		fs := newFlagSet("x")
		json := fs.Bool("json", false, "")
		rest, err := parse(fs, strings.Fields(line))
		if got := fmt.Sprint(strings.Join(rest, " "), " ", *json); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestProgressOnATerminalIsOneLine(t *testing.T) {
	var buf bytes.Buffer
	p := &progress{w: &buf, terminal: true, width: widest}
	m := measurement{p: (&options{}).params("throughput", nil)}
	p.begin(1, 2, "a rather long name of a measurement, longer than the line is wide, which is seventy-nine", &m.p)
	p.update(1234567, 1e9)
	p.end()
	if strings.Contains(buf.String(), "\n") || !strings.HasSuffix(buf.String(), "\r") {
		t.Errorf("got %q", buf.String())
	}
	for line := range strings.SplitSeq(buf.String(), "\r") {
		if len(line) > 79 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
}

// A device that is no terminal gets lines, as a file does.
func TestProgressOnADevice(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	must(t, err)
	defer null.Close()
	if newProgress(null).terminal {
		t.Error("it is taken for a terminal")
	}
}

func TestSysVKeyOfNoFile(t *testing.T) {
	if _, err := keyOf(t.TempDir()+"/none", 1); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "a number, or with a file") {
		t.Error(err)
	}
}
