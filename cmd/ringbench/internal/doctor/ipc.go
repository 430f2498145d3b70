package doctor

import "fmt"

// sysctl is a limit of the kernel, and the least value with which nothing is to be done.
type sysctl struct {
	name  string // as sysctl writes it, but with slashes
	least uint64
}

// low checks limits. It lists them, and the commands that raise those that are low.
func (m *Machine) low(all []sysctl) (text string, raise []string, seen bool) {
	for _, s := range all {
		n, found := m.number("/proc/sys/" + s.name)
		if !found {
			continue
		}
		seen = true
		if text += fmt.Sprintf(", %s=%d", dotted(s.name), n); n < s.least {
			raise = append(raise, fmt.Sprintf("sysctl -w %s=%d", dotted(s.name), s.least))
		}
	}
	if text != "" {
		text = text[2:]
	}
	return text, raise, seen
}

func dotted(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c == '/' {
			b[i] = '.'
		}
	}
	return string(b)
}

// limited is the finding for a kind of IPC whose calls are tried and whose limits are files.
func (m *Machine) limited(what, call string, all []sysctl) Finding {
	if call != "" {
		if a, err := m.attempt(call); err == nil && a.refused() {
			return m.refusal(costs("%s cannot be had: %s", what, a.Text), "use a kernel that has them")
		}
	}
	text, raise, seen := m.low(all)
	switch {
	case !seen:
		return unknown("the limits of %s cannot be read", what)
	case len(raise) > 0:
		return costs("limits of %s are low: %s", what, text).do("raise them").by(raise...)
	}
	return ok("%s: %s", what, text)
}

func posixQueues(m *Machine) Finding {
	f := m.limited("POSIX message queues", "mqueue", []sysctl{{"fs/mqueue/msg_max", 10}, {"fs/mqueue/msgsize_max", 8192}, {"fs/mqueue/queues_max", 16}})
	const usual = 819200
	if n, found := m.limit("Max msgqueue size"); f.Verdict == OK && found && n < usual {
		return costs("all POSIX message queues of this user may have %s", bytes(n)).do("raise RLIMIT_MSGQUEUE: ulimit -q, LimitMSGQUEUE= of a systemd unit").by(fmt.Sprint("ulimit -q ", usual))
	}
	return f
}

func systemV(m *Machine) Finding {
	return m.limited("System V queues", "sysv", []sysctl{{"kernel/msgmax", 8192}, {"kernel/msgmnb", 16384}, {"kernel/msgmni", 16}})
}

func pipeSize(m *Machine) Finding {
	return m.limited("pipes", "", []sysctl{{"fs/pipe-max-size", 1 << 20}})
}

func socketBuffers(m *Machine) Finding {
	return m.limited("socket buffers", "", []sysctl{{"net/core/rmem_max", 1 << 20}, {"net/core/wmem_max", 208 << 10}})
}
