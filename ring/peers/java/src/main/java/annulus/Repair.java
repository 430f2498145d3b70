package annulus;

import static annulus.Layout.*;

/**
 * Tickets of an MPMC ring whose owners are dead, and what becomes of them. Section 8 of the layout, "Dead owners". Anybody who has the
 * ring open may do it, any number at once, and die meanwhile.
 */
final class Repair {
    private final Ring ring;
    private final Words words;
    private final Region region;
    private final boolean redelivers;

    Repair(Ring ring) {
        this.ring = ring;
        region = ring.region;
        words = region.words;
        redelivers = ring.header.requires(FEATURE_REDELIVER);
    }

    /** A message in the hands of a dead consumer: its ticket, and the word it was found under. */
    record Handed(long ticket, long word) {}

    /** Whether ticket t, counter being the next, is drawn and not settled, w being the word of its slot. */
    boolean unsettled(Role role, long w, long t, long counter) {
        long behind = counter - t;
        if (behind == 0 || Long.compareUnsigned(behind, ring.geometry.capacity) > 0) {
            return false;
        }
        if (role == Role.PRODUCER) {
            return w == ring.lapWord(t, SLOT_FREE);
        }
        return (w ^ ring.lapWord(t, 0)) >>> SLOT_LAP_SHIFT == 0 && (w & SLOT_STATE_MASK) != SLOT_FREE;
    }

    /** Whether the message under w goes to another consumer. */
    private boolean keeps(long w) {
        return redelivers && (w & SLOT_STATE_MASK) == SLOT_COMMITTED && (w & SLOT_REDELIVER_MASK) != SLOT_REDELIVER_MASK;
    }

    /**
     * Whether ticket t of a role, which was seen drawn and not settled before the call, belongs to no live endpoint. The entry with lock
     * byte own is not looked at.
     */
    private boolean orphan(Role role, long t, long own) throws RingException {
        for (Side.Entry m : ring.table.entries) {
            if (ring.intents.covers(words.load(m.member + MEMBER_INTENT), t) && m.lock != own // [I1]
                    && words.loadInt(m.holder + HOLDER_ROLE) == role.number && region.locked(m.lock)) {
                return false;
            }
        }
        return true;
    }

    /** Ends an orphan, whose word was w before it was found to be one. The word never takes that value again: one of all who try succeeds. */
    private boolean end(Role role, long t, long w) {
        int at = ring.slot(t);
        long next = ring.lapWord(t + ring.geometry.capacity, SLOT_FREE);
        if (role == Role.PRODUCER) {
            // Its owner may have filled it before it died. Now free stays free.
            if (words.load(at) != w) {
                return false;
            }
            next = ring.lapWord(t, SLOT_SKIP);
            ring.table.mark(t);
        }
        if (!words.swap(at, w, next)) { // [R1]
            return false;
        }
        words.add(ring.side(role).endpoint + ENDPOINT_REPAIRED, 1);
        ring.rouseAll();
        return true;
    }

    /** Settles those of n tickets from t, modulo 2^56, that are orphans, but for what the entry with lock byte own says; how many. */
    long settle(Role role, long t, long n, long own) throws RingException {
        long counter = ring.counter(role), done = 0;
        t = counter - ring.intents.modulo(counter - t);
        for (; n > 0; n--, t++) {
            long w = words.load(ring.slot(t)); // before the look at the intents
            if (!unsettled(role, w, t, counter) || role == Role.CONSUMER && keeps(w)) {
                continue;
            }
            if (orphan(role, t, own) && end(role, t, w)) {
                done++;
            }
        }
        return done;
    }

    /** A message in the hands of a dead consumer, or null. */
    Handed handed() throws RingException {
        if (!redelivers) {
            return null;
        }
        long head = ring.counter(Role.CONSUMER), n = ring.geometry.capacity;
        if (Long.compareUnsigned(head, n) < 0) {
            n = head;
        }
        for (long t = head - n; t != head; t++) {
            long w = words.load(ring.slot(t));
            if (unsettled(Role.CONSUMER, w, t, head) && keeps(w) && orphan(Role.CONSUMER, t, Table.NOBODY)) {
                return new Handed(t, w);
            }
        }
        return null;
    }

    /** Settles whatever dead endpoints have left and nobody takes over; how many. */
    long all() throws RingException {
        long done = 0;
        for (Role role : Role.values()) {
            long counter = ring.counter(role), n = ring.geometry.capacity;
            if (Long.compareUnsigned(counter, n) < 0) {
                n = counter;
            }
            done += settle(role, counter - n, n, Table.NOBODY);
        }
        return done;
    }
}
