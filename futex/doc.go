// Package futex puts goroutines to sleep until another goroutine or another
// process changes something in shared memory.
//
// The leaves, each usable alone:
//
//   - Wait, WaitHold, Wake and WaitAny are the futex system calls on a 32-bit
//     word. They keep no state: the word is the state.
//   - Semaphore is a counting semaphore in shared memory that C programs may
//     use as a sem_t of glibc; a NamedSemaphore is what they have from sem_open.
//   - Eventfd sleeps on Go's netpoller, so that a sleeping goroutine costs no
//     OS thread, and its descriptor can be handed to other processes.
//
// Above them stands what rings sleep by:
//
//   - Gate is an event count in shared memory between one side that sleeps and
//     one that wakes. The waker only loads a word as long as nobody sleeps: it
//     issues no system call and no fence. The sleeper pays for both, by Barrier.
//   - Strategy says how long to spin, to yield and to sleep, and Park on what:
//     Spin, Yield, Futex, Sem, Efd and Adaptive return the usual ones, and
//     ParseStrategy those of Names.
//   - Idler waits at a Gate by a Strategy: its owner alternates a try with Pause.
//
// # Barriers
//
// A process that wakes at a Gate calls Register before its first publish: then
// the Barrier of a sleeping peer, in Gate.Prepare, reaches it. Both are
// membarrier(2) in its system-wide form. Where Register returns false, the waker
// has to fence between each publish and its look at Gate.Arm; where Barrier does,
// Prepare asks wakers to by a bit in Arm (docs/spec/memory-order.md has the
// argument). With ANNULUS_MEMBARRIER=off in the environment both return false.
//
// # Threads
//
// A goroutine in Wait, WaitHold, WaitAny or Semaphore.Acquire holds one OS
// thread. Where hundreds sleep at once, gather the words in WaitAny or use an
// Eventfd.
//
// # Peers that die
//
// A peer killed between its store and its Wake leaves a sleeper asleep; so
// does a peer killed between its wake-up and the work it was woken for. Bound
// every Wait by a deadline and re-check the condition. Semaphore does so itself,
// and so does Idler, by Strategy.Slice.
//
// # Platforms
//
// Futexes, WaitAny and Eventfd are Linux; Semaphore is little-endian 64-bit
// Linux. Elsewhere Wait and WaitAny poll the word, Wake does nothing, Register
// and Barrier return false, and the others return errors that wrap
// errors.ErrUnsupported. A Gate works everywhere.
package futex
