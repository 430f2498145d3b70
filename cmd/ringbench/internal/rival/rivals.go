package rival

import (
	"fmt"

	"annulus/cmd/ringbench/internal/rig"
)

// Rival is one program.
type Rival struct {
	Name   string
	Source string // file name in the sources
	Wait   string // how an idle side waits
	What   string // one line, for lists

	cxx     bool
	libs    []string // what it is linked with
	header  string   // that must be installed; "": only the compiler's own
	debian  string   // the package that has header
	project *project // more than the compiler builds it, when that is asked for

	kinds   []rig.Kind
	batches bool // moves Params.Batch messages at once
	sized   bool // message size and capacity are compiled in
	fixed   int  // the only size there is; 0: any
	named   bool // makes files or sockets, in a directory that Run gives it
}

var (
	both   = []rig.Kind{rig.Throughput, rig.RoundTrip}
	answer = []rig.Kind{rig.RoundTrip}
)

// All lists the rivals in the order of the tables.
var All = []*Rival{
	{
		Name: "boost", Source: "boost_spsc.cpp", Wait: "spin", What: "boost::lockfree::spsc_queue in shared memory",
		cxx: true, header: "boost/lockfree/spsc_queue.hpp", debian: "libboost-dev", sized: true, batches: true, kinds: both,
	},
	{
		Name: "boostmq", Source: "boost_mq.cpp", Wait: "condition", What: "boost::interprocess::message_queue",
		cxx: true, header: "boost/interprocess/ipc/message_queue.hpp", debian: "libboost-dev", libs: []string{"-lrt"}, named: true, kinds: both,
	},
	{
		Name: "zmq", Source: "zmq_ipc.c", Wait: "poll(2)", What: "ZeroMQ over ipc://, PUSH and PULL",
		header: "zmq.h", debian: "libzmq3-dev", libs: []string{"-lzmq"}, named: true, kinds: both,
	},
	{
		Name: "nng", Source: "nng_ipc.c", Wait: "condition", What: "nanomsg-next over ipc://, PAIR",
		header: "nng/nng.h", debian: "libnng-dev", libs: []string{"-lnng"}, named: true, kinds: both,
	},
	{
		Name: "aeron", Source: "aeron_ipc.c", Wait: "spin", What: "Aeron IPC, in Java",
		project: aeron, named: true, kinds: both,
	},
	{
		Name: "iceoryx2", Source: "iceoryx2_ipc.c", Wait: "spin", What: "iceoryx2 publish-subscribe without copies, in Rust",
		project: iceoryx2, named: true, kinds: both,
	},
	{Name: "cflag", Source: "flag_pingpong.c", Wait: "spin", What: "two flags in shared memory", kinds: answer, fixed: 8},
	{Name: "cfutex", Source: "futex_pingpong.c", Wait: "futex", What: "two futex words, a wake and a sleep each time", kinds: answer, fixed: 8},
	{Name: "cpipe", Source: "pipe_pingpong.c", Wait: "read(2)", What: "two pipes, blocking read and write", kinds: answer},
}

// Vyukov is measured with many producers and consumers, by package crowd.
var Vyukov = &Rival{Name: "vyukov", Source: "vyukov_mpmc.cpp", Wait: "yield", What: "D. Vyukov's bounded MPMC queue, for ringbench crowd", cxx: true, sized: true}

// Peer is no rival but the ring's own peer in C, as a worker of package stress.
var Peer = &Rival{Name: "the peer in C", Source: "stress.c"}

// Find returns the rival of that name, or nil.
func Find(name string) *Rival {
	for _, r := range All {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Check tells whether the rival can be measured with p. The error says what it
// can do instead.
func (r *Rival) Check(p *rig.Params) error {
	ok := false
	for _, k := range r.kinds {
		ok = ok || k == p.Kind
	}
	switch {
	case !ok:
		return fmt.Errorf("expected a %[2]s for %[1]s, found a %[3]s", r.Name, r.kindNames(), p.Kind)
	case p.Count > 0:
		return fmt.Errorf("%s runs for a time: expected --duration, found --count", r.Name)
	case p.Kind == rig.Throughput && p.Batch > 1 && !r.batches:
		return fmt.Errorf("%s passes messages one by one: expected --batch 1, found %d", r.Name, p.Batch)
	case r.sized && p.Size%8 != 0:
		return fmt.Errorf("%s: expected a size that is a multiple of 8, found %d", r.Name, p.Size)
	}
	return nil
}

// Size is the message size of a run that was asked for with size: a rival that
// passes only a word says so.
func (r *Rival) Size(size int) int {
	if r.fixed > 0 {
		return r.fixed
	}
	return size
}

// BySize tells whether there is a program for each size and capacity.
func (r *Rival) BySize() bool { return r.sized }

// OnDemand tells whether Build builds it, in seconds; else Prepare does, in minutes and from a registry.
func (r *Rival) OnDemand() bool { return r.project == nil }

func (r *Rival) kindNames() string {
	s := ""
	for i, k := range r.kinds {
		if i > 0 {
			s += " and "
		}
		s += string(k)
	}
	return s
}
