package annulus;

import static annulus.Layout.*;

import java.nio.ByteBuffer;
import java.time.Duration;

/**
 * The receiving end of a ring. Delivery is at least once: a consumer that dies with messages in its hands leaves them to the next one,
 * and the end of the stream behind them too. (In a ring of many to many they are dropped or go to another, as it was created.)
 *
 * <p>Either {@link #receive} copies and releases, or {@link #peek} hands out read-only slices of the ring, which are valid until {@link
 * #release}, the next receive or close; later they show what producers write there.
 *
 * <p>The end of the stream comes when the producers have closed in order and all is received. It stays so until another attaches. A
 * producer that was killed leaves no end: wait on, for its successor.
 *
 * <p>One thread at a time; see {@link Endpoint}.
 */
public abstract class Consumer extends Endpoint {
    static final int EMPTY = -1, END = -2, HELD = -3; // in place of an offset

    int length; // of what next has found
    long messages, bytes; // received since the ring was made, or by those in this place
    long owed; // the position at which the producer was last told of space
    long released; // the position up to which the producer may write
    long quarter; // how much space is worth a wake
    long peeked; // messages not released yet
    boolean over; // the end was returned
    int overSession; // for this session of the producer
    private int answer; // of the last look

    Consumer(Ring ring, WaitStrategy strategy, boolean many) {
        super(ring, Role.CONSUMER, strategy, many);
    }

    /** Finds the next message and its length, and leaves it there: where its payload is, or EMPTY, END or HELD. */
    abstract int next() throws RingException;

    /** The message that next has found, to be handed out. */
    ByteBuffer view(int at) {
        return words.slice(at, length).asReadOnlyBuffer();
    }

    /** Copies it behind the position of a buffer, which stays. */
    void copy(int at, ByteBuffer to) {
        to.put(to.position(), words.buf, at, length);
    }

    /** Moves behind the message that next has found. */
    abstract void moveOn();

    /** Gives all that was taken back. */
    abstract void giveBack();

    /** Whether something has come since next has found nothing. */
    abstract boolean dataChanged();

    /** How often the message returned last was in the hands of a consumer that died, in a ring that redelivers; else 0. */
    public int redelivered() {
        return 0;
    }

    /** Broadcast: how many messages this consumer has lost to overruns. Each is told once, as {@link RingException.Kind#OVERRUN}. */
    public long missed() {
        return 0;
    }

    /** Whether the last look that found nothing was at the end of the stream. */
    public final boolean isAtEnd() {
        return answer == END;
    }

    private int look() throws RingException {
        check();
        try {
            answer = next();
        } catch (InternalError e) {
            throw faulted(e);
        }
        return answer;
    }

    private void take() {
        moveOn();
        messages++;
        bytes += length;
        peeked++;
    }

    /** The next message, in place; null if there is nothing now, see {@link #isAtEnd}, or if others have received in between: release first. */
    public final ByteBuffer tryPeek() throws RingException {
        int at = look();
        if (at < 0) {
            return null;
        }
        ByteBuffer message = view(at);
        take();
        return message;
    }

    /** As {@link #tryPeek}, and waits while there is nothing; null at the end of the stream. */
    public final ByteBuffer peek() throws RingException, InterruptedException {
        return peek(null);
    }

    /** As {@link #peek()}, for at most a timeout: then {@link RingException.Kind#TIMED_OUT}. null: for ever. */
    public final ByteBuffer peek(Duration timeout) throws RingException, InterruptedException {
        ByteBuffer message = tryPeek();
        if (message == null && answer == EMPTY) {
            Wait w = new Wait(this, timeout);
            try {
                do {
                    w.pause(this::dataChanged);
                    message = tryPeek();
                } while (message == null && answer == EMPTY);
            } finally {
                w.done();
            }
        }
        if (answer == HELD) {
            throw new IllegalStateException("expected messages that lie together, found that others have received in between; release what was peeked first");
        }
        return message;
    }

    /** Gives everything peeked back to the producers. */
    public final void release() throws RingException {
        check();
        giveBack();
    }

    /**
     * Copies the next message behind a buffer's position, and releases it with all that was peeked before: its length, or -1 if there is
     * nothing now, see {@link #isAtEnd}. A buffer with too little room is an IllegalArgumentException; the message stays.
     */
    public final int tryReceive(ByteBuffer to) throws RingException {
        int at = look();
        if (at < 0) {
            return -1;
        }
        int n = length;
        if (to.remaining() < n) {
            throw new IllegalArgumentException("expected room for a message of " + n + " bytes, found " + to.remaining());
        }
        copy(at, to);
        to.position(to.position() + n);
        take();
        giveBack();
        return n;
    }

    /** As {@link #tryReceive}, and waits while there is nothing; -1 at the end of the stream. */
    public final int receive(ByteBuffer to) throws RingException, InterruptedException {
        return receive(to, null);
    }

    /** As {@link #receive(ByteBuffer)}, for at most a timeout: then {@link RingException.Kind#TIMED_OUT}. null: for ever. */
    public final int receive(ByteBuffer to, Duration timeout) throws RingException, InterruptedException {
        int n = tryReceive(to);
        if (n < 0 && answer == EMPTY) {
            Wait w = new Wait(this, timeout);
            try {
                do {
                    w.pause(this::dataChanged);
                    n = tryReceive(to);
                } while (n < 0 && answer == EMPTY);
            } finally {
                w.done();
            }
        }
        if (answer == HELD) {
            throw new IllegalStateException("expected nothing peeked, found messages that others have received behind; release first");
        }
        return n;
    }

    /** A copy of the next message, waited for; null at the end of the stream. */
    public final byte[] receive() throws RingException, InterruptedException {
        ByteBuffer message = peek(null);
        if (message == null) {
            return null;
        }
        byte[] copy = new byte[message.remaining()];
        message.get(copy);
        giveBack();
        return copy;
    }

    /** Ends a release of all up to pos: looks whether the producers sleep. */
    final void givenBack() {
        released = pos;
        peeked = 0;
        if (over) {
            storeDrained();
        }
        Words.published();
        if (isQuiet()) {
            return;
        }
        // Wake a producer that waits for space once a quarter of the ring is free, so that it does not sleep and wake for every message.
        boolean now = pos - owed >= quarter;
        if (now) {
            owed = pos;
        }
        signal(now);
    }

    /** Looks around where there is no message: EMPTY or END. */
    final int nothing() throws RingException {
        if ((arm() & ARM_VALID) == 0) {
            throw lost();
        }
        if (peeked == 0 && owed != released) {
            // All is released: a producer that waits for space need not wait for a quarter of the ring.
            owed = released;
            Words.published();
            signal(true);
        }
        int closed = words.loadInt(peer.endpoint + ENDPOINT_CLOSED); // [P2]
        int session = words.loadInt(peer.endpoint + ENDPOINT_SESSION);
        if (over && session == overSession) {
            return END;
        }
        over = false;
        if (closed == 0 || closed != session || !allDelivered(closed)) {
            return EMPTY;
        }
        // What was committed before the close is visible now: look once more.
        if (dataChanged()) {
            return EMPTY;
        }
        over = true;
        overSession = session;
        if (peeked == 0) { // else another consumer may yet have to see them, and the end
            storeDrained();
        }
        return END;
    }

    /** Whether a closed session may be over for this consumer, as far as the ring's words tell. */
    abstract boolean allDelivered(int closed) throws RingException;

    /** Notes that this end of stream was delivered, all before it included. */
    void storeDrained() {
        words.publishInt(mine.endpoint + ENDPOINT_DRAINED, overSession);
    }

    /** The end of a consumer that is the only one: sends fail from now on. */
    final void departAlone() {
        words.or(mine.arm + ARM_ARM, ARM_CLOSED);
        words.publishInt(mine.endpoint + ENDPOINT_CLOSED, words.loadInt(mine.endpoint + ENDPOINT_SESSION));
        wake.interrupt();
    }

    /** The end of a consumer with a place: sends fail from now on, if it is the last. */
    final void departShared() throws RingException {
        int session = words.loadInt(mine.endpoint + ENDPOINT_SESSION); // before the look at the others
        if (ring.table.leaving(entry, Role.CONSUMER)) {
            words.or(mine.arm + ARM_ARM, ARM_CLOSED);
            // One that has come meanwhile takes the flag away, or has it taken away here: then this was not the last.
            if (ring.table.alive(Role.CONSUMER, entry.lock, false)) {
                words.and(mine.arm + ARM_ARM, ~ARM_CLOSED);
            } else {
                ring.table.closeSession(mine.endpoint, session);
            }
        }
        wake.interrupt();
    }
}
