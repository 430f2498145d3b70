package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.lang.invoke.VarHandle;
import java.util.BitSet;

/** The endpoint table of a ring of many: who has a place in it. Section 8 of the layout, "Attach", "Leave", "What took effect". */
final class Table {
    static final long NOBODY = -1; // no lock byte

    final Ring ring;
    private final Region region;
    private final Words words;
    final Side.Entry[] entries;

    Table(Ring ring) {
        this.ring = ring;
        region = ring.region;
        words = region.words;
        entries = new Side.Entry[(int) ring.geometry.members];
        for (int i = 0; i < entries.length; i++) {
            entries[i] = new Side.Entry(ring.geometry, i);
        }
    }

    /** An entry that was taken; named: it has its tag since then. */
    record Joined(Side.Entry entry, boolean named) {}

    /** Takes an entry: the one that has the tag, if that is not 0, else a free one that has none and is not refused. */
    Joined join(long tag, BitSet refused) throws RingException {
        for (Side.Entry m : entries) {
            if (tag != 0 && words.load(m.holder + HOLDER_TAG) == tag) {
                return new Joined(occupy(m, tag), false);
            }
        }
        int tagged = 0;
        boolean lanes = ring.geometry.topology == TOPOLOGY_MPSC;
        for (int pass = 0; pass < (lanes ? 2 : 1); pass++) { // a lane with old messages is less to be liked
            for (Side.Entry m : entries) {
                if (words.load(m.holder + HOLDER_TAG) != 0) {
                    tagged += pass == 0 ? 1 : 0;
                    continue;
                }
                if (refused.get(m.index) || lanes && Lane.isDrained(ring, m.index) != (pass == 0)) {
                    continue;
                }
                try {
                    return new Joined(occupy(m, tag), tag != 0);
                } catch (RingException e) {
                    if (e.kind() != Kind.ATTACHED) {
                        throw e;
                    }
                }
            }
        }
        throw new RingException(Kind.ATTACHED, "expected a free entry of the endpoint table, found all " + entries.length
                + " held (" + tagged + " by tags); close endpoints, or create the ring with more members");
    }

    /** Takes an entry if it is free, and settles what its last holder may have claimed. */
    private Side.Entry occupy(Side.Entry m, long tag) throws RingException {
        int errno = region.lock(m.lock);
        if (errno == Kernel.EEXIST || errno == Kernel.EAGAIN) {
            throw new RingException(Kind.ATTACHED, "expected nobody with the tag " + Long.toUnsignedString(tag) + ", found pid "
                    + words.load(m.holder + HOLDER_PID));
        }
        if (errno != 0) {
            throw RingException.system("lock an entry of the endpoint table", errno);
        }
        try {
            long has = words.load(m.holder + HOLDER_TAG);
            if (has != 0 && has != tag) { // somebody was here since the caller looked, and died
                throw new RingException(Kind.ATTACHED, "expected a free entry, found it kept for the tag " + Long.toUnsignedString(has));
            }
            words.publishInt(m.holder + HOLDER_STATE, 0);
            if (ring.draws()) {
                inherit(m);
            }
            words.publish(m.member + MEMBER_SKIPPED, 0);
            words.publish(m.holder + HOLDER_TAG, tag);
            return m;
        } catch (RingException | RuntimeException e) {
            region.unlock(m.lock);
            throw e;
        }
    }

    private void inherit(Side.Entry m) throws RingException {
        long in = words.load(m.member + MEMBER_INTENT);
        if (in != 0) {
            Role role = words.loadInt(m.holder + HOLDER_ROLE) == ROLE_PRODUCER ? Role.PRODUCER : Role.CONSUMER;
            if (ring.granules != null) {
                ring.granules.recover(m.lock);
            } else {
                ring.repair.settle(role, ring.intents.modulo(in), ring.intents.count(in), m.lock);
            }
            if (role == Role.PRODUCER) {
                complete(m, in);
            }
            words.publish(m.member + MEMBER_INTENT, 0);
        }
        // No claim of this holder yet: one at position 0 is not to look like drawn.
        words.publish(m.member + MEMBER_DRAWN, ring.counter(Role.PRODUCER) - 1);
    }

    /**
     * Makes the count of what a dead producer has sent right, whose intent is in: the claim had an effect only if it was drawn, and then up
     * to the first ticket that was, or will be, skipped. Records in one order are counted one by one, and drawn is the one at hand. Doing it
     * twice changes nothing.
     */
    private void complete(Side.Entry m, long in) {
        Intents intents = ring.intents;
        long base = words.load(m.member + MEMBER_BASE), first = words.load(m.member + MEMBER_DRAWN), n = intents.count(in);
        if (ring.granules != null) {
            n = intents.covers(in, first) ? 1 : 0;
        } else if (intents.modulo(first ^ in) != 0) {
            return;
        }
        if (words.load(m.member + MEMBER_SENT) != base) {
            return;
        }
        long tail = ring.counter(Role.PRODUCER), settled = 0;
        while (settled < n && !isPending(first + settled, tail)) {
            settled++;
        }
        long skipped = words.load(m.member + MEMBER_SKIPPED);
        if (skipped != 0 && intents.covers(in, skipped - 1)) {
            settled = Math.max(Math.min(settled, skipped - 1 - first), 0);
        }
        words.publish(m.member + MEMBER_SENT, base + settled);
    }

    /** Whether a ticket that a dead producer has drawn, tail being the next, is not filled. */
    private boolean isPending(long t, long tail) {
        return ring.granules != null ? ring.granules.isPending(words.load(ring.granules.at(t)), t, tail)
                : ring.repair.unsettled(Role.PRODUCER, words.load(ring.slot(t)), t, tail);
    }

    /** Notes in the entries of the dead producers that may have owned ticket t that it is about to be skipped. */
    void mark(long t) {
        for (Side.Entry m : entries) {
            long in = words.load(m.member + MEMBER_INTENT);
            if (!ring.intents.covers(in, t) || words.loadInt(m.holder + HOLDER_ROLE) != ROLE_PRODUCER) {
                continue;
            }
            int at = m.member + MEMBER_SKIPPED;
            long old;
            do { // until there is a lower one of this claim
                old = words.load(at);
            } while (!(old != 0 && ring.intents.covers(in, old - 1) && t - (old - 1) >= 0) && !words.swap(at, old, t + 1));
        }
    }

    /** Fills an entry in. Its state comes before the session, which a last producer that closes reads in the other order. */
    void announce(Side.Entry m, Side side) {
        words.publish(m.holder + HOLDER_PID, ProcessHandle.current().pid());
        words.publish(m.holder + HOLDER_START_TIME, Proc.startTime());
        words.publish(m.holder + HOLDER_ATTACHED, Proc.now());
        words.publishInt(m.holder + HOLDER_ROLE, side.role.number);
        words.publishInt(m.holder + HOLDER_STATE, STATE_ATTACHED);
        words.addInt(side.endpoint + ENDPOINT_SESSION, 1); // [L1]
    }

    /** Whether a live endpoint of a role is attached, other than the one with lock byte but; one that is leaving, if it counts. */
    boolean alive(Role role, long but, boolean leavingToo) throws RingException {
        for (Side.Entry m : entries) {
            int state = words.loadInt(m.holder + HOLDER_STATE);
            if (m.lock != but && words.loadInt(m.holder + HOLDER_ROLE) == role.number
                    && (state == STATE_ATTACHED || leavingToo && state != 0) && region.locked(m.lock)) {
                return true;
            }
        }
        return false;
    }

    /** Announces that an endpoint goes, and tells whether it was the last of its side. Two that leave at once both see the other leave. */
    boolean leaving(Side.Entry m, Role role) throws RingException {
        words.publishInt(m.holder + HOLDER_STATE, STATE_LEAVING);
        VarHandle.fullFence(); // before the look at the others
        return !alive(role, m.lock, false);
    }

    /** Stores that a session was closed in order, unless a later one was since. */
    void closeSession(int endpoint, int session) {
        int at = endpoint + ENDPOINT_CLOSED;
        for (int old = words.loadInt(at); session - old > 0; old = words.loadInt(at)) {
            if (words.swapInt(at, old, session)) { // [P2]
                return;
            }
        }
    }
}
