package main

import "fmt"

// because makes an error that wraps err without repeating its text, so that a
// long line can begin with the cause and end with the remedy.
func because(err error, format string, args ...any) error {
	return reason{fmt.Sprintf(format, args...), err}
}

type reason struct {
	text string
	err  error
}

func (r reason) Error() string { return r.text }
func (r reason) Unwrap() error { return r.err }
