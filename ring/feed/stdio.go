package feed

import "os"

// Stdin returns the source of the messages in the standard input. It can be stopped,
// whatever the input is, and leaves the flags of a terminal or pipe that other
// processes share alone. The standard input stays open.
func Stdin(f Framing) (Source, error) {
	in, err := Inherit(os.Stdin)
	if err != nil {
		return nil, err
	}
	return Reader(in, f), nil
}

// Stdout returns the sink that writes messages to the standard output, as Stdin reads. A
// reader that has gone is an error, syscall.EPIPE, and not the end of the process.
func Stdout(f Framing) (Sink, error) {
	out, err := Inherit(os.Stdout)
	if err != nil {
		return nil, err
	}
	return Writer(out, f), nil
}
