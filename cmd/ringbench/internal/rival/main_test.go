package rival

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/cpu"
	"annulus/internal/testutil"
)

// all tells whether those are tested too that take minutes to build and need a registry.
func all() bool { return os.Getenv("ANNULUS_RIVALS") == "all" }

const prefix = "rival-test-"

func TestMain(m *testing.M) {
	if parent := os.Getenv(parentEnv); parent != "" {
		namesPrefix = parent
	} else {
		namesPrefix = fmt.Sprintf("%s%d-", prefix, os.Getpid())
		os.Setenv(parentEnv, namesPrefix)
		testutil.MustGo(namesDir + "/" + namesPrefix + "*")
	}
	var cache string
	if os.Getenv(CacheEnv) == "" && !all() {
		dir, err := os.MkdirTemp("", "annulus-cache-")
		if err != nil {
			panic(err)
		}
		cache = dir
		os.Setenv(CacheEnv, dir)
	}
	testutil.Main(m, roles, func() {
		if cache != "" {
			os.RemoveAll(cache)
		}
	})
}

// parentEnv has the prefix of the test that a role belongs to.
const parentEnv = "RIVAL_TEST_PREFIX"

var roles = testutil.Roles{"run": func(args []string) error {
	_, err := Run(context.Background(), fakeRival, args[0], &rig.Params{Kind: rig.RoundTrip, Size: 8, Duration: time.Hour}, nil)
	return err
}}

func newTestBuilder(t *testing.T) *Builder {
	b := NewBuilder(os.DirFS("../../rivals"))
	t.Cleanup(func() { testutil.Must(t, b.Close()) })
	return b
}

// build builds r for p, or ends the test for want of what that takes.
func build(t *testing.T, b *Builder, r *Rival, p *rig.Params) string {
	t.Helper()
	if all() {
		testutil.Must(t, b.Prepare(t.Context(), r, t.Output()))
	}
	bin, err := b.Build(t.Context(), r, p)
	if m, ok := err.(*Missing); ok {
		testutil.Absent(t, "%v", m)
	}
	testutil.Must(t, err)
	return bin
}

// params are those of a short run, sealed.
func params(t *testing.T, r *Rival, kind rig.Kind, size int) *rig.Params {
	t.Helper()
	p := &rig.Params{Kind: kind, Size: r.Size(size), Batch: 1, Capacity: 1 << 20, Sealed: true, WarmUp: 10 * time.Millisecond, Duration: 50 * time.Millisecond}
	if cpus, err := cpu.Allowed(); err == nil && len(cpus) > 1 {
		p.CPUs = cpus[:2]
	}
	testutil.Must(t, r.Check(p))
	return p
}

// inEach runs a test with each rival that this run is to test.
func inEach(t *testing.T, test func(t *testing.T, r *Rival)) {
	for _, r := range All {
		if r.OnDemand() || all() {
			t.Run(r.Name, func(t *testing.T) { test(t, r) })
		}
	}
}

func wants(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("expected an error with %q, found %v", text, err)
	}
}
