package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * A handle on a ring: memory that processes share, in which producers leave messages for consumers. Any language that speaks Annulus'
 * layout may be at the other end.
 *
 * <p>A handle may be used by any number of threads; each endpoint that it makes, by one at a time. The ring outlives its handles: it
 * stays until its file is removed, or the machine boots. Waiting, locks and roles need system calls, which Java 22 and later can make,
 * and earlier ones with the library in this jar; where neither is to be had, only {@link #openReadOnly} works.
 */
public final class Ring implements AutoCloseable {
    final Region region;
    final Header header;
    final Geometry geometry;
    final Table table; // null: no endpoint table
    final Repair repair; // null: not MPMC
    final Granules granules; // null: not in one order
    final Intents intents;
    private final Side producer, consumer;
    private final int slotBits;

    private Ring(Region region, Header header) {
        this.region = region;
        this.header = header;
        geometry = header.geometry;
        producer = new Side(geometry, Role.PRODUCER);
        consumer = new Side(geometry, Role.CONSUMER);
        slotBits = Long.numberOfTrailingZeros(geometry.capacity);
        table = geometry.members > 0 ? new Table(this) : null;
        repair = geometry.topology == TOPOLOGY_MPMC ? new Repair(this) : null;
        granules = geometry.granules > 0 ? new Granules(this) : null;
        intents = Intents.of(geometry);
    }

    /** Opens the ring of that name in POSIX shared memory: /dev/shm/NAME. It must belong to the effective user. */
    public static Ring open(String name) throws RingException {
        return open(shared(name));
    }

    /** Opens the ring in a file of the effective user's. A symbolic link is not followed. */
    public static Ring open(Path path) throws RingException {
        return adopt(Region.open(path, false));
    }

    /** Opens the ring in a file to be looked at only: nothing is ever written, and no system call but Java's own is needed. */
    public static Ring openReadOnly(String name) throws RingException {
        return openReadOnly(shared(name));
    }

    /** As {@link #openReadOnly(String)}. */
    public static Ring openReadOnly(Path path) throws RingException {
        return adopt(Region.open(path, true));
    }

    /** Opens the ring under an inherited descriptor, as of a memfd. The file is opened anew; the descriptor stays the caller's. */
    public static Ring openDescriptor(int descriptor) throws RingException {
        return adopt(Region.openDescriptor(descriptor, false));
    }

    static Ring openDescriptorReadOnly(int descriptor) throws RingException {
        return adopt(Region.openDescriptor(descriptor, true));
    }

    /** Makes a ring of that name in POSIX shared memory, complete before it has its name, and opens it. */
    public static Ring create(String name, RingConfig config) throws RingException {
        return create(shared(name), config);
    }

    /** Makes a ring in a new file, where the file system knows unnamed ones (tmpfs, ext4, xfs, btrfs), and opens it. */
    public static Ring create(Path path, RingConfig config) throws RingException {
        Geometry g = config.geometry();
        return adopt(Creator.create(path, g.totalSize, config.mode(), m -> Header.format(m, g, config.features(), Proc.bootId(), Proc.now())));
    }

    /** Makes a ring of that name unless there is one, which must be of that config, and opens it. */
    public static Ring openOrCreate(String name, RingConfig config) throws RingException {
        try {
            return create(name, config);
        } catch (RingException e) {
            if (e.kind() != Kind.EXISTS) {
                throw e;
            }
        }
        Ring r = open(name);
        Geometry want = config.geometry(), found = r.geometry;
        if (found.kind != want.kind || found.topology != want.topology || found.capacity != want.capacity || found.slotSize != want.slotSize
                || found.members != want.members || found.slotPayload != want.slotPayload
                || r.header.longAt(HEADER_REQUIRED) != config.features()) {
            r.close();
            throw new RingException(Kind.INVALID, String.format("expected a ring as configured (%s), found %s under that name: %s", want.summary(),
                    name, found.summary()));
        }
        return r;
    }

    /** The file of a name in POSIX shared memory. */
    static Path shared(String name) throws RingException {
        byte[] b = name.getBytes(java.nio.charset.StandardCharsets.UTF_8);
        if (b.length == 0 || b.length > 255 || name.contains("/") || name.equals(".") || name.equals("..") || name.indexOf(0) >= 0) {
            throw new RingException(Kind.INVALID, "expected a name of 1 to 255 bytes without a slash, found " + b.length + " bytes: "
                    + (name.length() > 80 ? name.substring(0, 80) + "..." : name));
        }
        return Path.of("/dev/shm", name);
    }

    private static Ring adopt(Region region) throws RingException {
        try {
            Header h = Header.decode(region.start(HEADER_SIZE), region.fileSize(), region.readOnly);
            region.map(h.geometry.totalSize);
            Ring r = new Ring(region, h);
            for (Side s : new Side[] {r.producer, r.consumer}) {
                if ((region.words.load(s.arm + ARM_ARM) & ARM_VALID) == 0) {
                    throw new RingException(Kind.CORRUPT, "expected the arm word of the " + s.role + "'s side with its valid bit, found it without");
                }
                int shared = region.words.loadInt(s.semaphore + Header.SEM_SHARED_AT);
                if (shared != Header.SEM_SHARED) {
                    throw new RingException(Kind.CORRUPT, "expected a semaphore that processes share for the " + s.role + ", found " + shared + " in place of "
                            + Header.SEM_SHARED);
                }
            }
            return r;
        } catch (RingException | RuntimeException e) {
            region.close();
            throw e;
        }
    }

    /** Takes the producer's role, or one more producer's place in a ring of many, and sleeps on futexes where it waits. */
    public Producer producer() throws RingException {
        return producer(WaitStrategy.FUTEX, 0);
    }

    /** As {@link #producer(WaitStrategy, long)} without a tag. */
    public Producer producer(WaitStrategy strategy) throws RingException {
        return producer(strategy, 0);
    }

    /**
     * Takes the producer's role: {@link Kind#ATTACHED} while another producer lives. After its death the new one goes on behind what was
     * committed. In a ring of many it is one more producer, ATTACHED while the endpoint table is full; a tag that is not 0 keeps its place
     * there for its successor, which gives the same tag, until it closes: see {@link Producer#committed}.
     */
    public Producer producer(WaitStrategy strategy, long tag) throws RingException {
        Producer p = switch (geometry.topology) {
            case TOPOLOGY_MPSC -> lane(strategy, tag);
            case TOPOLOGY_SPSC -> new StreamProducer(this, strategy);
            case TOPOLOGY_MPMC -> new TicketProducer(this, strategy);
            case TOPOLOGY_MPSC_ORDERED -> new OrderedProducer(this, strategy);
            default -> throw new RingException(Kind.UNSUPPORTED,
                    "expected a ring whose producers this library has, found a broadcast ring; send in Go or C");
        };
        if (geometry.topology != TOPOLOGY_MPSC) {
            p.attach(tag);
        }
        return p;
    }

    /** A producer in a lane of its own. That one is spoilt says nothing of the others. */
    private Producer lane(WaitStrategy strategy, long tag) throws RingException {
        BitSet refused = new BitSet();
        for (;;) {
            int before = refused.cardinality();
            Producer p = new StreamProducer(this, strategy);
            try {
                p.attach(tag, refused);
                return p;
            } catch (RingException e) {
                if (refused.cardinality() == before) {
                    throw e;
                }
            }
        }
    }

    /** Takes the consumer's role, or one more consumer's place in a ring of many, and sleeps on futexes where it waits. */
    public Consumer consumer() throws RingException {
        return consumer(WaitStrategy.FUTEX);
    }

    /**
     * Takes the consumer's role: {@link Kind#ATTACHED} while another consumer lives. The new one goes on at the first message that its
     * predecessor has not released. In a ring of many consumers it is one more.
     */
    public Consumer consumer(WaitStrategy strategy) throws RingException {
        return consumer(strategy, false);
    }

    /**
     * As {@link #consumer(WaitStrategy)}; in a broadcast ring with a backlog it begins with what was sent before, as far as it can be found
     * (where the producer waits for consumers: with the latest message), else behind it. Elsewhere a backlog means nothing.
     *
     * <p>A consumer of a broadcast ring that was opened read-only stores nothing, polls while it waits, and is not waited for.
     */
    public Consumer consumer(WaitStrategy strategy, boolean backlog) throws RingException {
        Consumer c = switch (geometry.topology) {
            case TOPOLOGY_SPSC -> new StreamConsumer(this, strategy);
            case TOPOLOGY_MPMC -> new TicketConsumer(this, strategy);
            case TOPOLOGY_MPSC -> new LaneConsumer(this, strategy);
            case TOPOLOGY_MPSC_ORDERED -> new OrderedConsumer(this, strategy);
            case TOPOLOGY_CAST -> new CastConsumer(this, strategy, backlog);
            default -> throw new IllegalStateException("topology " + geometry.topology); // the header was checked
        };
        c.attach(0);
        return c;
    }

    /** Asks the kernel whether anybody holds a role: a killed process does not, a stopped one does. */
    public boolean isAttached(Role role) throws RingException {
        boolean many = table != null && !(role == Role.CONSUMER && geometry.topology == TOPOLOGY_MPSC)
                && !(role == Role.PRODUCER && geometry.topology == TOPOLOGY_CAST);
        return many ? table.alive(role, Table.NOBODY, false) : region.locked(side(role).lock);
    }

    /**
     * Settles at once whatever dead endpoints of a ring of many have left and nobody takes over: how many slots, or in one order granules
     * of 64 bytes, up to the first claim of a live producer. Blocked endpoints do so by themselves for what they wait for. In other rings there is nothing to do.
     */
    public long recover() throws RingException {
        if (region.readOnly) {
            throw new RingException(Kind.PERMISSION, "expected a ring opened for writing, found it opened read-only");
        }
        return repair != null ? repair.all() : granules != null ? granules.recover(Table.NOBODY) : 0;
    }

    /** The greatest message, in bytes. */
    public int maxMessage() {
        return (int) geometry.maxMessage;
    }

    /** Whether every message has {@link #maxMessage} bytes. */
    public boolean isFixedSize() {
        return geometry.slotPayload == SLOT_PAYLOAD;
    }

    /**
     * Lets go of the file; the ring stays. Close the endpoints first, or it is an IllegalStateException. Memory is unmapped once no slice
     * of it that was handed out can be reached any more.
     */
    @Override
    public void close() {
        region.close();
    }

    /** Whether places are drawn by ticket. */
    boolean draws() {
        return repair != null || granules != null;
    }

    Side side(Role role) {
        return role == Role.PRODUCER ? producer : consumer;
    }

    /** The next that a role draws: tail or head. */
    long counter(Role role) {
        return region.words.load(side(role).cursor + CURSOR_POSITION);
    }

    /** Where the word of ticket t's slot is. */
    int slot(long t) {
        return (int) (geometry.dataArea + (t & geometry.capacity - 1) * geometry.slotStride);
    }

    /** The word of ticket t in a state. */
    long lapWord(long t, int state) {
        return t >>> slotBits << SLOT_LAP_SHIFT | state;
    }

    /** Wakes everybody: what they sleep for may be there. */
    void rouseAll() {
        Gate.between(region, producer, consumer, true, null, null).interrupt();
        Gate.between(region, consumer, producer, true, null, null).interrupt();
    }
}
