package rival

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"annulus/cmd/ringbench/internal/rig"
)

// Builder compiles rivals and keeps them in the user's cache, so that each is built once
// for all processes. It belongs to one goroutine; Close removes what the cache
// could not take.
type Builder struct {
	sources fs.FS
	dir     string // "": not chosen yet
	spare   string // "": none is needed
}

// NewBuilder takes the directory of the sources.
func NewBuilder(sources fs.FS) *Builder { return &Builder{sources: sources} }

// Ready tells whether Build would have r for p, which takes it seconds at most. It
// builds nothing. The error is a *Missing, or wraps errors.ErrUnsupported, or tells
// what else went wrong.
func (b *Builder) Ready(ctx context.Context, r *Rival, p *rig.Params) error {
	if r.project != nil {
		_, err := b.prepared(r)
		return err
	}
	compiler, args, bin, err := b.plan(r, p)
	if err != nil || exists(bin) || r.header == "" {
		return err
	}
	probe := []string{args[0], "-fsyntax-only", "-x", "c"}
	if r.cxx {
		probe[3] = "c++"
	}
	runtime.LockOSThread() // see command
	defer runtime.UnlockOSThread()
	out, err := command(ctx, os.TempDir(), compiler, append(probe, "-include", r.header, os.DevNull)...).CombinedOutput()
	if err != nil {
		return compileError(ctx, r, compiler, string(out), err)
	}
	return nil
}

// Build returns the path of the program for r and p, which stands in the cache or is
// compiled; it is valid until Close. The error is as Ready's.
func (b *Builder) Build(ctx context.Context, r *Rival, p *rig.Params) (string, error) {
	if r.project != nil {
		return b.prepared(r)
	}
	compiler, args, bin, err := b.plan(r, p)
	if err != nil || exists(bin) {
		return bin, err
	}
	c, err := b.stage()
	if err != nil {
		return "", err
	}
	bin = c.beside(bin)
	made := filepath.Join(c.dir, "program")
	if err = compile(ctx, r, c.dir, compiler, made, args); err == nil {
		err = os.Rename(made, bin)
	}
	if err = errors.Join(err, c.close()); err != nil {
		return "", err
	}
	return bin, nil
}

// plan says how to compile r for p, and where the program is then.
func (b *Builder) plan(r *Rival, p *rig.Params) (compiler string, args []string, bin string, err error) {
	if err := supported(r); err != nil {
		return "", nil, "", err
	}
	t, std := gcc, "-std=gnu11"
	if r.cxx {
		t, std = gxx, "-std=c++17"
	}
	if compiler, err = t.find(r); err != nil {
		return "", nil, "", err
	}
	args = []string{std, "-O3", "-march=native", "-pthread"}
	if r.sized {
		args = append(args, fmt.Sprintf("-DMSG_SIZE=%d", p.Size), fmt.Sprintf("-DCAPACITY_BYTES=%d", p.Capacity))
	}
	bin, err = b.place(r, compiler, args)
	return compiler, args, bin, err
}

// compile compiles r's source, in dir, to the file made.
func compile(ctx context.Context, r *Rival, dir, compiler, made string, args []string, more ...string) error {
	runtime.LockOSThread() // see command
	defer runtime.UnlockOSThread()
	args = append(args[:len(args):len(args)], "-o", made, filepath.Join(dir, r.Source))
	cmd := command(ctx, dir, compiler, append(append(args, more...), r.libs...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return compileError(ctx, r, compiler, string(out), err)
	}
	return nil
}

// command is a command whose processes an interrupt ends, and which keeps its temporary
// files in dir. It is tied to the life of the thread that starts it, to which the caller has locked its goroutine.
func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	rig.TetherApart(cmd)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	return cmd
}

// Close removes what was built outside the cache.
func (b *Builder) Close() error {
	if b.spare == "" {
		return nil
	}
	return os.RemoveAll(b.spare)
}

func supported(r *Rival) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%s needs Linux: %w", r.Name, errors.ErrUnsupported)
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func compileError(ctx context.Context, r *Rival, compiler, out string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.header != "" && strings.Contains(out, r.header+": No such file") {
		return &Missing{r.Name, "needs " + r.header + ", which is not installed", "apt-get install " + r.debian}
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "error") {
			return fmt.Errorf("%s does not compile %s: %s", filepath.Base(compiler), r.Source, strings.TrimSpace(line))
		}
	}
	return fmt.Errorf("%s does not compile %s: %w", filepath.Base(compiler), r.Source, err)
}
