package stress

import (
	"os"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
)

// A ledger is a page of words and a log of messages received. Each word has one
// writer: the worker, or the parent where it says so.
//
//	offset  word
//	0       state
//	8       stop       the parent asks the worker to end in order
//	16      intent     producer: messages it has begun to send
//	24      done       producer: messages it knows to be sent
//	32      logged     consumer: entries written to the log so far
//	40      drained    the parent has read so many of them
//	48      torn       consumer: messages whose checksum was wrong
//	56      committed  producer: messages that those in its place had sent before it
//	64      an error text, zero padded
//	4096    log: a ring of words, one for each message
const (
	wordState = 8 * iota
	wordStop
	wordIntent
	wordDone
	wordLogged
	wordDrained
	wordTorn
	wordCommitted
	textAt   = 64
	textSize = 1024
	logAt    = 4096
	logSize  = 1 << 13 // entries
	ledgerSz = logAt + 8*logSize
)

// States of a worker.
const (
	stateStarting = iota
	stateWorking  // attached
	stateEnded    // in order
	stateFailed   // the text says why
)

// flagRedelivered marks a log entry whose message the ring called redelivered.
const flagRedelivered = 1 << 63

type ledger struct{ *rig.Shared }

func newLedger() (*ledger, error) {
	s, err := rig.NewShared(ledgerSz)
	return &ledger{s}, err
}

func openLedger(f *os.File) (*ledger, error) {
	s, err := rig.MapShared(f)
	return &ledger{s}, err
}

func (l *ledger) get(word uint64) uint64    { return mem.Load(l.Word(word)) }
func (l *ledger) set(word uint64, v uint64) { mem.Publish(l.Word(word), v) }

// fail notes an error for the parent.
func (l *ledger) fail(err error) {
	copy(l.Bytes()[textAt:textAt+textSize-1], err.Error())
	l.set(wordState, stateFailed)
}

func (l *ledger) text() string {
	b := l.Bytes()[textAt : textAt+textSize]
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// progress is a number that changes with whatever the worker does.
func (l *ledger) progress() uint64 {
	return l.get(wordIntent) + l.get(wordDone) + l.get(wordLogged)
}

// reset readies the ledger for the worker's successor. All was read, nobody has it.
func (l *ledger) reset() { clear(l.Bytes()[:logAt]) }

// log writes an entry and waits for room first, which the parent makes.
func (l *ledger) log(entry uint64, wait func()) {
	n := l.get(wordLogged)
	for n-l.get(wordDrained) == logSize {
		wait()
	}
	mem.Prepare(l.Word(logAt+n%logSize*8), entry)
	l.set(wordLogged, n+1)
}

// drain hands the entries that came since to f.
func (l *ledger) drain(f func(entry uint64)) {
	n := l.get(wordLogged)
	for i := l.get(wordDrained); i != n; i++ {
		f(mem.Load(l.Word(logAt + i%logSize*8)))
	}
	l.set(wordDrained, n)
}
