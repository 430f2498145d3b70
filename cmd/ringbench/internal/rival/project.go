package rival

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// project is what a rival consists of that comes from a registry, at a version which the
// sources name. Only Prepare builds it.
type project struct {
	dir   string // in the sources
	from  string // the registry, for people
	tools []tool // that build it
	run   []tool // that it needs when it runs

	// make builds it, in the copy of the sources at dir, and returns the arguments the
	// compiler needs for the rest. What the program needs at run time goes to out.
	make func(ctx context.Context, log io.Writer, r *Rival, dir, out string) ([]string, error)
}

var aeron = &project{
	dir: "aeron", from: "Maven Central", tools: []tool{gcc, javac, mvn}, run: []tool{java},
	make: func(ctx context.Context, log io.Writer, r *Rival, dir, out string) ([]string, error) {
		jars, classes := filepath.Join(out, "jars"), filepath.Join(out, "classes")
		err := logged(ctx, log, r, filepath.Join(dir, "aeron"), "mvn", "--batch-mode", "--no-transfer-progress", "--strict-checksums",
			"dependency:copy-dependencies", "-DoutputDirectory="+jars)
		if err != nil {
			return nil, err
		}
		sources, err := filepath.Glob(filepath.Join(dir, "aeron", "*.java"))
		if err != nil {
			return nil, err
		}
		args := append([]string{"-cp", filepath.Join(jars, "*"), "-d", classes}, sources...)
		return nil, logged(ctx, log, r, dir, "javac", args...)
	},
}

var iceoryx2 = &project{
	dir: "iceoryx2", from: "crates.io", tools: []tool{gcc, cargo},
	make: func(ctx context.Context, log io.Writer, r *Rival, dir, out string) ([]string, error) {
		target := filepath.Join(dir, "target")
		err := logged(ctx, log, r, filepath.Join(dir, "iceoryx2"), "cargo", "build", "--release", "--locked", "--target-dir", target)
		return []string{filepath.Join(target, "release", "libiceoryx2_rival.a"), "-lm"}, err
	},
}

// program is the name of a prepared rival's program in its directory.
const program = "program"

// prepared is the program that Prepare has built.
func (b *Builder) prepared(r *Rival) (string, error) {
	if err := supported(r); err != nil {
		return "", err
	}
	dir, err := b.place(r, "", nil)
	if err != nil {
		return "", err
	}
	if bin := filepath.Join(dir, program); exists(bin) {
		return bin, r.have(r.project.run)
	}
	return "", &Missing{r.Name, "is not built: it takes minutes, and packages from " + r.project.from, r.project.do(r)}
}

// do is the command that builds it, after those that install what that needs.
func (p *project) do(r *Rival) string {
	var all []string
	for _, t := range slices.Concat(p.tools, p.run) {
		if _, err := t.find(r); err != nil && !slices.Contains(all, t.install) {
			all = append(all, t.install)
		}
	}
	return strings.Join(append(all, "ringbench rivals --build"), " && ")
}

// have tells whether all tools are there.
func (r *Rival) have(tools ...[]tool) error {
	for _, t := range slices.Concat(tools...) {
		if _, err := t.find(r); err != nil {
			return err
		}
	}
	return nil
}

// Prepare builds what Build leaves alone: it fetches packages of pinned versions by
// their own clients, and may take minutes. What the tools say goes to log. For other
// rivals it does nothing, as it does when r stands in the cache. The error is
// a *Missing where a tool is missing.
func (b *Builder) Prepare(ctx context.Context, r *Rival, log io.Writer) error {
	if r.project == nil {
		return nil
	}
	if err := supported(r); err != nil {
		return err
	}
	dir, err := b.place(r, "", nil)
	if err != nil || exists(filepath.Join(dir, program)) {
		return err
	}
	if err := r.have(r.project.tools, r.project.run); err != nil {
		return err
	}
	c, err := b.stage()
	if err != nil {
		return err
	}
	if b.spare != "" { // what takes minutes would be gone with the builder
		return errors.Join(&Missing{r.Name, "expected a cache that can be written, found none", CacheEnv + "=DIR ringbench rivals --build"}, c.close())
	}
	return errors.Join(b.prepare(ctx, r, log, c.dir, c.beside(dir)), c.close())
}

func (b *Builder) prepare(ctx context.Context, r *Rival, log io.Writer, from, to string) error {
	out := filepath.Join(from, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	more, err := r.project.make(ctx, log, r, from, out)
	if err != nil {
		return err
	}
	cc, err := gcc.find(r)
	if err != nil {
		return err
	}
	args := []string{"-std=gnu11", "-O3", "-march=native", "-pthread"}
	if err := compile(ctx, r, from, cc, filepath.Join(out, program), args, more...); err != nil {
		return err
	}
	err = os.Rename(out, to)
	if err != nil && exists(filepath.Join(to, program)) {
		return nil // another process was first
	}
	return err
}

// logged runs a tool in dir. The error has the last line of what it said that tells of one.
func logged(ctx context.Context, log io.Writer, r *Rival, dir, name string, args ...string) error {
	runtime.LockOSThread() // see command
	defer runtime.UnlockOSThread()
	var said lastLines
	cmd := command(ctx, dir, name, args...)
	cmd.Dir = dir
	cmd.Stdout = io.MultiWriter(log, &said)
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if line := said.complaint(); errors.As(err, &exit) && line != "" {
		return fmt.Errorf("%s: %s failed: %s", r.Name, name, line)
	}
	return fmt.Errorf("%s: %s: %w", r.Name, name, err)
}

// lastLines keeps the end of a tool's output.
type lastLines struct{ text []byte }

func (l *lastLines) Write(p []byte) (int, error) {
	const most = 64 << 10
	l.text = append(l.text, p...)
	if len(l.text) > most {
		l.text = append([]byte(nil), l.text[len(l.text)-most:]...)
	}
	return len(p), nil
}

// complaint is the first of the lines that tells of an error.
func (l *lastLines) complaint() string {
	last := ""
	for line := range strings.Lines(string(l.text)) {
		if line = strings.TrimSpace(line); strings.Contains(strings.ToLower(line), "error") {
			return line
		} else if line != "" {
			last = line
		}
	}
	return last
}
