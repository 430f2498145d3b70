package lin

// Lanes is an MPSC ring with a lane of Slots messages for each producer: a queue for
// each. A receive takes the first of any lane. Empty says that each lane was empty
// at some moment of the call, not all at one. Full speaks of the producer's own lane.
type Lanes struct {
	Lanes, Slots int
	Lane         func(value uint8) int
}

const maxLanes = 4

type lanes [maxLanes]queue

func (l Lanes) Init() State { return lanes{} }

func (l Lanes) Parts(o *Op) []Part {
	n := 1
	if o.Result == Empty {
		n = l.Lanes
	}
	parts := make([]Part, n)
	for i := range parts {
		parts[i] = Part(i)
	}
	return parts
}

func (l Lanes) Step(s State, o *Op, p Part) []State {
	st := s.(lanes)
	one := Queue{Slots: l.Slots}
	lane := int(p)
	switch {
	case o.Verb == Recv && o.Result == Cut:
		next := []State{st}
		for i := range l.Lanes {
			if q, some := one.take(st[i]); some {
				n := st
				n[i] = q
				next = append(next, n)
			}
		}
		return next
	case o.Result != Empty:
		lane = l.Lane(o.Value)
	}
	var next []State
	for _, q := range one.Step(st[lane], o, 0) {
		n := st
		n[lane] = q.(queue)
		next = append(next, n)
	}
	return next
}

// Log is a broadcast ring: each consumer reads all, by a cursor of its own, which is
// its number among Readers. With Lossy it may be overrun, and goes on further back;
// else Full says that some reader is Slots messages behind.
type Log struct {
	Readers, Slots int
	Lossy          bool
	Reader         func(client int) int
}

const maxReaders = 4

type log struct {
	n       int
	items   [2 * maxItems]uint8
	cursors [maxReaders]int
}

func (l Log) Init() State { return log{} }

func (l Log) Parts(*Op) []Part { return []Part{0} }

func (l Log) Step(s State, o *Op, _ Part) []State {
	st := s.(log)
	if o.Verb == Send {
		room := true
		for _, c := range st.cursors[:l.Readers] {
			room = room && (l.Lossy || st.n-c < l.Slots)
		}
		next := st
		if room {
			next.items[next.n] = o.Value
			next.n++
		}
		return outcome(o, st, next, room, Full)
	}
	c := &st.cursors[l.Reader(o.Client)]
	switch {
	case o.Result == Cut: // its cursor died with it
		return []State{s}
	case o.Result == Empty:
		if *c != st.n {
			return nil
		}
		return []State{st}
	}
	for i := *c; i < st.n; i++ {
		if st.items[i] == o.Value {
			*c = i + 1
			return []State{st}
		}
		if !l.Lossy {
			break
		}
	}
	return nil
}
