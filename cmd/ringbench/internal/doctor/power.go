package doctor

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// ofHost is what a virtual machine says of settings that it does not see.
const ofHost = "it is a setting of the host: ask there"

func governor(m *Machine) Finding {
	counted := map[string]int{}
	for _, g := range m.perCPU("cpufreq/scaling_governor") {
		counted[g]++
	}
	names := slices.Sorted(maps.Keys(counted))
	switch {
	case len(names) == 0 && m.virtual():
		return unknown("no governor is to be seen: a hypervisor is below").do(ofHost)
	case len(names) == 0:
		return unknown("no governor is to be seen: this kernel does not scale frequencies, or the firmware does").do("look into the firmware's power profile")
	case len(names) == 1 && names[0] == "performance":
		return ok("the governor is performance")
	}
	return costs("the governor of the allowed CPUs is %s", strings.Join(names, " and ")).do("set it to performance").by("cpupower frequency-set -g performance")
}

func turbo(m *Machine) Finding {
	off, onIntel := m.number(cpuDir + "/intel_pstate/no_turbo")
	boost, onOthers := m.number(cpuDir + "/cpufreq/boost")
	switch {
	case onIntel && off == 1:
		return costs("turbo is off").do("turn it on, unless steady figures matter more than low ones").by("echo 0 > " + cpuDir + "/intel_pstate/no_turbo")
	case onOthers && boost == 0:
		return costs("boost is off").do("turn it on, unless steady figures matter more than low ones").by("echo 1 > " + cpuDir + "/cpufreq/boost")
	case onIntel || onOthers:
		return ok("turbo is on")
	}
	return unknown("whether turbo is on is not to be seen").do(ofHost)
}

// deep is the exit latency in us from which an idle state is called deep.
const deep = 10

func idleStates(m *Machine) Finding {
	driver := m.line(cpuDir + "/cpuidle/current_driver")
	deepest, worst, seen := "", uint64(0), false
	for _, c := range m.allowed() {
		for _, dir := range m.glob(path.Join(cpuDir, "cpu"+strconv.Itoa(c), "cpuidle/state[0-9]*")) {
			latency, found := m.number(dir + "/latency")
			off, _ := m.number(dir + "/disable")
			seen = seen || found
			if found && off == 0 && latency > worst {
				worst, deepest = latency, m.line(dir+"/name")
			}
		}
	}
	switch {
	case !seen && m.virtual():
		return unknown("no idle states are to be seen: a hypervisor is below").do(ofHost)
	case !seen:
		return unknown("no idle states are to be seen (driver %s)", cmp.Or(driver, "none"))
	case worst < deep && m.virtual():
		return ok("the deepest idle state is %s, %d us; what the host does when a CPU halts is not to be seen", cmp.Or(deepest, "none"), worst)
	case worst < deep:
		return ok("the deepest idle state is %s, %d us to wake from", cmp.Or(deepest, "none"), worst)
	}
	return costs("the deepest idle state is %s, %d us to wake from", deepest, worst).
		do("forbid states of %d us and more, also for as long as a process holds /dev/cpu_dma_latency open with a small number in it", deep).by("cpupower idle-set -D " + strconv.Itoa(deep))
}
