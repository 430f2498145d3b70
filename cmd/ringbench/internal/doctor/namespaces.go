package doctor

import (
	"cmp"
	"strconv"
	"strings"
)

// The namespaces that the kernel boots with have numbers that never change.
const (
	firstPID  = "pid:[4026531836]"
	firstUser = "user:[4026531837]"
)

func procMount(m *Machine) Finding {
	self, err := m.link("/proc/self")
	mount := func(f Finding) Finding {
		return f.do("mount the one of this PID namespace; unshare --fork --pid --mount-proc does").by("mount -t proc proc /proc")
	}
	at, _ := m.mounted("/proc")
	switch hidden := at.value("hidepid"); {
	case err != nil && !m.exists("/proc"):
		return mount(breaks("there is no /proc"))
	case err != nil:
		return mount(breaks("/proc does not show this process: nothing, or that of another PID namespace, is mounted there"))
	case self != strconv.Itoa(m.Kernel.PID):
		return mount(breaks("/proc calls this process %s, its pid is %d: it is that of another PID namespace", self, m.Kernel.PID))
	case hidden != "" && hidden != "0" && hidden != "off":
		return costs("/proc is mounted with hidepid=%s", hidden).do("look as root (repair, inspect), or mount it without").by("mount -o remount,hidepid=0 /proc")
	}
	return ok("/proc shows this process and others")
}

func pidNamespace(m *Machine) Finding {
	ns, err := m.link("/proc/self/ns/pid")
	switch {
	case err != nil:
		return unknown("/proc/self/ns/pid cannot be read")
	case ns == firstPID:
		return ok("this is the PID namespace of the machine")
	}
	return costs("this is a PID namespace of its own (%s), such as a container has", ns).
		do("nothing for liveness: locks hold across namespaces. Run inspect and repair where the peers run (docker exec, kubectl exec), or share the namespace: docker run --pid host; let peers in other containers mount the same /dev/shm: --ipc host, --ipc container:NAME, a shared emptyDir")
}

func userNamespace(m *Machine) Finding {
	ns, err := m.link("/proc/self/ns/user")
	fields := strings.Fields(m.line("/proc/self/uid_map"))
	whole := len(fields) == 3 && fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295"
	switch {
	case err != nil:
		return unknown("/proc/self/ns/user cannot be read")
	case ns == firstUser || whole:
		return ok("users are what they are on the machine")
	}
	return costs("this is a user namespace of its own: uids are %s of the machine", cmp.Or(mapped(fields), "none")).
		do("run both peers in it, or as the same user of the machine; of others accept by shm.WithOwner the uid as it shows here")
}

// mapped says what the first line of a uid_map does.
func mapped(fields []string) string {
	if len(fields) < 3 {
		return ""
	}
	return fields[0] + " here for " + fields[1] + " (" + fields[2] + " of them)"
}

func seccompMode(m *Machine) Finding {
	mode := m.status("Seccomp")
	all, err := m.Kernel.Attempts()
	var refused []string
	for _, f := range features {
		if a, tried := all[f.name]; tried && a.denied() {
			refused = append(refused, f.name)
		}
	}
	for _, name := range []string{"mqueue", "sysv"} {
		if a, tried := all[name]; tried && a.denied() {
			refused = append(refused, name)
		}
	}
	switch {
	case mode == "":
		return unknown("/proc/self/status says nothing of filters of system calls")
	case mode == "0":
		return ok("no filter of system calls")
	case err != nil:
		return unknown("a filter of system calls is in force (mode %s), what it refuses was not tried: %v", mode, err)
	case len(refused) == 0:
		return ok("a filter of system calls is in force (mode %s), and refuses nothing that is tried here", mode)
	}
	return costs("a filter of system calls is in force (mode %s); refused: %s, see there", mode, strings.Join(refused, ", ")).
		do("let it pass those: docker run --security-opt seccomp=PROFILE.json, SystemCallFilter= of a systemd unit")
}
