package lin

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// Verb is what was called.
type Verb uint8

const (
	Send Verb = iota
	Recv
	Die // no call: its process dies some time from Call on, and is found dead later
)

// Result is what came of a call.
type Result uint8

const (
	OK      Result = iota
	Full           // ErrFull
	Empty          // ErrEmpty
	Dropped        // nil, and the message was counted as dropped
	Overrun        // ErrOverrun
	Cut            // its process died before the call returned
)

// Op is one call. Call and Return are times of one clock for all clients; of a cut
// call, Return is a time at which its process was dead.
type Op struct {
	Client       int
	Verb         Verb
	Value        uint8 // the message; no two sends of a history have the same
	Result       Result
	Redelivered  bool  // a dead consumer had the message in its hands before
	Lost         uint8 // Overrun: messages
	Call, Return int64
}

func (o Op) String() string {
	more := map[bool]string{true: " redelivered"}[o.Redelivered]
	if o.Result == Overrun {
		more = fmt.Sprintf(", %d lost", o.Lost)
	}
	return fmt.Sprintf("%4d-%-4d client %d %s %d: %s%s", o.Call, o.Return, o.Client, []string{"send", "recv", "dies"}[o.Verb],
		o.Value, []string{"ok", "full", "empty", "dropped", "overrun", "cut"}[o.Result], more)
}

// Part is one of the atomic steps that a call consists of. Each happens at some
// moment of the call, and a Spec says in which orders they may come.
type Part uint8

// State is a state of a specification, comparable with ==.
type State any

// Spec is a sequential specification.
type Spec interface {
	// Init is the state of an empty ring.
	Init() State
	// Parts are the steps of a call.
	Parts(*Op) []Part
	// Step does a part of a call and returns the states it may lead to: none
	// where it cannot happen, more than one only for cut calls. It does not change s.
	Step(s State, o *Op, p Part) []State
}

// Parts of the calls of rings whose calls are not one step.
const (
	begins  Part = iota // a place drawn, a message taken
	ends                // committed, freed
	between             // what comes between, if there is something
	whole               // all of them at once
)

// Repair is the part of a cut call, or of a death, that comes at any time after it, done
// by others, if it comes at all.
const Repair Part = 255

// led is what a part may lead to: to next if it was possible (ok). A cut call may have
// come so far or not; of a repair nothing may be left to do.
func led(o *Op, p Part, s, next State, ok bool) []State {
	switch {
	case o.Result == Cut && ok && p != Repair:
		return []State{s, next}
	case o.Result == Cut && !ok:
		return []State{s}
	case ok:
		return []State{next}
	}
	return nil
}

type step struct {
	op   *Op
	part Part
}

// Check tells whether a history can be explained.
func Check(spec Spec, history []Op) bool {
	var ops []porcupine.Operation
	cut := false
	for i := range history {
		o := &history[i]
		cut = cut || o.Result == Cut
		for _, p := range spec.Parts(o) {
			end := o.Return
			if p == Repair {
				end = math.MaxInt64
			}
			ops = append(ops, porcupine.Operation{ClientId: o.Client, Input: step{o, p}, Call: o.Call, Return: end})
		}
	}
	if cut {
		m := porcupine.NondeterministicModel{
			Init: func() []any { return []any{spec.Init()} },
			Step: func(s, in, _ any) []any {
				var next []any
				for _, n := range spec.Step(s, in.(step).op, in.(step).part) {
					next = append(next, n)
				}
				return next
			},
		}
		return porcupine.CheckOperations(m.ToModel(), ops)
	}
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return spec.Init() },
		Step: func(s, in, _ any) (bool, any) {
			next := spec.Step(s, in.(step).op, in.(step).part)
			if len(next) == 0 {
				return false, s
			}
			return true, next[0]
		},
	}, ops)
}

// Show is a history for people, in order of the calls.
func Show(history []Op) string {
	h := slices.Clone(history)
	slices.SortFunc(h, func(a, b Op) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, o := range h {
		fmt.Fprintln(&b, o)
	}
	return b.String()
}

// Overlaps tells whether two calls of different clients overlap in time.
func Overlaps(history []Op) bool {
	for i, a := range history {
		for _, b := range history[i+1:] {
			if a.Client != b.Client && a.Call < b.Return && b.Call < a.Return {
				return true
			}
		}
	}
	return false
}
