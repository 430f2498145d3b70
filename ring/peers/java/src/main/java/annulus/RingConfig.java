package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;

/**
 * What ring to make: an immutable value, changed by its methods, which return another.
 *
 * <pre>{@code Ring.create("work", RingConfig.slots(64, 1024).manyToMany().redelivering()) }</pre>
 */
public final class RingConfig {
    private int kind, topology = TOPOLOGY_SPSC, mode = 0600;
    private long capacity, slotSize, members;
    private boolean fixed, redeliver;
    private long overrun;

    private RingConfig(int kind) {
        this.kind = kind;
    }

    private RingConfig copy() {
        RingConfig c = new RingConfig(kind);
        c.topology = topology;
        c.mode = mode;
        c.capacity = capacity;
        c.slotSize = slotSize;
        c.members = members;
        c.fixed = fixed;
        c.redeliver = redeliver;
        c.overrun = overrun;
        return c;
    }

    /** Records of any length up to half of a capacity in bytes, a power of two. */
    public static RingConfig bytes(long capacity) {
        RingConfig c = new RingConfig(KIND_BYTES);
        c.capacity = capacity;
        return c;
    }

    /** Slots of one size in bytes; their number is a power of two. */
    public static RingConfig slots(long size, long capacity) {
        RingConfig c = new RingConfig(KIND_SLOTS);
        c.slotSize = size;
        c.capacity = capacity;
        return c;
    }

    /** For any number of producers and consumers, of messages of up to the slot size; 64 at a time, see {@link #members}. */
    public RingConfig manyToMany() {
        RingConfig c = copy();
        c.topology = TOPOLOGY_MPMC;
        c.members = members == 0 ? 64 : members;
        return c;
    }

    /** For any number of producers, each with a lane of the capacity, and one consumer; 8 at a time, see {@link #members}. */
    public RingConfig lanes() {
        RingConfig c = copy();
        c.topology = TOPOLOGY_MPSC;
        c.members = members == 0 ? 8 : members;
        return c;
    }

    /** For any number of producers in one order, and one consumer, of records; 64 at a time, see {@link #members}. */
    public RingConfig ordered() {
        return topology(TOPOLOGY_MPSC_ORDERED, 0);
    }

    /** Broadcast: one producer, each message to every consumer that keeps up; 64 at a time, see {@link #members}. */
    public RingConfig broadcast() {
        return topology(TOPOLOGY_CAST, 0);
    }

    /** In a ring of many: how many endpoints there can be at a time. */
    public RingConfig members(long n) {
        RingConfig c = copy();
        c.members = n;
        return c;
    }

    /** Many to many: every message has the slot size, in place of at most so many bytes. */
    public RingConfig fixed() {
        RingConfig c = copy();
        c.fixed = true;
        return c;
    }

    /** Many to many: what a dead consumer had in its hands goes to another; else it is dropped. */
    public RingConfig redelivering() {
        RingConfig c = copy();
        c.redeliver = true;
        return c;
    }

    /** Permission bits of the file; 0600 if not said. */
    public RingConfig mode(int bits) {
        RingConfig c = copy();
        c.mode = bits & 0666;
        return c;
    }

    /** Any topology, for the program: see PROGRAM.md. */
    RingConfig topology(int number, long features) {
        RingConfig c = copy();
        c.topology = number;
        c.members = members != 0 || number == TOPOLOGY_SPSC ? members : number == TOPOLOGY_MPSC ? 8 : 64;
        c.overrun = features;
        return c;
    }

    int mode() {
        return mode;
    }

    long features() {
        return (redeliver ? FEATURE_REDELIVER : 0) | overrun;
    }

    Geometry geometry() throws RingException {
        boolean many = topology == TOPOLOGY_MPMC;
        if (redeliver && !many) {
            throw new RingException(Kind.INVALID, "expected a ring of many consumers for redelivery, found topology " + topology + ", which does so anyway");
        }
        if (overrun != 0 && topology != TOPOLOGY_CAST) {
            throw new RingException(Kind.INVALID, "expected a broadcast ring for --overrun, found topology " + topology);
        }
        return new Geometry(new Geometry.Shape(kind, topology, capacity, slotSize, stride(), members, many && !fixed));
    }

    /** Two cache lines on x86, whose prefetcher fetches lines in pairs. */
    static long stride() {
        return System.getProperty("os.arch").equals("amd64") ? 128 : 64;
    }
}
