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

// Builder compiles rivals into a temporary directory, each at most once. It
// belongs to one goroutine; Close removes the directory.
type Builder struct {
	sources fs.FS
	dir     string
	built   map[string]string
}

// NewBuilder takes the directory of the sources.
func NewBuilder(sources fs.FS) *Builder {
	return &Builder{sources: sources, built: map[string]string{}}
}

// Build compiles r for p and returns the path of the program, which is valid
// until Close. Where the compiler or boost is missing, the error names the
// package that has it.
func (b *Builder) Build(ctx context.Context, r *Rival, p *rig.Params) (string, error) {
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("%s needs Linux: %w", r.Name, errors.ErrUnsupported)
	}
	compiler, std := "gcc", "-std=gnu11"
	if r.cxx {
		compiler, std = "g++", "-std=c++17"
	}
	args := []string{std, "-O3", "-march=native", "-pthread"}
	if r.sized {
		args = append(args, fmt.Sprintf("-DMSG_SIZE=%d", p.Size), fmt.Sprintf("-DCAPACITY_BYTES=%d", p.Capacity))
	}
	key := r.Name + strings.Join(args, " ")
	if bin := b.built[key]; bin != "" {
		return bin, nil
	}
	if _, err := exec.LookPath(compiler); err != nil {
		return "", fmt.Errorf("%s needs %s, which is not installed: apt-get install %s", r.Name, compiler, compiler)
	}
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "ringbench-rivals-")
		if err != nil {
			return "", err
		}
		b.dir = dir
		if err := os.CopyFS(dir, b.sources); err != nil {
			return "", err
		}
	}
	bin := filepath.Join(b.dir, fmt.Sprintf("%s-%d", strings.ReplaceAll(r.Name, " ", "-"), len(b.built)))
	cmd := exec.CommandContext(ctx, compiler, append(args, "-o", bin, filepath.Join(b.dir, r.Source))...)
	// The compiler is several processes with temporary files: an interrupt ends
	// all of them, and what they leave lies in our directory.
	cmd.Env = append(os.Environ(), "TMPDIR="+b.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", compileError(ctx, r, compiler, string(out), err)
	}
	b.built[key] = bin
	return bin, nil
}

// Close removes what was built.
func (b *Builder) Close() error {
	if b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.dir)
}

func compileError(ctx context.Context, r *Rival, compiler, out string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if strings.Contains(out, "boost/") && strings.Contains(out, "No such file") {
		return fmt.Errorf("%s needs boost's headers, which are not installed: apt-get install libboost-dev", r.Name)
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "error") {
			return fmt.Errorf("%s does not compile %s: %s", compiler, r.Source, strings.TrimSpace(line))
		}
	}
	return fmt.Errorf("%s does not compile %s: %w", compiler, r.Source, err)
}
