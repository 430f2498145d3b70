package feed

import (
	"errors"
	"os"
)

// ErrNoReader, of WriteFIFO: nobody has the FIFO open for reading.
var ErrNoReader = errors.New("no process has it open for reading")

// FIFO says how a named pipe is used.
type FIFO struct {
	Create bool        // make it where there is none
	Perm   os.FileMode // of what is made, before umask; 0: 0600
	Once   bool        // the end of the first on the other side is the end: no wait for another
	NoWait bool        // sinks: no reader is ErrNoReader, at once
	Report func(error) // told of each break of a session; may be nil
}

// A FIFO forgets: what a reader had not read yet when it went away is gone, though the
// sink took it. Where that matters, use a Unix socket and acknowledge.

// ReadFIFO returns the source of the messages that others write to the FIFO at path. When
// the last writer has gone it waits for the next one, unless c.Once; a message that it cut
// off is not sent, and reported. The FIFO stays open in between, so that
// no writer finds it without reader. Writers that come and go at the same moment are one
// stream.
func ReadFIFO(path string, f Framing, c FIFO) (Source, error) { return readFIFO(path, f, c) }

// WriteFIFO returns the sink that writes messages to the FIFO at path. Without a reader
// it waits for one, or fails with ErrNoReader if c.NoWait. When the last reader has gone it waits
// for the next one, unless c.Once, to which it writes what it had not written whole.
func WriteFIFO(path string, f Framing, c FIFO) (Sink, error) { return writeFIFO(path, f, c) }
