package report

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"
)

// Environment says where the figures were taken. Governor and Commit are nil
// where they cannot be known; CacheLine is 0 then.
type Environment struct {
	CPUModel     string  `json:"cpu_model"`
	CacheLine    int     `json:"cache_line"`
	LogicalCores int     `json:"logical_cores"`
	Kernel       string  `json:"kernel"`
	OS           string  `json:"os"`
	Arch         string  `json:"arch"`
	GoVersion    string  `json:"go_version"`
	Governor     *string `json:"governor"`
	CPUs         []int   `json:"cpus"` // pinned to, empty when not pinned
	Time         string  `json:"time"` // RFC 3339, UTC
	Commit       *string `json:"commit"`
	Command      string  `json:"command,omitempty"` // the command line, where a command gives it
}

// Here describes this machine, this build and the CPUs the measurement is
// pinned to.
func Here(cpus []int) Environment {
	e := Environment{
		CPUModel:     strings.TrimSpace(cpuid.CPU.BrandName),
		CacheLine:    cpuid.CPU.CacheLine,
		LogicalCores: runtime.NumCPU(),
		Kernel:       kernel(),
		OS:           runtime.GOOS,
		Arch:         runtime.GOARCH,
		GoVersion:    runtime.Version(),
		Governor:     readLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		CPUs:         append([]int{}, cpus...),
		Time:         time.Now().UTC().Format(time.RFC3339),
		Commit:       commit(),
	}
	if e.CPUModel == "" {
		e.CPUModel = "unknown"
	}
	if e.CacheLine == 0 {
		if line := readLine("/sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size"); line != nil {
			e.CacheLine, _ = strconv.Atoi(*line)
		}
	}
	return e
}

// Write prints the environment as the header of a table.
func (e Environment) Write(w io.Writer) error {
	governor, commit, pinned := "unknown", "", "not pinned"
	if e.Governor != nil {
		governor = *e.Governor
	}
	if e.Commit != nil {
		commit = ", commit " + *e.Commit
	}
	if len(e.CPUs) > 0 {
		pinned = "pinned to CPUs " + strings.Trim(strings.ReplaceAll(fmt.Sprint(e.CPUs), " ", ","), "[]")
	}
	cores := fmt.Sprintf("%d logical cores", e.LogicalCores)
	if e.LogicalCores == 1 {
		cores = "1 logical core"
	}
	_, err := fmt.Fprintf(w, "%s, %s, cache line %d B, governor %s, %s\n%s %s %s, %s%s, %s\n",
		e.CPUModel, cores, e.CacheLine, governor, pinned,
		e.OS, e.Kernel, e.Arch, e.GoVersion, commit, e.Time)
	return err
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

func readLine(path string) *string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return &line
}

// commit is the revision that the go command stamped into the binary, with
// "+dirty" where the tree had changes.
func commit() *string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var revision, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if revision == "" {
		return nil
	}
	revision += dirty
	return &revision
}
