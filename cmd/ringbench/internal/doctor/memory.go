package doctor

import (
	"cmp"
	"strings"
)

func availableMemory(m *Machine) Finding {
	free, found := m.kilobytes("MemAvailable")
	swap, _ := m.kilobytes("SwapFree")
	need := defaultRing()
	switch {
	case !found:
		return unknown("/proc/meminfo does not say what is available")
	case free+swap < need:
		return breaks("%s of memory and %s of swap are available, a ring of the default capacity takes %s", bytes(free), bytes(swap), bytes(need)).do("end something, or add memory")
	case free < 64<<20:
		return costs("%s of memory is available", bytes(free)).do("end something, or add memory")
	}
	return ok("%s of memory is available", bytes(free))
}

func cgroupMemory(m *Machine) Finding {
	limit, left, dir, seen := m.memoryLimit()
	need := defaultRing()
	raise := "raise the limit by what the rings take; docker run --memory, MemoryMax= of a systemd unit"
	switch shm, err := m.Kernel.Space(shmDir); {
	case !seen:
		return unknown("no control group of memory is to be seen").do("look at the limit of the container or unit from outside")
	case limit == unlimited:
		return ok("no control group limits memory")
	case left < need:
		return breaks("the control group %s has %s left of %s, a ring of the default capacity takes %s", dir, bytes(left), bytes(limit), bytes(need)).do("%s", raise)
	case err == nil && left < shm.Free:
		return costs("the control group %s has %s left of %s, less than /dev/shm has free (%s)", dir, bytes(left), bytes(limit), bytes(shm.Free)).do("%s; or make /dev/shm smaller than that", raise)
	default:
		return ok("the control group has %s left of %s", bytes(left), bytes(limit))
	}
}

func swap(m *Machine) Finding {
	total, found := m.kilobytes("SwapTotal")
	lock, _ := m.limit("Max locked memory")
	switch {
	case !found:
		return unknown("/proc/meminfo says nothing of swap")
	case total == 0:
		return ok("there is no swap")
	}
	return costs("there are %s of swap; this process may lock %s in memory", bytes(total), lockable(m, lock)).
		do("keep rings in memory by shm.WithMlock, or turn swap off").by("swapoff -a")
}

// mayLockAll tells whether CAP_IPC_LOCK (14) lifts RLIMIT_MEMLOCK.
func mayLockAll(m *Machine) bool {
	caps := m.status("CapEff")
	const nibble, bit = 14 / 4, 1 << (14 % 4)
	if len(caps) <= nibble {
		return false
	}
	return strings.IndexByte("0123456789abcdef", caps[len(caps)-1-nibble])&bit != 0
}

func lockable(m *Machine, limit uint64) string {
	if mayLockAll(m) {
		return "any amount"
	}
	return bytes(limit)
}

func lockedMemory(m *Machine) Finding {
	n, found := m.limit("Max locked memory")
	switch {
	case mayLockAll(m):
		return ok("this process may lock any amount of memory (CAP_IPC_LOCK)")
	case !found:
		return unknown("/proc/self/limits does not say how much memory may be locked")
	case n < defaultRing():
		return costs("%s may be locked in memory, a ring of the default capacity takes %s", bytes(n), bytes(defaultRing())).
			do("raise RLIMIT_MEMLOCK: ulimit -l, LimitMEMLOCK= of a systemd unit").by("ulimit -l unlimited")
	case n == unlimited:
		return ok("any amount may be locked in memory")
	}
	return ok("%s may be locked in memory", bytes(n))
}

const thpDir = "/sys/kernel/mm/transparent_hugepage"

// chosen is the word in brackets of a setting such as "always [madvise] never".
func chosen(s string) string {
	_, behind, _ := strings.Cut(s, "[")
	word, _, _ := strings.Cut(behind, "]")
	return word
}

func hugePages(m *Machine) Finding {
	anonymous, shared := chosen(m.line(thpDir+"/enabled")), chosen(m.line(thpDir+"/shmem_enabled"))
	total, _ := m.entry("/proc/meminfo", "HugePages_Total")
	free, _ := m.entry("/proc/meminfo", "HugePages_Free")
	pool := "no pool of explicit ones"
	if total != "" && total != "0" {
		pool = free + " of " + total + " explicit ones free"
	}
	const advise = "echo advise > " + thpDir + "/shmem_enabled"
	tried, err := m.attempt("huge-pages")
	switch {
	case anonymous == "" && pool[:2] == "no":
		return costs("this kernel has no transparent huge pages, and there is %s", pool).do("reserve some: a memfd ring takes them with shm.WithHugePages").by("sysctl -w vm.nr_hugepages=64")
	case err == nil && tried.Errno == 0:
		return ok("a memfd of 4 MiB got huge pages (for shared memory: %s; %s)", cmp.Or(shared, "not there"), pool)
	case shared == "deny":
		return costs("transparent huge pages are denied to shared memory; %s", pool).do("allow them where they are asked for").by(advise)
	case err != nil:
		return unknown("transparent huge pages for shared memory: %s; %s; not tried: %v", cmp.Or(shared, "not there"), pool, err)
	}
	return costs("a memfd of 4 MiB got no huge pages: %s (for shared memory: %s; %s)", tried.Text, cmp.Or(shared, "not there"), pool).
		do("allow them where they are asked for, and look for fragmented memory").by(advise)
}
