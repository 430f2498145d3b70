// Command ringbench measures rings between processes, beside pipes, Unix
// sockets, Go channels and programs in C and C++. Without arguments it gives a
// tour; "ringbench help" lists the commands.
package main
