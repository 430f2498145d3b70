package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list prints CPUs: "0, 1 and 4 more".
func list(all []int) string {
	const most = 8
	var parts []string
	for _, c := range all[:min(len(all), most)] {
		parts = append(parts, strconv.Itoa(c))
	}
	text := strings.Join(parts, ",")
	if len(all) > most {
		text += fmt.Sprintf(" and %d more", len(all)-most)
	}
	return text
}

func allowedCPUs(m *Machine) Finding {
	switch all := m.allowed(); len(all) {
	case 0:
		return unknown("/proc/self/status does not say which CPUs are allowed")
	case 1:
		return costs("one CPU is allowed (%d): two sides share it", all[0]).
			do("never spin there: the default adaptive does not, nor do futex and yield (--wait); or allow another: taskset, --cpuset-cpus, AllowedCPUs=")
	default:
		return ok("%d CPUs are allowed: %s", len(all), list(all))
	}
}

func cpuQuota(m *Machine) Finding {
	share, throttled, dir, seen := m.quota()
	switch n := len(m.allowed()); {
	case !seen:
		return unknown("no control group of CPUs is to be seen").do("look at the quota of the container or unit from outside")
	case share == 0:
		return ok("no control group limits the time of CPUs")
	case throttled > 0 || share < float64(n):
		return costs("the control group %s may use %.4g CPUs of %d, and was stopped for that %d times", dir, share, n, throttled).
			do("take the quota away and give CPUs instead: docker run --cpuset-cpus in place of --cpus; in Kubernetes whole CPUs and the static policy; AllowedCPUs= in place of CPUQuota=")
	default:
		return ok("the control group may use %.4g CPUs, %d are allowed", share, n)
	}
}

func virtualised(m *Machine) Finding {
	stolen, total := steal(m.line("/proc/stat"))
	stood := fmt.Sprintf("%.2f %% of the time since boot was stolen", 100*float64(stolen)/float64(max(total, 1)))
	switch {
	case total == 0:
		return unknown("/proc/stat does not say what time was stolen")
	case !m.virtual() && stolen == 0:
		return ok("no hypervisor below")
	case stolen*1000 > total:
		return costs("a hypervisor is below, and %s", stood).do("have the host pin this machine's CPUs to cores of their own")
	}
	return costs("a hypervisor is below; %s", stood).do("compare ratios of runs of the same minute, not figures; for steady ones have the host pin this machine's CPUs, or use a machine without one")
}

// steal reads the first line of /proc/stat: user nice system idle iowait irq softirq steal.
func steal(stat string) (stolen, total uint64) {
	first, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(first)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0
	}
	for i, f := range fields[1:9] {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, 0
		}
		total += n
		if i == 7 {
			stolen = n
		}
	}
	return stolen, total
}

func isolation(m *Machine) Finding {
	isolated, err := m.text(cpuDir + "/isolated")
	tickless := m.line(cpuDir + "/nohz_full")
	if tickless == "(null)" {
		tickless = ""
	}
	set := func(f Finding) Finding {
		return f.do("boot with isolcpus=managed_irq,domain,2-3 nohz_full=2-3 rcu_nocbs=2-3 (CPUs of your choice), and pin one peer to each: taskset -c 2, --cpus 2,3")
	}
	all := cpus(isolated)
	mine := slices.ContainsFunc(m.allowed(), func(c int) bool { return slices.Contains(all, c) })
	switch {
	case err != nil:
		return unknown("%s/isolated cannot be read", cpuDir)
	case len(all) == 0 && tickless == "":
		return set(costs("no CPU is isolated from other work (isolcpus) or from the timer's ticks (nohz_full)"))
	case len(all) == 0:
		return set(costs("no CPU is isolated from other work; without ticks: %s", tickless))
	case !mine:
		return costs("CPUs %s are isolated, and this process may run on none of them", isolated).do("pin the peers there: taskset -c %s", isolated)
	case tickless == "":
		return set(costs("CPUs %s are isolated, the timer ticks on all", isolated))
	}
	return ok("CPUs %s are isolated, without ticks: %s; pin one peer to each", isolated, tickless)
}

func siblings(m *Machine) Finding {
	active, err := m.text(cpuDir + "/smt/active")
	if err != nil {
		return unknown("%s/smt cannot be read", cpuDir)
	}
	cores := map[string]bool{}
	for _, threads := range m.perCPU("topology/thread_siblings_list") {
		cores[threads] = true
	}
	switch {
	case active == "0" || len(m.allowed()) < 2:
		return ok("no two of the allowed CPUs share a core")
	case len(cores) == 0:
		return unknown("which CPUs share a core is not to be seen")
	case len(cores) == 1:
		return costs("all allowed CPUs (%s) are hardware threads of one core", list(m.allowed())).do("allow CPUs of two cores: taskset, --cpuset-cpus")
	case len(cores) == len(m.allowed()):
		return ok("no two of the allowed CPUs share a core")
	}
	return ok("%d CPUs of %d cores are allowed: ringbench topo shows which pairs are nearest", len(m.allowed()), len(cores))
}

func numaNodes(m *Machine) Finding {
	nodes := 0
	for _, dir := range m.glob("/sys/devices/system/node/node[0-9]*") {
		here := cpus(m.line(dir + "/cpulist"))
		if slices.ContainsFunc(m.allowed(), func(c int) bool { return slices.Contains(here, c) }) {
			nodes++
		}
	}
	switch {
	case nodes == 0:
		return unknown("/sys/devices/system/node does not say how memory lies")
	case nodes == 1:
		return ok("all allowed CPUs are of one NUMA node")
	}
	balancing := ""
	if m.line("/proc/sys/kernel/numa_balancing") == "1" {
		balancing = ", and the kernel moves pages between them (numa_balancing)"
	}
	f := costs("the allowed CPUs are of %d NUMA nodes%s", nodes, balancing).do("keep both peers and the ring on one: numactl --cpunodebind 0 --membind 0; ringbench topo shows what the nodes cost")
	if balancing != "" {
		f = f.by("sysctl -w kernel.numa_balancing=0")
	}
	return f
}

func clockSource(m *Machine) Finding {
	name := m.line("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	cost := m.Kernel.Clock()
	const slow = 250 * time.Nanosecond
	read := fmt.Sprintf("one look at the clock costs %d ns here", cost.Nanoseconds())
	switch {
	case cost > slow || name == "hpet" || name == "acpi_pm" || name == "jiffies" || name == "refined-jiffies":
		f := costs("the clock is %s: %s", cmp.Or(name, "unknown"), read)
		if strings.Contains(" "+m.line("/sys/devices/system/clocksource/clocksource0/available_clocksource")+" ", " tsc ") {
			return f.do("take the processor's own").by("echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource")
		}
		return f.do("boot with tsc=reliable where the processor's counter is known to be steady; of a virtual machine: a host that offers kvm-clock or the TSC")
	case name == "":
		return unknown("which clock it is cannot be seen; %s", read)
	}
	return ok("the clock is %s: %s", name, read)
}
