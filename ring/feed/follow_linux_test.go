package feed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

func init() {
	roles["follow-without-inotify"] = func(args []string) error {
		if err := os.WriteFile("/proc/sys/user/max_inotify_instances", []byte("0"), 0); err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		var told error
		s, err := feed.Follow(args[0], feed.Lines(), feed.Following{Report: func(err error) { told = err }})
		if err != nil {
			return err
		}
		if !errors.Is(told, syscall.EMFILE) || !strings.Contains(told.Error(), "looking every") {
			return fmt.Errorf("reported: %w", told)
		}
		r, err := ring.New(ring.Config{})
		if err != nil {
			return err
		}
		p, err := r.Producer()
		if err != nil {
			return err
		}
		k, err := r.Consumer()
		if err != nil {
			return err
		}
		pump := feed.Into(p, s)
		done := aside(context.Background(), pump)
		if err := os.WriteFile(args[0], []byte("one\n"), 0o600); err != nil {
			return err
		}
		b, err := k.Recv(context.Background(), nil)
		fmt.Printf("%s", b)
		return errors.Join(err, pump.Finish(), <-done, r.Close())
	}
}

// Without inotify the file is looked at now and then, and that is reported.
func TestFollowWithoutInotify(t *testing.T) {
	cmd := testutil.Child(t, "follow-without-inotify", filepath.Join(t.TempDir(), "log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	if err != nil && (errors.Is(err, syscall.EPERM) || strings.Contains(string(out), "namespace: ")) {
		testutil.Absent(t, "no user namespace: %v %s", err, out)
	}
	if err != nil || string(out) != "one" {
		t.Errorf("%v: %s", err, out)
	}
}
