// Package topo measures how long a cache line takes from each CPU to each other,
// says how the CPUs lie to one another, and draws the matrix.
//
// Read says what the system knows (sysfs, cpuid), NewPlan which pairs are measured
// within a budget, Measure measures them, Summarize makes the Document that is
// printed as JSON or drawn by Draw.
package topo
