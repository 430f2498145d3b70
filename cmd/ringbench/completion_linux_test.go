package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
)

// interactive is how each shell is started so that it has no settings but ours, and a prompt that
// is known.
var interactive = map[string][]string{
	"bash": {"bash", "--norc", "--noprofile", "-i"},
	"zsh":  {"zsh", "-f", "-i"},
	"fish": {"fish", "--no-config", "--private", "-i", "-C", "function fish_prompt; echo -n 'READY> '; end; function fish_right_prompt; end; set -g fish_autosuggestion_enabled 0; ringbench completion fish | source"},
}

// begin is what is typed into a shell first.
var begin = map[string]string{
	"bash": `PS1='REA''DY> '; source <(ringbench completion bash)`,
	"zsh":  `PS1='REA''DY> '; autoload -Uz compinit; compinit -D -u; source <(ringbench completion zsh)`,
}

// In each shell, at a terminal, a tabulator completes what is unique.
func TestCompletionInShells(t *testing.T) {
	name := testutil.ShmName()
	r, err := ring.Create(name, ring.Config{})
	must(t, err)
	must(t, r.Close())
	t.Cleanup(func() { ring.Remove(name) })
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell); err != nil {
				testutil.Absent(t, "no shell: %v", err)
			}
			dir, env := programDir(t)
			must(t, os.Mkdir(filepath.Join(dir, "some dir"), 0o755))
			must(t, os.WriteFile(filepath.Join(dir, "some dir", "ticks.capture"), nil, 0o600))
			x := newTerminal(t, 200, 50, env, interactive[shell]...)
			if s := begin[shell]; s != "" {
				x.typing(s)
				x.press("Enter")
			}
			x.shows("READY>")
			for _, c := range []struct{ typed, want string }{
				{"ringbench doc", "ringbench doctor "},
				{"ringbench inspect --js", "ringbench inspect --json "},
				{"ringbench produce --topology mpm", "ringbench produce --topology mpmc "},
				{"ringbench produce --topology=broa", "ringbench produce --topology=broadcast "},
				{"ringbench throughput --transport ring,slo", "ringbench throughput --transport ring,slots "},
				{"ringbench inspect " + name[:len(name)-1], "ringbench inspect " + name + " "},
				{"ringbench feed unixp", "ringbench feed unixpacket://"},
				{"ringbench feed stdi", "ringbench feed stdin:"},
				{"ringbench feed file:" + dir + "/some", "ringbench feed file:" + dir + `/some\ dir/`},
				{"ringbench replay " + dir + `/some\ dir/ti`, "ringbench replay " + dir + `/some\ dir/ticks.capture `},
				{"ringbench completion f", "ringbench completion fish "},
			} {
				x.press("C-u")
				x.typing(c.typed)
				x.press("Tab")
				x.typing("ENDS") // behind what was completed
				if screen := x.shows("ENDS"); !strings.Contains(screen, "READY> "+c.want+"ENDS") {
					t.Fatalf("%q is not completed to %q:\n%s", c.typed, c.want, strings.TrimSpace(screen))
				}
				x.press("C-u")
				if err := testutil.Until("the line is empty", func() bool { return !strings.Contains(x.screen(), "ENDS") }); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
