// Cells uses cells of some types, for TestCellCode to look at their code.
package main

import "annulus/seqlock"

func main() {
	use[uint64]()     // in a register
	use[[8]uint64]()  // moved in line
	use[[25]uint64]() // moved by a call
}

func use[T any]() {
	c, err := seqlock.New[T]()
	if err != nil {
		panic(err)
	}
	w, err := c.Writer()
	if err != nil {
		panic(err)
	}
	r, err := c.Reader()
	if err != nil {
		panic(err)
	}
	var v T
	println(w.Write(v), w.Update(func(*T) {}))
	_, n, err := r.Load()
	println(n, err)
}
