package doctor

import (
	"slices"
	"strings"
)

// mount is a line of /proc/self/mountinfo.
type mount struct {
	point, kind string
	options     []string // of the mount and of its file system
}

func (m mount) has(option string) bool { return slices.Contains(m.options, option) }

// value is what an option of the form name=value says.
func (m mount) value(name string) string {
	for _, o := range m.options {
		if v, found := strings.CutPrefix(o, name+"="); found {
			return v
		}
	}
	return ""
}

// mounted is the topmost mount at a path; false where nothing is mounted there.
func (m *Machine) mounted(point string) (top mount, found bool) {
	for line := range strings.Lines(m.line("/proc/self/mountinfo")) {
		// 36 35 98:0 /root /point rw,noatime [tags] - tmpfs source rw,size=1k
		before, behind, separated := strings.Cut(line, " - ")
		a, b := strings.Fields(before), strings.Fields(behind)
		if !separated || len(a) < 6 || len(b) < 3 || a[4] != point {
			continue
		}
		options := append(strings.Split(a[5], ","), strings.Split(b[2], ",")...)
		top, found = mount{a[4], b[0], options}, true
	}
	return top, found
}
