package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"annulus/internal/cpu"
)

// Machine is what the checks look at. Tests make up their own.
type Machine struct {
	Root   fs.FS // the file system from "/" on: /proc, /sys, /etc, /dev/shm
	Kernel Kernel
	Rings  func() (Rings, error)
}

// Kernel is what no file says.
type Kernel struct {
	PID      int
	Space    func(path string) (Space, error)
	Writable func(path string) error // nil: this user may make files there
	Clock    func() time.Duration    // what reading the clock costs
	Attempts func() (map[string]Attempt, error)
}

// Space is what there is in a file system.
type Space struct {
	Size, Free        uint64 // bytes, for this user
	Inodes, InodeFree uint64 // 0 Inodes: no limit
}

// Rings are those in shared memory.
type Rings struct {
	List       []Ring
	Unreadable int // objects that may be rings, of other users
}

// Ring is one of them.
type Ring struct {
	Name     string
	Size     int64
	Waiting  uint64   // messages
	Attached bool     // somebody is
	Dead     bool     // a side was killed, and has no successor
	Claims   int      // of dead ones, not settled
	Stopped  []string // "producer 4711"
	Error    string   // it is a ring, and cannot be opened
}

// text is the content of a file, without blanks around it.
func (m *Machine) text(name string) (string, error) {
	b, err := fs.ReadFile(m.Root, strings.TrimPrefix(name, "/"))
	return strings.TrimSpace(string(b)), err
}

// line is text, and "" where there is none.
func (m *Machine) line(name string) string {
	s, err := m.text(name)
	if err != nil {
		return ""
	}
	return s
}

// number is a file that holds one, or a table of them, of which it is the first.
func (m *Machine) number(name string) (uint64, bool) {
	fields := strings.Fields(m.line(name))
	if len(fields) == 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(fields[0], 10, 64)
	return n, err == nil
}

// link is where a symbolic link leads.
func (m *Machine) link(name string) (string, error) {
	return fs.ReadLink(m.Root, strings.TrimPrefix(name, "/"))
}

func (m *Machine) exists(name string) bool {
	_, err := fs.Stat(m.Root, strings.TrimPrefix(name, "/"))
	return err == nil
}

// glob lists paths, in order.
func (m *Machine) glob(pattern string) []string {
	list, err := fs.Glob(m.Root, strings.TrimPrefix(pattern, "/"))
	if err != nil {
		panic(err) // a pattern of this package that is none
	}
	return list
}

// entry is the value of "key: value" in a file of such lines.
func (m *Machine) entry(name, key string) (string, bool) {
	for line := range strings.Lines(m.line(name)) {
		k, v, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// kilobytes is an entry of /proc/meminfo, in bytes.
func (m *Machine) kilobytes(key string) (uint64, bool) {
	v, found := m.entry("/proc/meminfo", key)
	n, err := strconv.ParseUint(strings.TrimSuffix(v, " kB"), 10, 54)
	return n << 10, found && err == nil
}

// status is an entry of /proc/self/status.
func (m *Machine) status(key string) string {
	v, _ := m.entry("/proc/self/status", key)
	return v
}

// uid is the effective user; -1 where it cannot be told.
func (m *Machine) uid() int {
	fields := strings.Fields(m.status("Uid"))
	if len(fields) < 2 {
		return -1
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil {
		return -1
	}
	return n
}

// unlimited is a limit that is none.
const unlimited = ^uint64(0)

// limit is a soft limit of this process, by its name in /proc/self/limits.
func (m *Machine) limit(name string) (uint64, bool) {
	for line := range strings.Lines(m.line("/proc/self/limits")) {
		rest, found := strings.CutPrefix(line, name+" ")
		fields := strings.Fields(rest)
		if !found || len(fields) == 0 {
			continue
		}
		if fields[0] == "unlimited" {
			return unlimited, true
		}
		n, err := strconv.ParseUint(fields[0], 10, 64)
		return n, err == nil
	}
	return 0, false
}

// cpus is a list such as "0-3,8"; nil for what is no such list.
func cpus(list string) []int {
	all, err := cpu.ParseList(list)
	if err != nil {
		return nil
	}
	return all
}

// allowed are the CPUs that this process may run on.
func (m *Machine) allowed() []int { return cpus(m.status("Cpus_allowed_list")) }

const cpuDir = "/sys/devices/system/cpu"

// perCPU is a file of each allowed CPU that has it.
func (m *Machine) perCPU(name string) map[int]string {
	all := map[int]string{}
	for _, c := range m.allowed() {
		if s, err := m.text(path.Join(cpuDir, fmt.Sprint("cpu", c), name)); err == nil {
			all[c] = s
		}
	}
	return all
}

// virtual tells whether a hypervisor is below.
func (m *Machine) virtual() bool {
	flags, _ := m.entry("/proc/cpuinfo", "flags")
	return strings.Contains(" "+flags+" ", " hypervisor ") || m.line("/sys/hypervisor/type") != ""
}

// describe is one line for the head of the report.
func (m *Machine) describe() string {
	kernel := m.line("/proc/sys/kernel/osrelease")
	if kernel == "" {
		kernel = "of unknown release"
	}
	model, found := m.entry("/proc/cpuinfo", "model name")
	if !found {
		model = "unknown processor"
	}
	return fmt.Sprintf("Linux %s, %s, %d CPUs allowed, uid %d", kernel, model, len(m.allowed()), m.uid())
}

// bytes prints a size: 512 B, 64.0 KiB, 1.0 GiB.
func bytes(n uint64) string {
	if n == unlimited {
		return "unlimited"
	}
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if v /= 1 << 10; v < 1<<10 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
