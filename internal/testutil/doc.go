// Package testutil is what the tests of several packages share: waiting for
// states, starting, watching and killing other processes, finding leaks. Only tests
// import it.
//
//	main.go     Main, the TestMain of a package, and the roles its binary plays as another process
//	process.go  Process, such a process or any other while it runs
//	wait.go     waiting for a state, and for how long
//	names.go    names in shared memory
//	need.go     what a system may lack
//	build.go    programs built once for all tests
package testutil
