package doctor

import (
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

const (
	cpuPath   = "sys/devices/system/cpu/"
	groupPath = "sys/fs/cgroup/user.slice/a/"
)

// cases are machines that differ from the sound one in one thing, and what is to be said of it.
var cases = []struct {
	check  string
	change []change
	want   Verdict
	says   string // in what was found, or what to do
}{
	{"shm-mount", []change{gone("dev/shm")}, Breaks, "no directory /dev/shm"},
	{"shm-mount", []change{edit("proc/self/mountinfo", "rw,nosuid,nodev", "ro,nosuid")}, Breaks, "read-only"},
	{"shm-mount", []change{edit("proc/self/mountinfo", "tmpfs rw,size", "tmpfs ro,size")}, Breaks, "read-only"},
	{"shm-mount", []change{edit("proc/self/mountinfo", "- tmpfs", "- nfs4")}, Breaks, "on nfs4"},
	{"shm-mount", []change{edit("proc/self/mountinfo", "- tmpfs", "- fuse.sshfs")}, Breaks, "on fuse.sshfs"},
	{"shm-mount", []change{edit("proc/self/mountinfo", "- tmpfs", "- ext4")}, Costs, "on ext4"},
	{"shm-mount", []change{edit("proc/self/mountinfo", " /dev/shm ", " /elsewhere ")}, Costs, "nothing is mounted"},
	{"shm-mount", []change{gone("proc/self/mountinfo")}, Unknown, "mountinfo"},
	{"shm-space", []change{room(Space{Size: 64 << 20, Free: 1 << 20}, nil)}, Breaks, "1.0 MiB free of 64.0 MiB"},
	{"shm-space", []change{room(Space{Size: 64 << 20, Free: 63 << 20}, nil)}, Costs, "--shm-size"},
	{"shm-space", []change{room(Space{}, syscall.EACCES)}, Unknown, "permission denied"},
	{"shm-files", []change{room(Space{Inodes: 10}, nil)}, Breaks, "no other"},
	{"shm-files", []change{room(Space{Inodes: 10, InodeFree: 9}, nil)}, Costs, "9 files more"},
	{"shm-files", []change{room(Space{}, nil)}, OK, "no limit"},
	{"shm-files", []change{room(Space{}, syscall.EACCES)}, Unknown, "permission denied"},
	{"shm-access", []change{func(m *Machine) { m.Kernel.Writable = func(string) error { return syscall.EACCES } }}, Breaks, "chmod"},
	{"shm-access", []change{func(m *Machine) { mapFS(m)["dev/shm"] = &fstest.MapFile{Mode: fs.ModeDir | 0o777} }}, Costs, "sticky"},
	{"shm-access", []change{func(m *Machine) { mapFS(m)["dev/shm"] = &fstest.MapFile{Mode: fs.ModeDir | 0o755} }}, OK, ""},
	{"shm-access", []change{gone("dev/shm")}, Unknown, "not exist"},
	{"file-size", []change{edit("proc/self/limits", "Max file size             unlimited", "Max file size             65536    ")}, Breaks, "64.0 KiB"},
	{"file-size", []change{edit("proc/self/limits", "Max file size             unlimited", "Max file size             1073741824")}, Costs, "1.0 GiB"},
	{"file-size", []change{gone("proc/self/limits")}, Unknown, "limits"},
	{"open-files", []change{edit("proc/self/limits", "1048576", "32")}, Breaks, "32 files"},
	{"open-files", []change{edit("proc/self/limits", "1048576", "256")}, Costs, "256 files"},
	{"open-files", []change{edit("proc/self/limits", "1048576", "unlimited")}, OK, "any number"},
	{"open-files", []change{gone("proc/self/limits")}, Unknown, "limits"},
	{"memory", []change{edit("proc/meminfo", "65000000", "500")}, Breaks, "500.0 KiB of memory"},
	{"memory", []change{edit("proc/meminfo", "65000000", "20000")}, Costs, "19.5 MiB"},
	{"memory", []change{gone("proc/meminfo")}, Unknown, "meminfo"},
	{"cgroup-memory", []change{file(groupPath+"memory.max", "1048576"), file(groupPath+"memory.current", "1000000")}, Breaks, "47.4 KiB left of 1.0 MiB"},
	{"cgroup-memory", []change{file(groupPath+"memory.max", "104857600"), file(groupPath+"memory.current", "1000000")}, Costs, "--memory"},
	{"cgroup-memory", []change{file("sys/fs/cgroup/user.slice/memory.max", "104857600")}, Costs, "/sys/fs/cgroup/user.slice has"},
	{"cgroup-memory", []change{file(groupPath+"memory.max", "1099511627776")}, OK, "left"},
	{"cgroup-memory", []change{gone("sys/fs/cgroup")}, Unknown, "no control group"},
	{"cgroup-memory", []change{file("proc/self/cgroup", "4:memory:/docker/1\n0::/\n"), file("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "2097152"), file("sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "2000000")}, Breaks, "left of 2.0 MiB"},
	{"cgroup-memory", []change{file("proc/self/cgroup", "4:memory:/docker/1\n"), file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")}, OK, "no control group limits"},
	{"swap", []change{edit("proc/meminfo", "SwapTotal:             0", "SwapTotal:       1048576")}, Costs, "1.0 GiB of swap"},
	{"swap", []change{gone("proc/meminfo")}, Unknown, "meminfo"},
	{"locked-memory", []change{edit("proc/self/limits", "Max locked memory         unlimited", "Max locked memory         65536")}, Costs, "64.0 KiB"},
	{"locked-memory", []change{edit("proc/self/limits", "Max locked memory         unlimited", "Max locked memory         8388608")}, OK, "8.0 MiB"},
	{"locked-memory", []change{gone("proc/self/limits"), edit("proc/self/status", "0000000000000000", "0000000000004000")}, OK, "CAP_IPC_LOCK"},
	{"locked-memory", []change{gone("proc/self/limits")}, Unknown, "limits"},
	{"huge-pages", []change{tried("huge-pages", refusal), edit(thpDir[1:]+"/shmem_enabled", "[advise] never deny", "advise never [deny]")}, Costs, "denied"},
	{"huge-pages", []change{tried("huge-pages", refusal)}, Costs, "got no huge pages: function not implemented"},
	{"huge-pages", []change{gone(thpDir[1:])}, Costs, "no transparent huge pages"},
	{"huge-pages", []change{edit("proc/meminfo", "HugePages_Total:       0\nHugePages_Free:        0", "HugePages_Total:       8\nHugePages_Free:        3")}, OK, "3 of 8 explicit ones free"},
	{"huge-pages", []change{untried}, Unknown, "not tried"},
	{"cpus", []change{edit("proc/self/status", "2-3", "5")}, Costs, "never spin"},
	{"cpus", []change{gone("proc/self/status")}, Unknown, "status"},
	{"cpu-quota", []change{file(groupPath+"cpu.max", "150000 100000"), file(groupPath+"cpu.stat", "usage_usec 1\nnr_throttled 17\n")}, Costs, "1.5 CPUs of 2, and was stopped for that 17 times"},
	{"cpu-quota", []change{file("sys/fs/cgroup/user.slice/cpu.max", "50000 100000")}, Costs, "/sys/fs/cgroup/user.slice may use 0.5 CPUs"},
	{"cpu-quota", []change{file(groupPath+"cpu.max", "400000 100000")}, OK, "4 CPUs"},
	{"cpu-quota", []change{file("proc/self/cgroup", "1:cpu,cpuacct:/x\n"), file("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000"), file("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000")}, Costs, "1 CPUs of 2"},
	{"cpu-quota", []change{file("proc/self/cgroup", "1:cpu,cpuacct:/x\n"), file("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1"), file("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000")}, OK, "no control group limits"},
	{"cpu-quota", []change{gone("sys/fs/cgroup")}, Unknown, "no control group"},
	{"virtual", []change{edit("proc/cpuinfo", "fpu tsc", "fpu tsc hypervisor")}, Costs, "0.00 %"},
	{"virtual", []change{file("proc/stat", "cpu  100 0 100 700 0 0 0 100 0 0\n")}, Costs, "10.00 % of the time since boot was stolen"},
	{"virtual", []change{file("proc/stat", "intr 1\n")}, Unknown, "/proc/stat"},
	{"isolation", []change{file(cpuPath+"isolated", ""), file(cpuPath+"nohz_full", "(null)")}, Costs, "no CPU is isolated"},
	{"isolation", []change{file(cpuPath+"isolated", "")}, Costs, "without ticks: 2-3"},
	{"isolation", []change{file(cpuPath+"isolated", "8-9")}, Costs, "taskset -c 8-9"},
	{"isolation", []change{gone(cpuPath + "nohz_full")}, Costs, "ticks on all"},
	{"isolation", []change{gone(cpuPath + "isolated")}, Unknown, "isolated"},
	{"smt", []change{file(cpuPath+"cpu2/topology/thread_siblings_list", "2-3"), file(cpuPath+"cpu3/topology/thread_siblings_list", "2-3")}, Costs, "one core"},
	{"smt", []change{edit("proc/self/status", "2-3", "0,2-3"), file(cpuPath+"cpu0/topology/thread_siblings_list", "0,2")}, OK, "ringbench topo"},
	{"smt", []change{gone(cpuPath + "cpu2/topology"), gone(cpuPath + "cpu3/topology")}, Unknown, "share a core"},
	{"smt", []change{file(cpuPath+"smt/active", "0")}, OK, "no two"},
	{"numa", []change{edit("proc/self/status", "2-3", "1-2"), file("proc/sys/kernel/numa_balancing", "1")}, Costs, "numa_balancing=0"},
	{"numa", []change{edit("proc/self/status", "2-3", "1-2")}, Costs, "2 NUMA nodes"},
	{"numa", []change{gone("sys/devices/system/node")}, Unknown, "how memory lies"},
	{"governor", []change{file(cpuPath+"cpu3/cpufreq/scaling_governor", "powersave")}, Costs, "performance and powersave"},
	{"governor", []change{gone(cpuPath + "cpu2/cpufreq"), gone(cpuPath + "cpu3/cpufreq")}, Unknown, "firmware"},
	{"governor", []change{gone(cpuPath + "cpu2/cpufreq"), gone(cpuPath + "cpu3/cpufreq"), edit("proc/cpuinfo", "tsc", "tsc hypervisor")}, Unknown, "host"},
	{"turbo", []change{file(cpuPath+"intel_pstate/no_turbo", "1")}, Costs, "no_turbo"},
	{"turbo", []change{gone(cpuPath + "intel_pstate"), file(cpuPath+"cpufreq/boost", "0")}, Costs, "boost is off"},
	{"turbo", []change{gone(cpuPath + "intel_pstate"), file(cpuPath+"cpufreq/boost", "1")}, OK, "on"},
	{"turbo", []change{gone(cpuPath + "intel_pstate")}, Unknown, "not to be seen"},
	{"idle-states", []change{file(cpuPath+"cpu3/cpuidle/state2/latency", "133"), file(cpuPath+"cpu3/cpuidle/state2/name", "C6")}, Costs, "C6, 133 us"},
	{"idle-states", []change{file(cpuPath+"cpu3/cpuidle/state2/latency", "133"), file(cpuPath+"cpu3/cpuidle/state2/disable", "1")}, OK, "C1, 2 us"},
	{"idle-states", []change{edit("proc/cpuinfo", "tsc", "tsc hypervisor")}, OK, "the host does"},
	{"idle-states", []change{gone(cpuPath + "cpu2/cpuidle")}, Unknown, "intel_idle"},
	{"idle-states", []change{gone(cpuPath + "cpu2/cpuidle"), edit("proc/cpuinfo", "tsc", "tsc hypervisor")}, Unknown, "hypervisor"},
	{"clock", []change{edit("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc", "hpet")}, Costs, "echo tsc"},
	{"clock", []change{clock(900 * time.Nanosecond), edit("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc ", "")}, Costs, "900 ns"},
	{"clock", []change{gone("sys/devices/system/clocksource")}, Unknown, "40 ns"},
	{"proc", []change{func(m *Machine) { m.Root = procRoot{mapFS(m), ""} }}, Breaks, "another PID namespace"},
	{"proc", []change{func(m *Machine) { m.Root = procRoot{mapFS(m), "12"} }}, Breaks, "12, its pid is 4711"},
	{"proc", []change{gone("proc"), func(m *Machine) { m.Root = procRoot{mapFS(m), ""} }}, Breaks, "no /proc"},
	{"proc", []change{edit("proc/self/mountinfo", "proc proc rw", "proc proc rw,hidepid=invisible")}, Costs, "hidepid=invisible"},
	{"pid-namespace", []change{link("proc/self/ns/pid", "pid:[4026532201]")}, Costs, "locks hold across"},
	{"pid-namespace", []change{gone("proc/self/ns")}, Unknown, "ns/pid"},
	{"user-namespace", []change{link("proc/self/ns/user", "user:[4026532200]"), file("proc/self/uid_map", "0 100000 65536")}, Costs, "0 here for 100000 (65536 of them)"},
	{"user-namespace", []change{link("proc/self/ns/user", "user:[4026532200]")}, OK, ""},
	{"user-namespace", []change{gone("proc/self/ns")}, Unknown, "ns/user"},
	{"seccomp", []change{edit("proc/self/status", "Seccomp:\t0", "Seccomp:\t2"), tried("membarrier", refusal), tried("sysv", refusal)}, Costs, "refused: membarrier, sysv"},
	{"seccomp", []change{edit("proc/self/status", "Seccomp:\t0", "Seccomp:\t2")}, OK, "refuses nothing"},
	{"seccomp", []change{edit("proc/self/status", "Seccomp:\t0", "Seccomp:\t2"), untried}, Unknown, "no fork"},
	{"seccomp", []change{gone("proc/self/status")}, Unknown, "says nothing"},
	{"membarrier", []change{tried("membarrier", Attempt{Text: "it is switched off"})}, Costs, "EXPEDITED): it is switched off"},
	{"membarrier", []change{tried("membarrier", Attempt{Died: true, Text: "ended: bad system call"}), edit("proc/self/status", "Seccomp:\t0", "Seccomp:\t2")}, Costs, "SystemCallFilter"},
	{"pidfd", []change{tried("pidfd", refusal)}, Costs, "kill -9"},
	{"mapping", []change{tried("mapping", Attempt{Errno: syscall.ENOSPC, Text: "no space left on device"})}, Breaks, "see shm-mount"},
	{"inotify", []change{tried("inotify", Attempt{Errno: syscall.EMFILE, Text: "too many open files"})}, Costs, "max_user_instances"},
	{"eventfd", []change{tried("eventfd", Attempt{Errno: syscall.EMFILE, Text: "too many open files"})}, Costs, "another strategy"},
	{"remove-ipc", []change{edit("etc/systemd/logind.conf", "RemoveIPC=no", "#RemoveIPC=yes")}, Breaks, "loginctl enable-linger ann"},
	{"remove-ipc", []change{edit("etc/systemd/logind.conf", "RemoveIPC=no", "#RemoveIPC=no")}, OK, "removes nothing"},
	{"remove-ipc", []change{gone("etc/systemd")}, Breaks, "RemoveIPC=yes"},
	{"remove-ipc", []change{file("etc/systemd/logind.conf.d/10-ipc.conf", "[Login]\nRemoveIPC=true\n")}, Breaks, "RemoveIPC=yes"},
	{"remove-ipc", []change{file("etc/systemd/logind.conf.d/10-ipc.conf", "[Login]\nRemoveIPC=yes\n"), file("usr/lib/systemd/logind.conf.d/20-ipc.conf", "[Login]\nRemoveIPC=off\n")}, OK, "removes nothing"},
	{"remove-ipc", []change{file("etc/systemd/logind.conf.d/10-ipc.conf", ""), file("usr/lib/systemd/logind.conf.d/10-ipc.conf", "[Login]\nRemoveIPC=yes\n")}, OK, "removes nothing"},
	{"remove-ipc", []change{gone("etc/systemd"), file("var/lib/systemd/linger/ann", "")}, OK, "ann lingers"},
	{"remove-ipc", []change{gone("etc/systemd"), file("etc/login.defs", "SYS_UID_MAX\t\t1000\n")}, OK, "ordinary users"},
	{"remove-ipc", []change{gone("etc/systemd"), gone("etc/passwd")}, Breaks, "loginctl enable-linger 1000"},
	{"remove-ipc", []change{gone("etc/systemd"), gone("run/systemd")}, OK, "does not run"},
	{"remove-ipc", []change{gone("proc/self/status")}, Unknown, "which user"},
	{"message-queues", []change{file("proc/sys/fs/mqueue/msg_max", "4")}, Costs, "sysctl -w fs.mqueue.msg_max=10"},
	{"message-queues", []change{edit("proc/self/limits", "819200", "8192")}, Costs, "ulimit -q"},
	{"message-queues", []change{tried("mqueue", refusal)}, Costs, "cannot be had"},
	{"message-queues", []change{gone("proc/sys/fs/mqueue")}, Unknown, "cannot be read"},
	{"system-v", []change{file("proc/sys/kernel/msgmnb", "1024")}, Costs, "sysctl -w kernel.msgmnb=16384"},
	{"system-v", []change{tried("sysv", refusal)}, Costs, "cannot be had"},
	{"system-v", []change{gone("proc/sys/kernel/msg")}, Unknown, "cannot be read"},
	{"pipes", []change{file("proc/sys/fs/pipe-max-size", "4096")}, Costs, "sysctl -w fs.pipe-max-size=1048576"},
	{"pipes", []change{gone("proc/sys/fs/pipe")}, Unknown, "cannot be read"},
	{"sockets", []change{file("proc/sys/net/core/rmem_max", "212992")}, Costs, "sysctl -w net.core.rmem_max=1048576"},
	{"sockets", []change{gone("proc/sys/net")}, Unknown, "cannot be read"},
	{"left-rings", []change{rings(Rings{List: []Ring{{Name: "a b", Dead: true, Size: 2 << 20, Waiting: 3}}}, nil)}, Costs, "ringbench remove 'a b'"},
	{"left-rings", []change{rings(Rings{List: []Ring{{Name: "jobs", Dead: true, Attached: true, Claims: 2}}}, nil)}, Costs, "ringbench repair jobs"},
	{"left-rings", []change{rings(Rings{List: []Ring{{Name: "jobs", Dead: true, Attached: true}}}, nil)}, OK, "1 rings"},
	{"left-rings", []change{rings(Rings{List: []Ring{{Name: "x", Attached: true, Stopped: []string{"producer 12"}}}}, nil)}, Costs, "waits for producer 12, stopped"},
	{"left-rings", []change{rings(Rings{List: []Ring{{Name: "x\n\x1b[2J", Error: "newer layout"}}}, nil)}, Costs, `$'x\x0a\x1b[2J' cannot be opened: newer layout`},
	{"left-rings", []change{rings(Rings{Unreadable: 2}, nil)}, Unknown, "2 objects of other users"},
	{"left-rings", []change{rings(Rings{}, syscall.EACCES)}, Unknown, "permission denied"},
}

func TestVerdicts(t *testing.T) {
	for _, c := range cases {
		f := Examine(sound().with(c.change...), []Check{check(t, c.check)}).Findings[0]
		complete(t, f)
		if all := strings.Join(append(f.Commands, f.Found, f.Do), "\n"); f.Verdict != c.want || !strings.Contains(all, c.says) {
			t.Errorf("%s: %v, want %v with %q:\n%s", c.check, f.Verdict, c.want, c.says, all)
		}
	}
}

// What is tried is refused by a kernel without it, by a filter, or not tried at all.
func TestFeatures(t *testing.T) {
	for _, feature := range features {
		look := []Check{check(t, feature.name)}
		one := func(changes ...change) Finding { return Examine(sound().with(changes...), look).Findings[0] }
		filtered := edit("proc/self/status", "Seccomp:\t0", "Seccomp:\t2")
		f := one(tried(feature.name, refusal))
		complete(t, f)
		if f.Verdict != feature.without || !strings.Contains(f.Do, "Linux "+feature.since) || !strings.Contains(f.Found, refusal.Text) {
			t.Errorf("%+v", f)
		}
		f = one(tried(feature.name, Attempt{Errno: syscall.EPERM, Text: "operation not permitted"}), filtered)
		complete(t, f)
		if f.Verdict != feature.without || !strings.Contains(f.Do, "seccomp=") {
			t.Errorf("%+v", f)
		}
		if f = one(untried); f.Verdict != Unknown {
			t.Errorf("%+v", f)
		}
	}
}

// Every check is tried with at least one verdict beside ok.
func TestEveryCheckIsTested(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range cases {
		tested[c.check] = tested[c.check] || c.want != OK
	}
	for _, c := range Checks() {
		if !tested[c.Name] && !isFeature(c.Name) {
			t.Errorf("no machine is tested that %s finds fault with", c.Name)
		}
	}
}

func isFeature(name string) bool {
	for _, f := range features {
		if f.name == name {
			return true
		}
	}
	return false
}

func TestCollect(t *testing.T) {
	all := map[string]Attempt{}
	open := collect("try a\ngot 0 \ntry b\ngot 38 function not implemented\ntry c\nnoise\n", all)
	if open != "c" || len(all) != 2 || all["a"].refused() || all["b"] != refusal {
		t.Errorf("%q, %+v", open, all)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"a.b-c_1": "a.b-c_1", "a b": "'a b'", "it's": `'it'\''s'`, "-x": "'-x'", "$(reboot)": "'$(reboot)'",
		"a\nb": `$'a\x0ab'`, "\xff'": `$'\xff\x27'`,
	} {
		if got := quoted(name); got != want {
			t.Errorf("%q is quoted %s, want %s", name, got, want)
		}
	}
}

func TestCPULists(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 1, "0-3,8": 5, "3-1": 0, "x": 0, "0,": 0, "0-99999999": 0} {
		if got := len(cpus(text)); got != want {
			t.Errorf("%q: %d CPUs, want %d", text, got, want)
		}
	}
}
