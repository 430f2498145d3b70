package doctor

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Where systemd looks for configuration, the strongest first.
var systemdDirs = []string{"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"}

func removeIPC(m *Machine) Finding {
	uid := m.uid()
	switch {
	case uid < 0:
		return unknown("/proc/self/status does not say which user this is")
	case !m.exists("/run/systemd/system") || !m.exists("/run/systemd/users"): // sd_booted, and logind's own
		return ok("systemd-logind does not run here")
	case !m.removesIPC():
		return ok("systemd-logind removes nothing (RemoveIPC=no)")
	case uint64(uid) <= m.lastSystemUser():
		return ok("systemd-logind removes what ordinary users leave (RemoveIPC=yes), not what uid %d does", uid)
	}
	name := m.userName(uid)
	if name != "" && m.exists("/var/lib/systemd/linger/"+name) {
		return ok("systemd-logind removes what users leave at logout (RemoveIPC=yes), but %s lingers", name)
	}
	return breaks("systemd-logind removes what uid %d has in shared memory when its last session ends (RemoveIPC=yes)", uid).
		do("let the user linger; or set RemoveIPC=no in /etc/systemd/logind.conf.d/ipc.conf, section [Login], and restart systemd-logind; or run the peers as a system user (User= of a unit)").
		by("loginctl enable-linger " + cmp.Or(name, strconv.Itoa(uid)))
}

// removesIPC is the setting RemoveIPC: the last one counts, those of drop-ins behind the
// main file's. Without any it is what logind was built with, which the main file
// shows as a comment.
func (m *Machine) removesIPC() bool {
	built, value := "yes", ""
	for _, dir := range systemdDirs {
		if text, err := m.text(dir + "/logind.conf"); err == nil {
			built = cmp.Or(setting(text, "#RemoveIPC"), built)
			value = setting(text, "RemoveIPC")
			break
		}
	}
	for _, file := range m.dropIns("logind.conf.d") {
		value = cmp.Or(setting(m.line(file), "RemoveIPC"), value)
	}
	switch strings.ToLower(cmp.Or(value, built)) {
	case "0", "no", "n", "false", "f", "off":
		return false
	}
	return true
}

// dropIns lists files by name; of two with the same the one from the stronger directory.
func (m *Machine) dropIns(dir string) (files []string) {
	seen := map[string]bool{}
	for _, d := range systemdDirs {
		for _, file := range m.glob(path.Join(d, dir, "*.conf")) {
			if base := path.Base(file); !seen[base] {
				seen[base] = true
				files = append(files, file)
			}
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(path.Base(a), path.Base(b)) })
	return files
}

// setting is the last value of a key.
func setting(text, key string) (value string) {
	for line := range strings.Lines(text) {
		k, v, found := strings.Cut(strings.TrimSpace(line), "=")
		if found && strings.TrimSpace(k) == key {
			value = strings.TrimSpace(v)
		}
	}
	return value
}

// lastSystemUser is SYS_UID_MAX.
func (m *Machine) lastSystemUser() uint64 {
	for line := range strings.Lines(m.line("/etc/login.defs")) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "SYS_UID_MAX" {
			if n, err := strconv.ParseUint(fields[1], 10, 32); err == nil {
				return n
			}
		}
	}
	return 999
}

// userName is "" for a user who is not in /etc/passwd.
func (m *Machine) userName(uid int) string {
	for line := range strings.Lines(m.line("/etc/passwd")) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == strconv.Itoa(uid) {
			return f[0]
		}
	}
	return ""
}
