// Package lin says what the results of a ring's calls mean, as sequential
// specifications, and checks recorded histories against them: is there an order
// of all calls, each somewhere between its begin and its end, that one process
// alone could have seen (linearizability, M. Herlihy and J. Wing; the checker is
// porcupine)? A call that was cut short by a death takes effect before the death or
// never (strict linearizability, M. Aguilera and S. Frølund).
//
// A kind of ring is a Spec and a row in the table of kinds of the tests. Only tests
// import this package.
package lin
