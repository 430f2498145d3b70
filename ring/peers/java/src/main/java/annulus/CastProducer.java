package annulus;

import static annulus.Layout.*;

import java.lang.invoke.VarHandle;

/** The producer of a broadcast ring. Section 12 of the layout. */
final class CastProducer extends Producer {
    private static final long MOST_AHEAD = 8192; // by which intent is raised beyond what is needed

    private final boolean waits = CastReader.waits(ring), drops = ring.header.requires(FEATURE_DROP);
    private final int intent = mine.endpoint + ENDPOINT_INTENT;
    private final long ahead = Math.min(g.capacity / 8, MOST_AHEAD);
    private long raised; // intent
    private long last; // position of the last published record
    private long number, bytes; // of what is published
    private long dropped;
    private long at; // of the open reservation's record
    private long end; // of the last staged record
    private long firstPos; // of what is staged
    private long stagedBytes;
    private boolean dropping; // the open reservation comes to nothing
    private int watch; // the word that the last try failed at
    private long seen; // what it was
    private long vain, stuck; // tries that failed, for want of this position

    CastProducer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, false);
    }

    /** Goes on behind what is committed. */
    @Override
    void takeOver() throws RingException {
        CastReader.Place p = new CastReader(ring).place(CastReader.From.BEHIND);
        long tail = words.load(mine.cursor + CURSOR_POSITION);
        last = words.load(mine.cursor + CURSOR_LATEST);
        raised = words.load(intent);
        // A latest that was not committed says nothing of what may be overwritten.
        if (last - tail > 0) {
            last = tail;
        }
        pos = p.pos();
        number = p.number();
        if (pos != tail || Long.compareUnsigned(raised - tail, g.capacity) > 0 || Long.compareUnsigned(tail - last, g.capacity) > 0
                || ((raised | last) & WORD_SIZE - 1) != 0) {
            throw corrupt("the last record's end at tail, and intent at most a ring beyond", raised, tail);
        }
        bytes = words.load(mine.cursor + CURSOR_BYTES);
        dropped = words.load(mine.cursor + CURSOR_DROPPED);
        watch = mine.cursor + CURSOR_POSITION;
        words.publish(mine.cursor + CURSOR_MESSAGES, number);
        announce();
    }

    @Override
    void depart() {
        words.publishInt(mine.endpoint + ENDPOINT_CLOSED, words.loadInt(mine.endpoint + ENDPOINT_SESSION)); // [P2]
        wake.interrupt();
    }

    @Override
    long committedCount() {
        return staged > 0 ? firstPos : pos;
    }

    @Override
    public long dropped() {
        return dropped;
    }

    /** Whether the producer waits for the consumer that is, or was, in an entry: the time at which it came is 0 once it was found dead. */
    private boolean isWaitedFor(Side.Entry m) {
        return words.loadInt(m.holder + HOLDER_STATE) == STATE_ATTACHED && words.load(m.holder + HOLDER_ATTACHED) != 0; // [B4]
    }

    /** The position that must stay in the ring: of the last record, or of the slowest consumer, which is watched then. */
    private long survey() throws RingException {
        VarHandle.fullFence(); // what was published comes before the loads below
        long keep = last;
        watch = -1;
        for (Side.Entry m : ring.table.entries) {
            if (!isWaitedFor(m)) {
                continue;
            }
            long place = words.load(m.member + MEMBER_DRAWN); // [B3]
            if (place - committedCount() > 0 || (place & WORD_SIZE - 1) != 0) {
                throw corrupt("a consumer's position up to what is committed", place, pos);
            }
            if (place - keep < 0) {
                keep = place;
                watch = m.member + MEMBER_DRAWN;
            }
        }
        return keep;
    }

    /**
     * Finds consumers that are in the way of an end and dead, and does not wait for them any more. The lock is looked at, not taken: whoever
     * comes for the entry stores another time before it counts as attached, so the swap cannot strike it.
     */
    private boolean bury(long to) throws RingException {
        boolean found = false;
        for (Side.Entry m : ring.table.entries) {
            long came = words.load(m.holder + HOLDER_ATTACHED); // before the look at the lock
            if (isWaitedFor(m) && words.load(m.member + MEMBER_DRAWN) + g.capacity - to < 0 && !region.locked(m.lock)
                    && words.swap(m.holder + HOLDER_ATTACHED, came, 0)) { // [B4]
                words.add(peer.endpoint + ENDPOINT_REPAIRED, 1);
                found = true;
            }
        }
        return found;
    }

    /** survey, which finds out who has died where that is in the way: at once when it begins to be, then now and then. */
    private long slowest(long to) throws RingException {
        long keep = survey();
        if (keep + g.capacity - to >= 0) {
            vain = 0;
            return keep;
        }
        if (vain++ == 0 || stuck != keep) {
            stuck = keep;
            vain = 1;
        }
        return (vain == 1 || Claim.isDue(vain, idle)) && bury(to) ? survey() : keep;
    }

    /** Raises intent to an end, or further, if that is at most a ring ahead of what must stay. */
    private boolean raise(long to) throws RingException {
        watch = -1;
        long keep = waits ? slowest(to) : last, limit = keep + g.capacity;
        if (limit - to < 0) {
            // What to wait for: the slowest; where the own batch is in the way, nothing.
            boolean own = watch < 0;
            watch = own ? mine.cursor + CURSOR_POSITION : watch;
            seen = own ? ~words.load(watch) : keep;
            return false;
        }
        if (!waits && limit - to - ahead > 0) {
            limit = to + ahead;
        }
        if (limit - raised > 0) {
            raised = limit;
            words.publish(intent, limit);
            VarHandle.fullFence(); // [B1] no later store before it, those that go around the caches included
        }
        return true;
    }

    /** Finds room for a record of n bytes, behind padding if need be. */
    private boolean findRoom(int n) throws RingException {
        long rest = g.capacity - (pos & g.capacity - 1), need = CastReader.record(n);
        at = pos + (need > rest ? rest : 0);
        return raised - at - need >= 0 || raise(at + need);
    }

    private int offset(long p) {
        return (int) (g.dataArea + (p & g.capacity - 1));
    }

    @Override
    int claim(int n) throws RingException {
        boolean fits = findRoom(n);
        if (!fits && drops && staged > 0) {
            publishStaged();
            fits = findRoom(n);
        }
        dropping = !fits && drops;
        return fits ? offset(at) + WORD_SIZE : dropping ? DROPPED : FULL;
    }

    @Override
    void stageClaim(int claimed, int n) {
        long header = number + staged << CAST_NUMBER_SHIFT;
        if (dropping) {
            words.publish(mine.cursor + CURSOR_DROPPED, ++dropped);
            return;
        }
        if (at != pos) {
            words.prepare(offset(pos), header | CAST_PAD | at - pos - WORD_SIZE);
        }
        words.prepare(offset(at), header | n);
        if (staged++ == 0) {
            firstPos = pos;
        }
        stagedBytes += n;
        end = at;
        pos = at + CastReader.record(n);
    }

    /** In the order in which CastReader loads. */
    @Override
    void publishStaged() {
        number += staged;
        bytes += stagedBytes;
        last = end;
        words.publish(mine.cursor + CURSOR_LATEST, last); // [B2]
        words.publish(mine.cursor + CURSOR_POSITION, pos); // [B2]
        words.publish(mine.cursor + CURSOR_MESSAGES, number);
        words.publish(mine.cursor + CURSOR_BYTES, bytes);
        staged = stagedBytes = 0;
        VarHandle.fullFence();
        signal(true);
    }

    @Override
    void abortClaim() {} // intent stays: it is never lowered

    @Override
    boolean spaceChanged() {
        return words.load(watch) != seen;
    }
}
