package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.lang.invoke.VarHandle;
import java.util.BitSet;

/**
 * What a {@link Producer} and a {@link Consumer} have in common: a role, a place in the ring, a peer to wake, a gate to wait at.
 *
 * <p>One thread at a time may use an endpoint; {@link #cancel} may come from any. A blocking call answers to {@link Thread#interrupt}
 * within 50 ms.
 */
public abstract class Endpoint extends Sleeper implements AutoCloseable {
    private static final long NEVER_QUIET = 1; // no arm word: that has its valid bit

    final Ring ring;
    final Region region;
    final Words words;
    final Geometry g;
    final Side mine, peer;
    final boolean many; // of this side: a place in the endpoint table
    Side.Entry entry; // that place
    Gate wake; // the peer sleeps here
    long pos; // of the next record or slot
    private long quiet = NEVER_QUIET; // the peer's last arm word that asked for nothing
    private RingException failed; // for good
    private boolean open;
    private boolean fenced; // there is no membarrier here: fence after each publish

    Endpoint(Ring ring, Role role, WaitStrategy strategy, boolean many) {
        super(strategy);
        this.ring = ring;
        this.many = many;
        region = ring.region;
        words = region.words;
        g = ring.geometry;
        mine = ring.side(role);
        peer = ring.side(role.other());
    }

    /** Takes the role, finds the place to go on from, tells who is here. */
    final void attach(long tag) throws RingException {
        attach(tag, new BitSet());
    }

    /** As attach, but in none of the refused entries; adds this one to them where what its last holder left is spoilt. */
    final void attach(long tag, BitSet refused) throws RingException {
        if (region.readOnly && mayOnlyLook()) {
            takeOver();
            open = true;
            return;
        }
        if (region.readOnly) {
            throw new RingException(Kind.PERMISSION, "expected a ring opened for writing, found it opened read-only; a " + mine.role + " writes");
        }
        if (ring.table != null && strategy == WaitStrategy.SEMAPHORE) {
            throw new RingException(Kind.INVALID, "expected SPIN or FUTEX in a ring of many, found SEMAPHORE");
        }
        boolean named = false;
        if (!many || isSole()) {
            takeRole();
        }
        if (many) {
            try {
                Table.Joined j = ring.table.join(tag, refused);
                entry = j.entry();
                named = j.named();
            } finally {
                if (entry == null && isSole()) {
                    region.unlock(mine.lock);
                }
            }
        }
        try {
            // Only now: the counts are the entry's.
            fenced = !region.kernel().registerForBarriers();
            wake = Gate.between(region, mine, peer, many, entry, null);
            sleep = Gate.between(region, peer, mine, many, null, entry);
            takeOver();
            open = true;
        } finally {
            if (!open) {
                if (failed != null && failed.kind() == Kind.CORRUPT && many && (named || tag == 0)) {
                    refused.set(entry.index);
                }
                if (named) {
                    words.publish(entry.holder + HOLDER_TAG, 0);
                }
                unlock();
            }
        }
    }

    private void takeRole() throws RingException {
        int errno = region.lock(mine.lock);
        if (errno == Kernel.EEXIST) {
            throw new RingException(Kind.ATTACHED, "expected no " + mine.role + " of this handle, found one; close it first");
        }
        if (errno == Kernel.EAGAIN) {
            throw new RingException(Kind.ATTACHED, "expected no live " + mine.role + ", found pid " + words.load(mine.endpoint + ENDPOINT_PID)
                    + "; wait until it closes or dies");
        }
        if (errno != 0) {
            throw RingException.system("lock the " + mine.role + "'s role", errno);
        }
    }

    /** Whether it holds the role beside its place: there is one at a time. */
    boolean isSole() {
        return false;
    }

    /** Whether it can do without a role, a gate and any store. */
    boolean mayOnlyLook() {
        return false;
    }

    /** Finds where to go on, and announces. The role is held; what this throws gives it back. */
    abstract void takeOver() throws RingException;

    /** Tells the end of this session to others. */
    abstract void depart() throws RingException;

    /** Begins a session. */
    final void announce() {
        if (many) {
            ring.table.announce(entry, mine);
            return;
        }
        int e = mine.endpoint;
        words.publish(e + ENDPOINT_PID, ProcessHandle.current().pid());
        words.publish(e + ENDPOINT_START_TIME, Proc.startTime());
        words.publish(e + ENDPOINT_ATTACHED, Proc.now());
        words.publishInt(e + ENDPOINT_STATE, STATE_ATTACHED);
        words.addInt(e + ENDPOINT_SESSION, 1);
    }

    private void unlock() {
        if (many) {
            region.unlock(entry.lock);
        }
        if (!many || isSole()) {
            region.unlock(mine.lock);
        }
    }

    /**
     * Gives the role back. What was committed stays and is received; what was not released is received by another. Closing twice does
     * nothing. The owner's thread only.
     */
    @Override
    public final void close() throws RingException {
        if (!open) {
            return;
        }
        open = false;
        if (region.readOnly) {
            return;
        }
        if (failed == null && region.isCut()) {
            failed = new RingException(Kind.LOST, "the file was cut"); // a store there would end this JVM
        }
        try {
            // A consumer that found the ring corrupt wants no more all the same; a producer ends nothing that it does not know.
            if (failed == null || mine.role == Role.CONSUMER && failed.kind() != Kind.LOST) {
                depart();
            }
        } finally {
            if (failed == null || failed.kind() != Kind.LOST) {
                words.publishInt(many ? entry.holder + HOLDER_STATE : mine.endpoint + ENDPOINT_STATE, 0);
            }
            unlock();
        }
    }

    /** Lets a waiting call, and every later wait, end with {@link Kind#CANCELLED}. Any thread, while this is open. */
    public final void cancel() {
        cancelled = true;
        if (sleep != null) {
            sleep.interrupt();
        }
    }

    /** The place in the endpoint table of a ring of many, from 0; in a ring of lanes a producer's lane. Else 0. */
    public final int place() {
        return entry == null ? 0 : entry.index;
    }

    final boolean isFailed() {
        return failed != null;
    }

    /** The closer look before an operation. */
    final void check() throws RingException {
        if (!open) {
            throw new IllegalStateException("expected an open " + mine.role + ", found it closed");
        }
        if (failed != null) {
            throw new RingException(failed.kind(), "since then: " + failed.getMessage());
        }
    }

    /** Makes every later operation fail. */
    final RingException fail(Kind kind, String detail) {
        failed = new RingException(kind, detail);
        quiet = NEVER_QUIET;
        return failed;
    }

    final RingException corrupt(String expected, long found, long at) {
        return fail(Kind.CORRUPT, String.format("expected %s at position %s, found %#x", expected, Long.toUnsignedString(at), found));
    }

    /** What an access to a file that was cut has thrown. */
    final RingException faulted(InternalError e) {
        return fail(Kind.LOST, "the file was cut: " + e.getMessage());
    }

    final RingException lost() {
        return fail(Kind.LOST, "expected the " + peer.role + "'s arm word with its valid bit, found it without: the file was cut");
    }

    /** The peer's arm word. */
    final long arm() {
        return words.load(peer.arm + ARM_ARM);
    }

    /** Whether the peer's arm word asks for nothing new. */
    final boolean isQuiet() {
        return arm() == quiet;
    }

    /**
     * Looks, after a publish, whether the peer sleeps, and wakes it. With now false a sleeper is left asleep, to be looked at again. The
     * short half of it is {@link #isQuiet}, behind {@link Words#published}.
     */
    final void signal(boolean now) {
        long w = arm(); // [G1]
        boolean fence = fenced || (w & ARM_FENCE) != 0;
        if (fence) {
            VarHandle.fullFence();
            w = arm(); // [G1]
        }
        if (w == quiet || (w & ARM_VALID) == 0) {
            return; // the next operation finds out
        }
        if (!now && wake.sleeps(w)) {
            return;
        }
        wake.wake(w);
        quiet = fence || (w & ARM_CLOSED) != 0 ? NEVER_QUIET : w;
    }

    @Override
    final void checkForlorn() throws RingException {
        if (region.isCut()) {
            throw fail(Kind.LOST, "expected a file of " + g.totalSize + " bytes, found it shorter");
        }
        if (sleep != null && region.isRemoved() && !ring.isAttached(peer.role)) {
            throw new RingException(Kind.REMOVED, "expected a " + peer.role + " to come, found that the ring has no name any more");
        }
    }

    static long align(long n) {
        return n + WORD_SIZE - 1 & -WORD_SIZE;
    }
}
