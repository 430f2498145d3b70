// Package stress kills the endpoints of a ring, over and over, and checks that the
// ring holds what it promises.
//
// Producers and consumers are processes of their own. Each writes what it does
// into a ledger, memory that the parent holds too, so that it survives a SIGKILL: a
// producer before and after each send, a consumer between taking a message and
// releasing it. The parent kills them at random moments or at named points, stops and
// continues them, kills them all at once, starts successors, reads the ledgers and
// gives the verdict. Nothing that it concludes rests on the ring.
package stress
