package rival

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// CacheEnv names another directory than the user's cache for what was built.
const CacheEnv = "ANNULUS_CACHE"

// cacheDir is where programs are kept that were built. The error says that there is
// no cache.
func cacheDir() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		dir, err := filepath.Abs(dir) // compilers run elsewhere
		return filepath.Join(dir, "rivals"), err
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "annulus", "rivals"), nil
}

// Clean removes all that was built. Concurrent builds fail.
func Clean() error {
	dir, err := cacheDir()
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// place is where r, built with args by the compiler at cc, is or would be: a name made of
// all that decides what the program is.
func (b *Builder) place(r *Rival, cc string, args []string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH, args, r.libs, processor())
	for _, file := range append([]string{cc}, headerFiles(r.header)...) {
		if st, err := os.Stat(file); err == nil {
			fmt.Fprintln(h, file, st.Size(), st.ModTime().UnixNano())
		}
	}
	if err := b.hashSources(h, r); err != nil {
		return "", err
	}
	root, err := b.root()
	if err != nil {
		return "", err
	}
	name := strings.ReplaceAll(r.Name, " ", "-") + "-" + hex.EncodeToString(h.Sum(nil))[:16]
	if spare := filepath.Join(b.spare, name); b.spare != "" && exists(spare) {
		return spare, nil
	}
	return filepath.Join(root, name), nil
}

// hashSources takes the source, every header, and the project's files.
func (b *Builder) hashSources(h io.Writer, r *Rival) error {
	return fs.WalkDir(b.sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inProject := r.project != nil && strings.HasPrefix(name, r.project.dir+"/")
		header := path.Dir(name) == "." && path.Ext(name) == ".h"
		if !inProject && !header && name != r.Source {
			return nil
		}
		text, err := fs.ReadFile(b.sources, name)
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
		return err
	})
}

// root is the cache, or, for whoever has no home, the spare directory.
func (b *Builder) root() (string, error) {
	if b.dir != "" {
		return b.dir, nil
	}
	dir, err := cacheDir()
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		if dir, err = b.spareDir(); err != nil {
			return "", err
		}
	}
	b.dir = dir
	return dir, nil
}

// spareDir is where to build until Close when the cache takes nothing.
func (b *Builder) spareDir() (dir string, err error) {
	if b.spare == "" {
		b.spare, err = os.MkdirTemp("", "ringbench-rivals-")
	}
	return b.spare, err
}

// stage makes a directory with the sources, to build in. Who has moved what was built closes it, which
// removes the directory.
func (b *Builder) stage() (*claim, error) {
	root, err := b.root()
	if err != nil {
		return nil, err
	}
	c, err := newClaim(root, "making-")
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		if root, err = b.spareDir(); err == nil {
			c, err = newClaim(root, "making-")
		}
	}
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(c.dir, b.sources); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// processor is what -march=native depends on.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), "\n\n")
	var known []string
	for line := range strings.Lines(first) {
		for _, name := range []string{"model name", "flags", "Features", "CPU part"} {
			if strings.HasPrefix(line, name) {
				known = append(known, line)
			}
		}
	}
	return strings.Join(known, "")
}

// headerFiles are where compilers look for a header by default.
func headerFiles(header string) []string {
	if header == "" {
		return nil
	}
	return []string{filepath.Join("/usr/local/include", header), filepath.Join("/usr/include", header)}
}
