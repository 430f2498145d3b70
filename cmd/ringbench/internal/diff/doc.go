// Package diff compares the results of two runs of ringbench, with the statistics that
// benchstat uses: medians with confidence intervals by order statistics, and the
// Mann-Whitney U test. Nothing is assumed of how the figures are distributed.
package diff
