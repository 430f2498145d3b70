package ring

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
	"annulus/shm"
)

// Ring is one process' handle on a ring: what Create and Open return. It hands
// out the endpoints. Its methods may be called from any goroutine.
type Ring struct {
	region   *shm.Region
	mem      []byte // of an apart ring, what the producer writes
	geometry layout.Geometry
	config   Config
	header   layout.Header // a private copy
	producer side
	consumer side
	form     form
	table    bool             // there is an endpoint table, of one side or both
	members  []member         // its endpoint table
	intents  intents          // how their claims are written
	lanes    []laneAt         // MPSC: where the lanes lie, lane i that of members[i]
	semData  *futex.Semaphore // nil where semaphores are not to be had
	semSpace *futex.Semaphore
	options  options
	apart    *apart // of Offer and Accept; else nil

	mu        sync.Mutex
	closed    bool
	endpoints map[*endpoint]func() error // open ones and how to close them
}

type options struct {
	region            []shm.Option
	efdData, efdSpace *futex.Eventfd
	policy            func(Cred) error
	limit             int64
}

// Option is a choice of this process alone; it is not persisted.
type Option func(*options)

// WithRegion passes options to the memory under the ring: mode, huge pages,
// prefault, mlock, owner, read-only.
func WithRegion(opts ...shm.Option) Option {
	return func(o *options) { o.region = append(o.region, opts...) }
}

// WithEventfds lets the ring's sleepers use futex.ParkEventfd: consumers sleep
// on data, producers on space. Every process that attaches must be handed the
// same two eventfds (by inheritance or over a socket); a ring created with this
// option refuses others. They must stay open until the ring is closed.
func WithEventfds(data, space *futex.Eventfd) Option {
	return func(o *options) { o.efdData, o.efdSpace = data, space }
}

func collect(opts []Option) options {
	var o options
	for _, f := range opts {
		f(&o)
	}
	return o
}

// identity is what the creator writes beside the geometry.
func identity(c Config, o options) layout.Identity {
	id := layout.Identity{
		Fingerprint: c.fingerprint, Element: c.element,
		BootID: proc.BootID(), CreatedNS: uint64(time.Now().UnixNano()), CreatorPID: uint64(os.Getpid()),
	}
	if o.efdData != nil || o.efdSpace != nil {
		id.Required |= layout.FeatureEventfd
	}
	if c.Redeliver {
		id.Required |= layout.FeatureRedeliver
	}
	id.Required |= c.Overrun.feature()
	return id
}

// Attach makes a handle on the ring that lies in region, after checking every
// field of its header. The handle takes over the region: Close closes it. If
// Attach fails the region is closed too.
func Attach(region *shm.Region, opts ...Option) (*Ring, error) {
	r, err := attach(region, collect(opts))
	if err != nil {
		return nil, errors.Join(err, region.Close())
	}
	return r, nil
}

func attach(region *shm.Region, o options) (*Ring, error) {
	b := region.Bytes()
	raw := make([]byte, min(len(b), layout.HeaderSize))
	copy(raw, b)
	r := &Ring{region: region, options: o, endpoints: make(map[*endpoint]func() error)}
	var err error
	r.geometry, r.header, err = layout.Decode(raw, uint64(len(b)))
	if cerr := region.Check(); cerr != nil {
		err = cerr // zeros read from a lost page explain themselves
	}
	if err != nil {
		return nil, fmt.Errorf("ring %s: %w", r.name(), err)
	}
	if r.header.Required&layout.FeatureEventfd != 0 && !region.ReadOnly() && (o.efdData == nil || o.efdSpace == nil) {
		return nil, fmt.Errorf("ring %s: %w: its sleepers use eventfds, open it with WithEventfds", r.name(), ErrFeature)
	}
	if err := r.lay(b, b); err != nil {
		return nil, err
	}
	g := &r.geometry
	for line, sem := range map[uint64]**futex.Semaphore{layout.LineSemData: &r.semData, layout.LineSemSpace: &r.semSpace} {
		off := g.SharedArea + line*g.Stride
		s, err := futex.SemaphoreAt(b[off : off+layout.SemSize])
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return nil, fmt.Errorf("ring %s: %w: %w", r.name(), ErrCorrupt, err)
		}
		*sem = s
	}
	return r, nil
}

// lay lays the ring over what its producers write and what its consumers do.
func (r *Ring) lay(p, c []byte) error {
	g := &r.geometry
	r.mem = p
	r.config = configOf(r.geometry, &r.header)
	r.producer = sideAt(p, g.ProducerArea, g.Stride, "producer", layout.RoleProducer, layout.LockProducer)
	r.consumer = sideAt(c, g.ConsumerArea, g.Stride, "consumer", layout.RoleConsumer, layout.LockConsumer)
	r.form, r.table = formOf(g)
	r.members, r.intents = membersOf(p, g), intentsOf(g)
	r.lanes = lanesOf(p, g)
	r.producer.many = r.table && r.form != formCast
	r.consumer.many = r.table && r.lanes == nil
	for _, s := range []side{r.producer, r.consumer} {
		if w := mem.Load(&s.arm.Arm); w&layout.ArmValid == 0 {
			return r.implausible("the %s's arm word is %#x, without its valid bit", s.role, w)
		}
	}
	return nil
}

// Config returns what the ring is.
func (r *Ring) Config() Config { return r.config }

// Name returns the name or path the ring was opened by; "" for memory without.
func (r *Ring) Name() string { return r.region.Name() }

// name is Name for error texts.
func (r *Ring) name() string {
	if n := r.region.Name(); n != "" {
		return fmt.Sprintf("%q", n)
	}
	return "in " + r.region.Backing().String() + " memory"
}

// Region returns the memory under the ring, for its File (to pass a memfd on)
// and its Notes. Do not close it. Of a ring by Offer or Accept it is what this process
// writes.
func (r *Ring) Region() *shm.Region { return r.region }

// Close closes the endpoints that are still open here, then the handle. The
// ring itself stays, with what is in it, until it is removed. A second Close
// returns ErrClosed.
func (r *Ring) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return r.closedHere()
	}
	r.closed = true
	var closers []func() error
	for _, f := range r.endpoints {
		closers = append(closers, f)
	}
	r.mu.Unlock()
	var errs []error
	for _, f := range closers {
		if err := f(); err != nil && !errors.Is(err, ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, r.closeMemory())...)
}

func (r *Ring) closedHere() error {
	return closedError(fmt.Sprintf("ring %s: this handle is closed", r.name()))
}

// takeRole takes the lock of a role, or says who has it; where there may be many it
// takes a place in the endpoint table. It returns s with the lock it has.
func (r *Ring) takeRole(s side, o endpointOptions) (side, error) {
	if o.tag != 0 && (!s.many || s.number != layout.RoleProducer) {
		return s, fmt.Errorf("ring %s: WithTag is for the producers of MPMC and MPSC rings, not for a %s of topology %v; leave it out: %w",
			r.name(), s.role, r.config.Topology, errors.ErrUnsupported)
	}
	if r.apart != nil {
		return s, r.apart.assign(r, s)
	}
	if s.many && r.region.ReadOnly() {
		return s.unseen(), nil
	}
	if s.many && !r.single(s) {
		got, err := r.join(s, o)
		if errors.Is(err, ErrAttached) && r.observers() {
			return s.unseen(), nil
		}
		return got, err
	}
	err := r.region.TryLock(s.lock)
	if errors.Is(err, shm.ErrLocked) {
		return s, fmt.Errorf("ring %s: %w: a %s is attached (pid %d); wait until it closes or dies",
			r.name(), ErrAttached, s.role, r.holderOf(s))
	}
	if err != nil {
		return s, fmt.Errorf("ring %s: lock the %s role: %w", r.name(), s.role, err)
	}
	if !s.many {
		return s, nil
	}
	joined, err := r.join(s, o)
	if err != nil {
		return s, errors.Join(err, r.unlock(s))
	}
	joined.sole = true
	return joined, nil
}

// single tells whether a side has one endpoint at a time although there is a table.
func (r *Ring) single(s side) bool {
	return r.form == formOrdered && s.number == layout.RoleConsumer
}

// holderOf returns the process id of the one endpoint of a side, for people.
func (r *Ring) holderOf(s side) uint64 {
	for _, m := range r.members {
		if atomic.LoadUint32(&m.holder.Role) == s.number && atomic.LoadUint32(&m.holder.State) != 0 {
			return mem.Load(&m.holder.PID)
		}
	}
	return mem.Load(&s.endpoint.PID)
}

func (r *Ring) unlock(s side) error {
	switch {
	case s.lock == noLock:
		return nil
	case r.apart != nil:
		r.apart.vacate()
		return nil
	}
	err := r.region.Unlock(s.lock)
	if s.sole {
		err = errors.Join(err, r.region.Unlock(layout.LockConsumer))
	}
	if err != nil {
		return fmt.Errorf("ring %s: unlock the %s role: %w", r.name(), s.role, err)
	}
	return nil
}

// remember lets Close find an endpoint.
func (r *Ring) remember(e *endpoint, closer func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.closedHere()
	}
	r.endpoints[e] = closer
	if r.apart.left() {
		atomic.StoreUint64(&e.quiet, 0)
	}
	return nil
}

func (r *Ring) forget(e *endpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.endpoints, e)
}
