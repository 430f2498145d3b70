// Package futex puts goroutines to sleep until another goroutine or another
// process changes something in shared memory.
//
// The leaves, each usable alone:
//
//   - Wait, WaitHold, Wake and WaitAny are the futex system calls on a 32-bit
//     word. They keep no state: the word is the state.
//   - Semaphore is a counting semaphore in shared memory that C programs may
//     use as a sem_t of glibc.
//   - Eventfd sleeps on Go's netpoller, so that a sleeping goroutine costs no
//     OS thread, and its descriptor can be handed to other processes.
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
// every Wait by a deadline and re-check the condition. Semaphore does so itself.
//
// # Platforms
//
// Futexes, WaitAny and Eventfd are Linux; Semaphore is little-endian 64-bit
// Linux. Elsewhere Wait and WaitAny poll the word, Wake does nothing, and the
// others return errors that wrap errors.ErrUnsupported.
package futex
