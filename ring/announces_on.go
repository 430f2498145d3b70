//go:build !nointents

package ring

// announces tells that endpoints say in their intents what they are about to claim, on
// which all repair rests. A build with the tag nointents leaves that out, to measure
// what it costs (docs/benchmarks), and is good for nothing else.
const announces = true
