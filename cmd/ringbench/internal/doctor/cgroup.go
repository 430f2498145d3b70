package doctor

import (
	"path"
	"strconv"
	"strings"
)

const cgroupDir = "/sys/fs/cgroup"

// cgroups are the directories of this process' control group and those above it, the
// nearest first, for a controller: of version 2, or of the named one of version 1.
// v2 tells which.
func (m *Machine) cgroups(controller string) (dirs []string, v2 bool) {
	var unified, own string
	for line := range strings.Lines(m.line("/proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[1] == "":
			unified = parts[2]
		case strings.Contains(","+parts[1]+",", ","+controller+","):
			own = parts[2]
		}
	}
	if own != "" {
		return m.ancestors(path.Join(cgroupDir, controller), own), false
	}
	if unified == "" {
		return nil, false
	}
	root := cgroupDir
	if m.exists(path.Join(cgroupDir, "unified")) {
		root = path.Join(cgroupDir, "unified")
	}
	return m.ancestors(root, unified), true
}

// ancestors lists those that can be seen: a container sees its own group as the root.
func (m *Machine) ancestors(root, group string) (dirs []string) {
	for ; ; group = path.Dir(group) {
		if dir := path.Join(root, group); m.exists(dir) {
			dirs = append(dirs, dir)
		}
		if group == "/" || group == "." {
			return dirs
		}
	}
}

// amount is a file that holds a number, or "max".
func (m *Machine) amount(name string) (uint64, bool) {
	s, err := m.text(name)
	if err != nil {
		return 0, false
	}
	if s == "max" {
		return unlimited, true
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

// memoryLimit is the least of the group's and its ancestors', and what is left of it;
// unlimited without one. seen is false where no group can be looked at.
func (m *Machine) memoryLimit() (limit, left uint64, dir string, seen bool) {
	limit, left = unlimited, unlimited
	dirs, v2 := m.cgroups("memory")
	most, used := "memory.limit_in_bytes", "memory.usage_in_bytes"
	if v2 {
		most, used = "memory.max", "memory.current"
	}
	for _, d := range dirs {
		n, readable := m.amount(path.Join(d, most))
		if !readable {
			seen = seen || v2 // the root of version 2 has no such file
			continue
		}
		seen = true
		if n >= 1<<62 { // version 1 says "none" by a great number
			continue
		}
		u, _ := m.amount(path.Join(d, used))
		if rest := n - min(u, n); rest < left {
			limit, left, dir = n, rest, d
		}
	}
	return limit, left, dir, seen
}

// quota is the least share of CPUs that the group and its ancestors may use; 0 without
// a limit. throttled is how often it was stopped for that.
func (m *Machine) quota() (cpus float64, throttled uint64, dir string, seen bool) {
	dirs, v2 := m.cgroups("cpu")
	for _, d := range dirs {
		quota, period := m.line(path.Join(d, "cpu.cfs_quota_us")), m.line(path.Join(d, "cpu.cfs_period_us"))
		if v2 {
			quota, period, _ = strings.Cut(m.line(path.Join(d, "cpu.max")), " ")
		}
		seen = true
		q, err1 := strconv.ParseFloat(quota, 64)
		p, err2 := strconv.ParseFloat(period, 64)
		if err1 != nil || err2 != nil || q <= 0 || p <= 0 { // max, or -1
			continue
		}
		if share := q / p; cpus == 0 || share < cpus {
			cpus, dir = share, d
			throttled = 0
			for line := range strings.Lines(m.line(path.Join(d, "cpu.stat"))) {
				if n, found := strings.CutPrefix(line, "nr_throttled "); found {
					throttled, _ = strconv.ParseUint(strings.TrimSpace(n), 10, 64)
				}
			}
		}
	}
	return cpus, throttled, dir, seen
}
