package doctor

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// sound is a machine where every check finds what it should.
func sound() *Machine {
	files := map[string]string{
		"proc/self/mountinfo": "22 27 0:21 / /proc rw,relatime - proc proc rw\n25 24 0:23 / /dev/shm rw,nosuid,nodev shared:3 - tmpfs tmpfs rw,size=24683652k",
		"proc/self/limits": "Limit                     Soft Limit           Hard Limit           Units     \n" +
			"Max file size             unlimited            unlimited            bytes     \nMax open files            1048576              1048576              files     \n" +
			"Max locked memory         unlimited            unlimited            bytes     \nMax msgqueue size         819200               819200               bytes     ",
		"proc/self/status":           "Name:\tringbench\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nSeccomp:\t0\nCpus_allowed_list:\t2-3\n",
		"proc/self/cgroup":           "0::/user.slice/a\n",
		"proc/self/uid_map":          "         0          0 4294967295",
		"proc/meminfo":               "MemTotal: 65536000 kB\nMemAvailable:   65000000 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\nHugePages_Total:       0\nHugePages_Free:        0\n",
		"proc/cpuinfo":               "processor\t: 0\nmodel name\t: A Processor\nflags\t\t: fpu tsc\n",
		"proc/stat":                  "cpu  100 0 100 10000 0 0 0 0 0 0\ncpu0 1\n",
		"proc/sys/kernel/osrelease":  "6.12.1\n",
		"proc/sys/fs/mqueue/msg_max": "10\n", "proc/sys/fs/mqueue/msgsize_max": "8192\n", "proc/sys/fs/mqueue/queues_max": "256\n",
		"proc/sys/kernel/msgmax": "8192\n", "proc/sys/kernel/msgmnb": "16384\n", "proc/sys/kernel/msgmni": "32000\n",
		"proc/sys/fs/pipe-max-size": "1048576\n", "proc/sys/net/core/rmem_max": "4194304\n", "proc/sys/net/core/wmem_max": "212992\n",
		"sys/fs/cgroup/user.slice/a/memory.max": "max\n", "sys/fs/cgroup/user.slice/a/memory.current": "1000\n",
		"sys/fs/cgroup/user.slice/a/cpu.max": "max 100000\n", "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
		"sys/kernel/mm/transparent_hugepage/enabled":       "always [madvise] never\n",
		"sys/kernel/mm/transparent_hugepage/shmem_enabled": "always within_size [advise] never deny force\n",
		"sys/devices/system/cpu/isolated":                  "2-3\n", "sys/devices/system/cpu/nohz_full": "2-3\n",
		"sys/devices/system/cpu/smt/active":                                 "1\n",
		"sys/devices/system/cpu/cpu2/topology/thread_siblings_list":         "0,2\n",
		"sys/devices/system/cpu/cpu3/topology/thread_siblings_list":         "1,3\n",
		"sys/devices/system/cpu/cpu2/cpufreq/scaling_governor":              "performance\n",
		"sys/devices/system/cpu/cpu3/cpufreq/scaling_governor":              "performance\n",
		"sys/devices/system/cpu/intel_pstate/no_turbo":                      "0\n",
		"sys/devices/system/cpu/cpuidle/current_driver":                     "intel_idle\n",
		"sys/devices/system/cpu/cpu2/cpuidle/state0/latency":                "0\n",
		"sys/devices/system/cpu/cpu2/cpuidle/state0/name":                   "POLL\n",
		"sys/devices/system/cpu/cpu2/cpuidle/state1/latency":                "2\n",
		"sys/devices/system/cpu/cpu2/cpuidle/state1/name":                   "C1\n",
		"sys/devices/system/node/node0/cpulist":                             "0-1\n",
		"sys/devices/system/node/node1/cpulist":                             "2-3\n",
		"sys/devices/system/clocksource/clocksource0/current_clocksource":   "tsc\n",
		"sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm\n",
		"run/systemd/system/x":                                              "", "run/systemd/users/x": "",
		"etc/systemd/logind.conf": "[Login]\nRemoveIPC=no\n",
		"etc/passwd":              "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
	}
	root := fstest.MapFS{"dev/shm": {Mode: fs.ModeDir | fs.ModeSticky | 0o777}}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, to := range map[string]string{"proc/self/ns/pid": firstPID, "proc/self/ns/user": firstUser} {
		root[name] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
	}
	attempts := map[string]Attempt{}
	for _, name := range append(featureNames(), "mqueue", "sysv", "huge-pages") {
		attempts[name] = Attempt{}
	}
	return &Machine{
		Root: procRoot{root, "4711"},
		Kernel: Kernel{
			PID: 4711,
			Space: func(string) (Space, error) {
				return Space{Size: 8 << 30, Free: 8 << 30, Inodes: 1000, InodeFree: 900}, nil
			},
			Writable: func(string) error { return nil },
			Clock:    func() time.Duration { return 40 },
			Attempts: func() (map[string]Attempt, error) { return attempts, nil },
		},
		Rings: func() (Rings, error) { return Rings{List: []Ring{{Name: "a", Attached: true}}}, nil },
	}
}

func featureNames() (names []string) {
	for _, f := range features {
		names = append(names, f.name)
	}
	return names
}

// procRoot has a link /proc/self, which a MapFS cannot have beside files below it.
type procRoot struct {
	fstest.MapFS
	self string
}

func (r procRoot) ReadLink(name string) (string, error) {
	if name == "proc/self" {
		if r.self == "" {
			return "", fs.ErrNotExist
		}
		return r.self, nil
	}
	return r.MapFS.ReadLink(name)
}

// change is what a case does to a sound machine.
type change func(m *Machine)

func mapFS(m *Machine) fstest.MapFS { return m.Root.(procRoot).MapFS }

// file replaces or adds one.
func file(name, text string) change {
	return func(m *Machine) { mapFS(m)[name] = &fstest.MapFile{Data: []byte(text)} }
}

// edit replaces text in a file.
func edit(name, old, text string) change {
	return func(m *Machine) {
		was := string(mapFS(m)[name].Data)
		if !strings.Contains(was, old) {
			panic("no " + old + " in " + name)
		}
		file(name, strings.ReplaceAll(was, old, text))(m)
	}
}

// gone removes whatever has that prefix.
func gone(prefix string) change {
	return func(m *Machine) {
		maps.DeleteFunc(mapFS(m), func(name string, _ *fstest.MapFile) bool { return strings.HasPrefix(name, prefix) })
	}
}

func link(name, to string) change {
	return func(m *Machine) {
		mapFS(m)[name] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
	}
}

func room(s Space, err error) change {
	return func(m *Machine) { m.Kernel.Space = func(string) (Space, error) { return s, err } }
}

func tried(name string, a Attempt) change {
	return func(m *Machine) {
		all, _ := m.Kernel.Attempts()
		all[name] = a
	}
}

func untried(m *Machine) {
	m.Kernel.Attempts = func() (map[string]Attempt, error) { return nil, errors.New("no fork") }
}

func rings(r Rings, err error) change {
	return func(m *Machine) { m.Rings = func() (Rings, error) { return r, err } }
}

func clock(d time.Duration) change {
	return func(m *Machine) { m.Kernel.Clock = func() time.Duration { return d } }
}

func (m *Machine) with(changes ...change) *Machine {
	for _, c := range changes {
		c(m)
	}
	return m
}

var refusal = Attempt{Errno: syscall.ENOSYS, Text: "function not implemented"}

// check is the one of a name.
func check(t *testing.T, name string) Check {
	t.Helper()
	all := Checks()
	i := slices.IndexFunc(all, func(c Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %s", name)
	}
	return all[i]
}

func TestSoundMachine(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Examine(sound(), Checks()).Findings {
		if f.Verdict != OK {
			t.Errorf("%s: %v, %s", f.Check, f.Verdict, f.Found)
		}
		if names[f.Check] {
			t.Errorf("two checks %s", f.Check)
		}
		names[f.Check] = true
	}
}

// On a machine of which nothing can be seen, nothing is fine, and nothing panics.
func TestNothingToBeSeen(t *testing.T) {
	m := &Machine{
		Root: fstest.MapFS{},
		Kernel: Kernel{
			Space:    func(string) (Space, error) { return Space{}, syscall.ENOENT },
			Writable: func(string) error { return syscall.ENOENT },
			Clock:    func() time.Duration { return time.Nanosecond },
			Attempts: func() (map[string]Attempt, error) { return nil, errors.New("cannot start") },
		},
		Rings: func() (Rings, error) { return Rings{}, syscall.ENOENT },
	}
	for _, f := range Examine(m, Checks()).Findings {
		if f.Verdict == OK {
			t.Errorf("%s: %v, %s", f.Check, f.Verdict, f.Found)
		}
	}
}

// Each text is one line; what breaks or costs says what to do.
func complete(t *testing.T, f Finding) {
	t.Helper()
	for _, s := range append([]string{f.Found, f.Why, f.Do}, f.Commands...) {
		if strings.ContainsAny(s, "\n\r") || strings.TrimSpace(s) != s {
			t.Errorf("%s: %q is not a line", f.Check, s)
		}
	}
	if f.Found == "" || f.Why == "" || f.Verdict >= Costs && f.Do == "" {
		t.Errorf("%s: incomplete: %+v", f.Check, f)
	}
}
