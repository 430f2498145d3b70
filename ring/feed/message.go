package feed

import "fmt"

// A MessageError says which message of a stream an error is about.
type MessageError struct {
	Number  uint64 // of the message in the stream, from 1; 0: not known
	Size    int    // bytes of it; 0: not known, if Err is not about its size
	AtLeast bool   // it has more than Size bytes, all that was seen of it
	Err     error  // what is wrong
}

// Error names the message where its number is known.
func (e *MessageError) Error() string {
	if e.Number == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("message %d: %v", e.Number, e.Err)
}

// Unwrap is errors.Is's.
func (e *MessageError) Unwrap() error { return e.Err }

// A PartError says that a sink failed within a message.
type PartError struct {
	Written int // bytes of it that were written, framing counted
	Err     error
}

// Error says so.
func (e *PartError) Error() string {
	return fmt.Sprintf("%v: within a message, of which %d bytes were written", e.Err, e.Written)
}

// Unwrap is errors.Is's.
func (e *PartError) Unwrap() error { return e.Err }
