package rig

import (
	"encoding/json"
	"os"
	"syscall"
)

// Transport is one way to hand messages from a sender to a receiver.
type Transport struct {
	Name     string
	Topology string   // "spsc"
	InOne    bool     // both sides are goroutines of one worker process
	Waits    []string // what Params.Wait may be, the default first; nil: no choice
	Sleeps   string   // how an idle side waits where there is no choice, for the table
	Family   string   // what it is made of, for report.Result

	// Blocked are signals that its workers are started with blocked, in all threads.
	Blocked []syscall.Signal

	// Setup runs in the parent and makes what both sides share. What cannot be had here,
	// or with these parameters, is an *Unable.
	Setup func(p *Params) (*Wiring, error)

	// Open runs in each worker.
	Open func(job *Job) (Link, error)
}

// Wiring is what Setup made.
type Wiring struct {
	Spec     any        // travels to both workers as JSON
	Sender   []*os.File // inherited by the sender, closed in the parent after the start
	Receiver []*os.File // likewise by the receiver
	Close    func() error
}

// Unable says why something cannot be measured here.
type Unable struct {
	Why string // what was expected, what was found
	Do  string // the command that helps; "" for none
}

// Error is both in a line.
func (u *Unable) Error() string {
	if u.Do == "" {
		return u.Why
	}
	return u.Why + ": " + u.Do
}

// Job is what a worker is told.
type Job struct {
	Transport string          `json:"transport"`
	Role      Role            `json:"role"`
	Params    Params          `json:"params"`
	Spec      json.RawMessage `json:"spec"`
	NumFiles  int             `json:"num_files"`

	// Files are the role's files of the Wiring, in order, in non-blocking
	// mode. Open owns them.
	Files []*os.File `json:"-"`
}

// Link is one side's end. The loops live inside it, so that no message pays
// for an interface call; each asks its meter only once per quantum. Of each
// pair the sender calls the first and the receiver the second; a link of role
// Both has the two called concurrently.
type Link interface {
	// Produce sends messages 0, 1, 2… until s.More returns 0, then ends the
	// stream so that Consume sees it. Consume returns nil at the end of it.
	Produce(s *Sender) error
	Consume(r *Receiver) error

	// Ping sends a message, waits for its echo and records the time, until
	// s.More returns 0, then ends the stream. Pong returns nil at its end.
	Ping(s *Sender) error
	Pong(r *Receiver) error

	Close() error
}

// Noter is a Link that hands something of its own to the parent at the end, after its loop:
// one that is in Outcome.Notes.
type Noter interface {
	Notes() ([]byte, error)
}

// Waker is a Link that counts the wake-ups this side has issued so far.
type Waker interface {
	Wakes() uint64
}
