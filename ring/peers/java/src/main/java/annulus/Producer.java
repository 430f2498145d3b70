package annulus;

import static annulus.Layout.*;

import java.nio.ByteBuffer;
import java.time.Duration;

/**
 * The sending end of a ring. A message is committed when the call that sends or publishes it returns: it survives the death of this
 * process, and is received in order.
 *
 * <p>Either {@link #send} copies, or {@link #reserve} hands out a slice of the ring to be filled in place, which {@link #commit} sends.
 * A batch is several reservations, each staged, and one {@link #publish}. The slice is the caller's until commit, stage, abort or
 * close; what is written to it later spoils the ring. Its byte order is big-endian, as that of every new buffer.
 *
 * <p>One thread at a time; see {@link Endpoint}.
 */
public abstract class Producer extends Endpoint {
    static final int FULL = -1; // in place of an offset

    private int room = NOT_RESERVED; // bytes of the open reservation
    private static final int NOT_RESERVED = -1;
    long staged; // messages staged and not published

    Producer(Ring ring, WaitStrategy strategy, boolean many) {
        super(ring, Role.PRODUCER, strategy, many);
    }

    /** Where n bytes may be written in place, or FULL. They have been checked for size. */
    abstract int claim(int n) throws RingException;

    /** The last claim becomes a staged message of its first n bytes. */
    abstract void stageClaim(int claimed, int n);

    /** The last claim is given up. */
    abstract void abortClaim();

    /** Makes what is staged visible, and wakes the consumers. */
    abstract void publishStaged();

    /** What is looked at while the ring is full. */
    abstract boolean spaceChanged();

    abstract long committedCount();

    /** Sends a copy of what remains in a buffer, behind what is staged, if it fits now. Its position is then its limit. */
    public final boolean trySend(ByteBuffer message) throws RingException {
        int n = message.remaining();
        if (staged > 0 && room == NOT_RESERVED) {
            publishStaged();
        }
        int at = tryClaim(n);
        if (at == FULL) {
            return false;
        }
        words.buf.put(at, message, message.position(), n);
        message.position(message.limit());
        finish(n);
        return true;
    }

    /** As {@link #trySend(ByteBuffer)}. */
    public final boolean trySend(byte[] message) throws RingException {
        if (staged > 0 && room == NOT_RESERVED) {
            publishStaged();
        }
        int at = tryClaim(message.length);
        if (at == FULL) {
            return false;
        }
        words.buf.put(at, message);
        finish(message.length);
        return true;
    }

    private void finish(int n) {
        room = NOT_RESERVED;
        stageClaim(n, n);
        publishStaged();
    }

    /** Sends a copy, and waits while the ring is full. */
    public final void send(ByteBuffer message) throws RingException, InterruptedException {
        send(message, null);
    }

    /** As {@link #send(ByteBuffer)}, for at most a timeout: then {@link RingException.Kind#TIMED_OUT}. null: for ever. */
    public final void send(ByteBuffer message, Duration timeout) throws RingException, InterruptedException {
        if (!trySend(message)) {
            Wait w = new Wait(this, timeout);
            try {
                do {
                    w.pause(this::spaceChanged);
                } while (!trySend(message));
            } finally {
                w.done();
            }
        }
    }

    /** Sends a copy, and waits while the ring is full. */
    public final void send(byte[] message) throws RingException, InterruptedException {
        send(ByteBuffer.wrap(message), null);
    }

    /**
     * Reserves n bytes (the slot size in a ring of messages of one size) to be filled in place, or null if they do not fit now. They hold
     * anything.
     */
    public final ByteBuffer tryReserve(int n) throws RingException {
        int at = tryClaim(n);
        return at == FULL ? null : words.slice(at, n);
    }

    /** As {@link #tryReserve}, and waits while the ring is full, after it has published what is staged. */
    public final ByteBuffer reserve(int n) throws RingException, InterruptedException {
        return reserve(n, null);
    }

    /** As {@link #reserve(int)}, for at most a timeout; null: for ever. */
    public final ByteBuffer reserve(int n, Duration timeout) throws RingException, InterruptedException {
        ByteBuffer slice = tryReserve(n);
        if (slice == null) {
            publish(); // else the consumer could make no room
            Wait w = new Wait(this, timeout);
            try {
                do {
                    w.pause(this::spaceChanged);
                    slice = tryReserve(n);
                } while (slice == null);
            } finally {
                w.done();
            }
        }
        return slice;
    }

    private int tryClaim(int n) throws RingException {
        check();
        long w = arm();
        if ((w & ARM_VALID) == 0) {
            throw lost();
        }
        if ((w & ARM_CLOSED) != 0) {
            throw new RingException(RingException.Kind.CLOSED, null);
        }
        if (room != NOT_RESERVED) {
            throw new IllegalStateException("expected no open reservation, found one of " + room + " bytes; commit, stage or abort it");
        }
        if (ring.isFixedSize() ? n != g.maxMessage : n < 0 || n > g.maxMessage) {
            throw wrongSize(n);
        }
        try {
            int at = claim(n);
            if (at != FULL) {
                room = n;
            }
            return at;
        } catch (InternalError e) {
            throw faulted(e);
        }
    }

    private IllegalArgumentException wrongSize(int n) {
        return new IllegalArgumentException(ring.isFixedSize()
                ? "message of the wrong size: expected " + g.maxMessage + " bytes, found " + n
                : "message too large: expected at most " + g.maxMessage + " bytes, found " + n + "; make the ring's capacity greater");
    }

    /** Settles the reservation with its first n bytes: a message that becomes visible with the next publish. */
    public final void stage(int n) throws RingException {
        check();
        if (room == NOT_RESERVED) {
            throw new IllegalStateException("expected an open reservation, found none");
        }
        if (n < 0 || n > room || ring.isFixedSize() && n != room) {
            throw new IllegalArgumentException("expected " + (ring.isFixedSize() ? "" : "at most ") + room + " bytes, as reserved, found " + n);
        }
        int claimed = room;
        room = NOT_RESERVED;
        stageClaim(claimed, n);
    }

    /** Makes every staged message visible, in order: at once, but in a ring of many to many one by one. */
    public final void publish() throws RingException {
        check();
        if (staged > 0) {
            publishStaged();
        }
    }

    /** Stage and publish. */
    public final void commit(int n) throws RingException {
        stage(n);
        publish();
    }

    /** Gives the open reservation up, if there is one. Staged messages stay staged. */
    public final void abort() throws RingException {
        check();
        if (room != NOT_RESERVED) {
            room = NOT_RESERVED;
            abortClaim();
        }
    }

    /** Whether a reservation is open. */
    final boolean isReserved() {
        return room != NOT_RESERVED;
    }

    /**
     * How far this producer and those before it have come: a position of a ring or lane; in a ring of many to many, messages sent under
     * its tag, or without one in its place. One that notes it before a send and dies learns, as the successor, whether that took effect:
     * if it is greater.
     */
    public final long committed() {
        return committedCount();
    }

    /** Takes an old close of the consumers away: without one that is attached it is history. */
    final void unclose() throws RingException {
        boolean present;
        if (ring.table != null && g.topology != TOPOLOGY_MPSC) {
            present = ring.table.alive(Role.CONSUMER, Table.NOBODY, true);
        } else {
            // With state 0 one is still attaching, or has closed before this producer came.
            present = region.locked(peer.lock) && words.loadInt(peer.endpoint + ENDPOINT_STATE) != 0;
        }
        if (!present) {
            words.and(peer.arm + ARM_ARM, ~ARM_CLOSED);
        }
    }

    /** The end of a producer among others: of the session, if it is the last. */
    final void departShared() throws RingException {
        int session = words.loadInt(mine.endpoint + ENDPOINT_SESSION); // before the look at the others
        if (ring.table.leaving(entry, Role.PRODUCER)) {
            ring.table.closeSession(mine.endpoint, session);
        }
        words.publish(entry.holder + HOLDER_TAG, 0);
        wake.interrupt();
    }
}
