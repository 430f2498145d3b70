package doctor

import "cmp"

// feature is something of the kernel that the engine uses, and that is tried.
type feature struct {
	name    string
	what    string  // for people
	since   string  // the first Linux that has it
	without Verdict // Breaks, or Costs
	why     string
	do      string // beside a newer kernel and a filter that lets it pass
}

var features = []feature{
	{"mapping", "a new file in /dev/shm, allocated, mapped and locked", "3.15", Breaks, "every ring with a name is one", "see shm-mount, shm-space and shm-files; look for security modules (dmesg, auditd)"},
	{"futex", "sleeping and waking (futex)", "2.6.22", Breaks, "whoever waits for the other side sleeps on it", ""},
	{"ofd-locks", "locks of open file descriptions", "3.15", Breaks, "the kernel releases them when a process is dead: that is how peers know", ""},
	{"membarrier", "membarrier(GLOBAL_EXPEDITED)", "4.16", Costs, "without it every message carries a fence where a side may sleep: 0.53 of the rate as measured (64 B, one producer and one consumer)", ""},
	{"futex_waitv", "sleeping on several words (futex_waitv)", "5.16", Costs, "without it a cancelled wait for a semaphore may be noticed up to 50 ms late", ""},
	{"unnamed-files", "files without a name in /dev/shm (O_TMPFILE)", "3.11", Costs, "without them a creator that is killed leaves a temporary file, until somebody else creates a ring", ""},
	{"memfd", "memfds with seals", "3.17", Breaks, "rings without a name lie in them, such as those that ringbench measures", ""},
	{"future-write-seal", "memfds that others can only read (F_SEAL_FUTURE_WRITE)", "5.1", Breaks, "ring.Offer and ring.Accept, for peers that are not trusted, fail without", ""},
	{"pidfd", "handles of processes (pidfd)", "5.3", Costs, "ringbench repair --kill-paused fails without: no pid could be trusted", "end stopped peers with kill -9"},
	{"eventfd", "eventfds", "2.6.27", Costs, "the wait strategy eventfd fails without", "use another strategy"},
	{"affinity", "pinning to CPUs (sched_setaffinity)", "2.6", Costs, "ringbench measures in pinned processes, and peers that spin stay on their CPUs by it", "pin from outside: taskset, --cpuset-cpus"},
	{"signalfd", "signals as messages (signalfd)", "2.6.27", Costs, "feed's sources of signals fail without", ""},
	{"inotify", "watching files (inotify)", "2.6.13", Costs, "a file that is followed is looked at every now and then without", "raise fs.inotify.max_user_instances if that is what is used up"},
}

// featureChecks makes checks of the features.
func featureChecks() (list []Check) {
	for _, f := range features {
		list = append(list, Check{f.name, f.why, f.look})
	}
	return list
}

func (f feature) look(m *Machine) Finding {
	a, err := m.attempt(f.name)
	switch {
	case err != nil:
		return unknown("%s: not tried: %v", f.what, err)
	case !a.refused() && a.Text != "":
		return costs("%s: %s", f.what, a.Text).do("take away what is in the way")
	case !a.refused():
		return ok("%s: works", f.what)
	}
	if !a.denied() {
		return Finding{Verdict: f.without, Found: f.what + ": " + a.Text}.do("%s", cmp.Or(f.do, "mend what the error names"))
	}
	found := m.refusal(Finding{Verdict: f.without, Found: f.what + ": " + a.Text}, "use Linux "+f.since+" or newer")
	if f.do != "" {
		found.Do += "; " + f.do
	}
	return found
}

// refusal says what to do about a call that was refused, if the kernel may be the reason or
// a filter.
func (m *Machine) refusal(f Finding, kernel string) Finding {
	if mode := m.status("Seccomp"); mode != "" && mode != "0" {
		f.Found += "; a filter of system calls is in force"
		return f.do("let the filter pass it: docker run --security-opt seccomp=PROFILE.json, SystemCallFilter= of a systemd unit")
	}
	return f.do("%s; a sandbox such as gVisor may also hide it", kernel)
}
