package lin

import "slices"

// Lanes is an MPSC ring with a lane for each producer: a queue for each. A receive takes
// the first of any lane, so there is no order between producers, not even where one's
// send has returned before the other's began. Full speaks of the producer's own lane.
// Empty says that all lanes were empty, at one moment: the consumer looks at one after
// the other, but nobody else takes from them, so one that it finds empty was
// empty when it looked at the first.
type Lanes struct {
	Lane    Queue  // each of them, but for Start
	Senders []int  // the client that each belongs to
	Starts  []Span // records: where the history begins in each
}

const maxLanes = 3

type lanes [maxLanes]queue

func (l Lanes) Init() State {
	var s lanes
	for i := range l.Starts {
		s[i] = queue{head: l.Starts[i].Head, tail: l.Starts[i].Tail}
	}
	return s
}

func (l Lanes) Parts(*Op) []Part { return []Part{0} }

func (l Lanes) Step(s State, o *Op, _ Part) []State {
	st := s.(lanes)
	var next []State
	if o.Verb == Send {
		i := slices.Index(l.Senders, o.Client)
		for _, q := range l.Lane.Step(st[i], o, 0) {
			next = append(next, st.with(i, q.(queue)))
		}
		return next
	}
	if o.Result == Cut {
		next = append(next, st)
	}
	empty := true
	for i := range l.Senders {
		q, some := l.Lane.take(st[i])
		empty = empty && !some
		if some && (o.Result == Cut || o.Result == OK && st[i].items[0] == o.Value) {
			next = append(next, st.with(i, q))
		}
	}
	if o.Result == Empty && empty {
		return []State{st}
	}
	return next
}

func (s lanes) with(i int, q queue) State {
	s[i] = q
	return s
}
