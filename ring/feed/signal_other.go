//go:build !(linux && (amd64 || arm64 || loong64 || riscv64))

package feed

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

var errNoSignals = fmt.Errorf("feed: signals with values need 64-bit Linux: %w", errors.ErrUnsupported)

// BlockSignals makes sure that all threads of this process block the signals.
func BlockSignals(...syscall.Signal) error { return errNoSignals }

// Signals returns a source of signals that are sent to this process.
func Signals(...syscall.Signal) (Source, error) { return nil, errNoSignals }

// SignalTo returns a sink that sends a signal to p for each message.
func SignalTo(*os.Process, syscall.Signal) (Sink, error) { return nil, errNoSignals }
