// Package doctor looks at a machine for what will break rings or cost them
// latency. It changes nothing and needs no privilege; what it cannot see without
// one it says.
//
//	finding.go     verdicts, findings, a report of all checks
//	checks.go      the table of checks: a new one is a function and an entry here
//	shared.go …    the checks, by what they look at
//	machine.go     what they look at: files below a root, and answers of the kernel
//	mounts.go      mounts; cgroup.go the limits of control groups
//	attempts.go    calls that the engine makes, tried in a process of their own
//	print.go       the report for people, and its commands as a script
package doctor
