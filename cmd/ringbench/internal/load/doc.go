// Package load puts rings under the load that a profile describes: several rings at once,
// groups of producers and consumers at each, mixed sizes, paces that change, slow consumers,
// processes that come and go or are killed.
//
// Parse reads a profile, Run plays it. Each producer and consumer is a process of its own, the same binary
// again (see WorkerMain). All that one counts lies in memory that it shares with the parent, so that a
// kill takes nothing of it along: the parent reads the counters when the measured window
// opens and closes, and the difference is the result.
//
// Every message says which producer's place it is from, its number there, and when it was due;
// a checksum goes over all of it. Consumers check that none is lost, doubled, out of order or torn. What
// a kill may take with it by the ring's contract is counted apart.
package load
