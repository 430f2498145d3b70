package rival

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/testutil"
)

// Each one, both ways, from a word to many pages.
func TestRivals(t *testing.T) {
	inEach(t, func(t *testing.T, r *Rival) {
		b := newTestBuilder(t)
		seen := map[int]bool{}
		for _, size := range []int{8, 1024, 64 << 10} {
			if size = r.Size(size); seen[size] {
				continue
			}
			seen[size] = true
			for _, kind := range r.kinds {
				t.Run(fmt.Sprintf("%s/%d", kind, size), func(t *testing.T) {
					p := params(t, r, kind, size)
					good(t, r, p, build(t, b, r, p))
				})
			}
		}
	})
}

// good runs a program until something passed in its window, on a machine that does other things too.
func good(t *testing.T, r *Rival, p *rig.Params, bin string) {
	t.Helper()
	out, err := Run(t.Context(), r, bin, p, nil)
	for range 5 {
		if !errors.Is(err, rig.ErrNothing) {
			break
		}
		p.Duration *= 4
		out, err = Run(t.Context(), r, bin, p, nil)
	}
	testutil.Must(t, err)
	if out.Messages == 0 || out.Seconds <= 0 || out.CPUSeconds <= 0 {
		t.Errorf("%+v", out)
	}
	if p.Kind == rig.Throughput {
		return
	}
	l, d := out.Latency, out.Distribution
	if l == nil || l.P50 <= 0 || l.P50 > l.P99 || l.P9999 > l.Max {
		t.Errorf("latency %+v", l)
	}
	if len(d) != len(report.Quantiles) || !slices.IsSorted(d) || d[2] != l.P50 || d[len(d)-1] != l.Max || d[0] <= 0 {
		t.Errorf("distribution %v of %+v", d, l)
	}
}

// Sizes whose last word is cut, where it is stamped and where not, and short ones.
func TestOddSizes(t *testing.T) {
	inEach(t, func(t *testing.T, r *Rival) {
		if r.sized || r.fixed > 0 {
			return
		}
		b := newTestBuilder(t)
		for _, size := range []int{12, 65, 77} {
			p := params(t, r, rig.RoundTrip, size)
			good(t, r, p, build(t, b, r, p))
		}
	})
}

// One bit of one message is wrong: whoever receives it tells, whatever passes it on.
func TestDamageIsFound(t *testing.T) {
	inEach(t, func(t *testing.T, r *Rival) {
		b := newTestBuilder(t)
		for _, kind := range r.kinds {
			p := params(t, r, kind, 1024)
			bin := build(t, b, r, p)
			p.Duration = hangGrace // it ends long before
			_, err := run(t.Context(), r, bin, p, nil, "--spoil", "100")
			wants(t, err, "message 100: the checksum does not fit")
		}
	})
}

func TestCheckSaysWhatARivalCanDo(t *testing.T) {
	wants(t, Find("zmq").Check(&rig.Params{Kind: rig.Throughput, Size: 8, Batch: 32}), "one by one")
	wants(t, Find("boost").Check(&rig.Params{Kind: rig.Throughput, Size: 12}), "multiple of 8")
	wants(t, Find("cflag").Check(&rig.Params{Kind: rig.Throughput, Size: 8}), "expected a round-trip")
	wants(t, Find("nng").Check(&rig.Params{Kind: rig.OneWay, Size: 8}), "throughput and round-trip")
}

// A cache that takes nothing is done without, and nothing is left.
func TestCacheThatTakesNothing(t *testing.T) {
	testutil.Compiler(t, "gcc")
	cache, tmp := t.TempDir(), t.TempDir()
	testutil.Must(t, os.Symlink("/sys/kernel", filepath.Join(cache, "rivals"))) // takes nothing from root either
	t.Setenv(CacheEnv, cache)
	t.Setenv("TMPDIR", tmp)
	b := NewBuilder(os.DirFS("../../rivals"))
	r := Find("cpipe")
	p := params(t, r, rig.RoundTrip, 8)
	first := build(t, b, r, p)
	if again := build(t, b, r, p); again != first || !strings.HasPrefix(first, tmp) {
		t.Errorf("%s, then %s, want twice the same in %s", first, again, tmp)
	}
	good(t, r, p, first)
	wants(t, b.Prepare(t.Context(), toolless(Find("iceoryx2")), t.Output()), CacheEnv+"=DIR")
	testutil.Must(t, b.Close())
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// toolless is r where all tools are there.
func toolless(r *Rival) *Rival {
	bare := *r
	project := *r.project
	project.tools, project.run = nil, nil
	bare.project = &project
	return &bare
}

// The cache may be named from where ringbench was started; compilers run elsewhere.
func TestCacheByARelativePath(t *testing.T) {
	testutil.Compiler(t, "gcc")
	sources, err := filepath.Abs("../../rivals")
	testutil.Must(t, err)
	t.Chdir(t.TempDir())
	t.Setenv(CacheEnv, "cache")
	b := NewBuilder(os.DirFS(sources))
	r := Find("cpipe")
	p := params(t, r, rig.RoundTrip, 8)
	good(t, r, p, build(t, b, r, p))
}

// What is not installed is named, with the command that installs it.
func TestMissing(t *testing.T) {
	cc := testutil.Compiler(t, "gcc")
	missing := func(b *Builder, r *Rival, do string) {
		t.Helper()
		_, err := b.Build(t.Context(), r, params(t, r, rig.RoundTrip, 8))
		for _, err := range []error{err, b.Ready(t.Context(), r, params(t, r, rig.RoundTrip, 8))} {
			var m *Missing
			if !errors.As(err, &m) || m.Name != r.Name || m.Why == "" || m.Do != do {
				t.Errorf("%s: expected %q, found %v", r.Name, do, err)
			}
		}
	}
	sources := fstest.MapFS{"no.c": {Data: []byte("#include <annulus/no.h>\n")}}
	b := NewBuilder(sources)
	missing(b, &Rival{Name: "no", Source: "no.c", header: "annulus/no.h", debian: "libno-dev", kinds: answer}, "apt-get install libno-dev")
	if cc == "" {
		return
	}
	t.Setenv(CacheEnv, t.TempDir()) // nothing is built there
	t.Setenv("PATH", t.TempDir())
	b = newTestBuilder(t)
	missing(b, Find("zmq"), "apt-get install gcc")
	missing(b, Find("boost"), "apt-get install g++")
	missing(b, Find("aeron"), "apt-get install gcc && apt-get install default-jdk-headless && apt-get install maven && ringbench rivals --build")
	missing(b, Find("iceoryx2"), "apt-get install gcc && curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh && ringbench rivals --build")
	wants(t, b.Prepare(t.Context(), Find("aeron"), t.Output()), "apt-get install")
}
