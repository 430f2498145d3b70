package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
)

// offered are the words that a command line may go on with.
func offered(words ...string) (list []string) {
	for _, c := range complete(words) {
		list = append(list, c.word)
	}
	return list
}

func TestComplete(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	must(t, os.MkdirAll("sub/.hidden", 0o755))
	must(t, os.WriteFile("sub/in.ring", nil, 0o600))
	for _, c := range []struct{ line, want string }{
		{"rep", "replay repair"},
		{"help rep", "replay repair"},
		{"help repair ", ""},
		{"nosuch ", ""},
		{"doctor ", ""},
		{"doctor -", "--fix-commands --json --verbose"},
		{"doctor -j", "--json"},
		{"doctor --json=", "--json=true --json=false"},
		{"doctor --nosuch=", ""},
		{"stress --overrun ", "overwrite block drop"},
		{"stress --overrun=b", "--overrun=block"},
		{"stress --kills ", ""},
		{"crowd --contender ring,v", "ring,vyukov"},
		{"crowd --contender ring,r", ""},
		{"drain x s", "sysv: stdout:"},
		{"drain --path x s", "sysv: stdout:"},
		{"drain --path=x --wait futex s", "sysv: stdout:"},
		{"drain --wait -- s", ""},
		{"drain -- s", ""},
		{"drain -- x stdo", "stdout:"},
		{"drain x stdout: ", ""},
		{"feed file:s", "file:sub/"},
		{"feed unix://s", "unix://sub/"},
		{"feed tcp://s", ""},
		{"feed --ca s", "sub/"},
		{"feed --server-name s", ""},
		{"replay sub/i", "sub/in.ring"},
		{"replay sub/", "sub/in.ring"},
		{"replay sub/.h", "sub/.hidden/"},
		{"replay ~/s", "~/sub/"},
		{"list --path sub/", ""},
		{"list --path s", "sub/"},
		{"list --path nosuch/", ""},
		{"latency --path sub/in", "sub/in.ring"},
		{"run m", "market-data"},
		{"run sub/", "sub/in.ring"},
		{"completion ", "bash zsh fish"},
		{"completion bash ", ""},
	} {
		if got := strings.Join(offered(strings.Split(c.line, " ")...), " "); got != c.want {
			t.Errorf("%q: offered %q, want %q", c.line, got, c.want)
		}
	}
	if complete(nil) != nil {
		t.Error("something for nothing")
	}
}

// Rings are offered where a ring is expected, and nothing else that is there.
func TestCompleteRings(t *testing.T) {
	name := testutil.ShmName()
	r, err := ring.Create(name, ring.Config{})
	must(t, err)
	defer func() { must(t, r.Close()); must(t, ring.Remove(name)) }()
	must(t, os.WriteFile("/dev/shm/"+name+"-no-ring", []byte("something else"), 0o600))
	defer os.Remove("/dev/shm/" + name + "-no-ring")
	for _, line := range [][]string{{"inspect"}, {"remove", "--force"}, {"inspect", "--shm"}, {"feed", "stdin:"}, {"throughput", "--shm"}} {
		if got := offered(append(line, name)...); !slices.Equal(got, []string{name}) {
			t.Errorf("%q: %q", line, got)
		}
	}
	if got := offered("inspect", "x", name); got != nil {
		t.Errorf("a second ring: %q", got)
	}
}

// Everything that is declared is offered, and what is offered is taken.
func TestCompleteAll(t *testing.T) {
	for _, c := range commands() {
		if !slices.Contains(offered(""), c.name) {
			t.Errorf("%s is not offered", c.name)
		}
		flags := offered(c.name, "-")
		newFlags := func() *flag.FlagSet {
			set := newFlagSet(c.name)
			c.setup(set)
			return set
		}
		newFlags().VisitAll(func(f *flag.Flag) {
			if !slices.Contains(flags, "--"+f.Name) {
				t.Errorf("%s --%s is not offered", c.name, f.Name)
			}
			choice, isChoice := f.Value.(*choice)
			if !isChoice {
				if lists := strings.Count(f.Usage, ", ") > 2 && strings.Contains(f.Usage, " out of "); lists {
					t.Errorf("%s --%s has names to offer, and none is", c.name, f.Name)
				}
				return
			}
			if len(choice.names) == 0 {
				t.Errorf("%s --%s has nothing to offer", c.name, f.Name)
			}
			for _, w := range offered(c.name, "--"+f.Name, "") {
				if strings.HasSuffix(w, ":") {
					w += "8"
				}
				if err := newFlags().Set(f.Name, w); err != nil {
					t.Errorf("%s --%s %s is offered: %v", c.name, f.Name, w, err)
				}
			}
		})
		for _, kind := range strings.Fields(c.args) {
			if !slices.Contains([]string{"NAME", "[NAME...]", "FILE", "[FILE]", "DIR", "SOURCE", "SINK", "SHELL"}, kind) {
				t.Errorf("%s %s: complete does not know what that is", c.name, kind)
			}
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells {
		status, out, errText := call("completion", shell)
		file, err := os.ReadFile(filepath.Join("shells", "ringbench."+shell))
		if must(t, err); status != 0 || errText != "" || out != string(file) || !strings.Contains(out, completeCommand) {
			t.Errorf("%s: exit status %d, %q, %d bytes", shell, status, errText, len(out))
		}
	}
}
