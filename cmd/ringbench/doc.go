// Command ringbench measures rings between processes, beside every other way
// that two processes talk, puts them to the test, and looks after those that
// have a name. Without arguments it gives a tour; "ringbench help" lists the commands.
package main
