package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;

/**
 * What positions count in a ring of many producers in one order. Each is a ticket; those of dead producers are skipped one by one.
 * Section 11 of the layout.
 */
final class Granules {
    private static final int RUN = 64; // settled by one look at the intents

    private final Ring ring;
    private final Geometry g;
    private final Words words;
    final long size, mask;

    Granules(Ring ring) {
        this.ring = ring;
        g = ring.geometry;
        words = ring.region.words;
        size = g.granules;
        mask = size - 1;
    }

    /** How many granules a record of n bytes takes. */
    static long of(long n) {
        return (WORD_SIZE + n + GRANULE_SIZE - 1) / GRANULE_SIZE;
    }

    /** Where the word of position p is. */
    int at(long p) {
        return (int) (g.wordTable + (p & mask) * WORD_SIZE);
    }

    /** Where its bytes are. */
    int data(long p) {
        return (int) (g.dataArea + (p & mask) * GRANULE_SIZE);
    }

    long word(long p, int state) {
        return p & ~mask | state;
    }

    /** Whether w, the word of position p, says nothing of its lap yet. Words are compared as distances: positions may run over. */
    boolean isFree(long w, long p) {
        long state = w & mask;
        if (state == 0 || state > GRANULE_PAD) {
            return w == 0;
        }
        return (w & ~mask) - (p & ~mask) < 0;
    }

    /** The first word of the record at position p: its span above its length; -1: it is impossible. */
    long record(long p) {
        long first = words.load(data(p)), length = first & SPAN_LENGTH_MASK, span = first >>> SPAN_SHIFT;
        return length <= g.maxMessage && of(length) <= span && span <= size - (p & mask) ? first : -1;
    }

    /** How many granules, from position p on, its word w speaks of; 0: it says nothing yet, or makes no sense. */
    long extent(long p, long w) {
        long state = w - (p & ~mask);
        if (state == GRANULE_COMMITTED) {
            long first = record(p);
            return first < 0 ? 0 : first >>> SPAN_SHIFT;
        }
        // A record fits where all of a lap is left.
        return state == GRANULE_SKIP ? 1 : state == GRANULE_PAD ? size - (p & mask) & mask : 0;
    }

    /** Whether position p is drawn, tail being the next, and its word w says nothing. */
    boolean isPending(long w, long p, long tail) {
        long behind = tail - p;
        return behind != 0 && Long.compareUnsigned(behind, size) <= 0 && isFree(w, p);
    }

    /** Of n granules from p on, seen pending before the call: those before the first that a live producer's intent names. */
    private long deadRun(long p, long own, long n) throws RingException {
        for (Side.Entry m : ring.table.entries) {
            long in = words.load(m.member + MEMBER_INTENT), first = 0; // [I1]
            while (first < n && !ring.intents.covers(in, p + first)) {
                first++;
            }
            if (first < n && m.lock != own && words.loadInt(m.holder + HOLDER_ROLE) == ROLE_PRODUCER && ring.region.locked(m.lock)) {
                n = first;
            }
        }
        return n;
    }

    /** Settles the granules from p on, where a record would start, that belong to dead producers, up to the first that does not; how many. */
    long repair(long p, long own) throws RingException {
        long tail = ring.counter(Role.PRODUCER), done = 0;
        long[] seen = new long[RUN];
        for (;;) {
            int n = 0;
            while (n < RUN && isPending(seen[n] = words.load(at(p + done + n)), p + done + n, tail)) { // before the look at the intents
                n++;
            }
            long dead = deadRun(p + done, own, n), k = 0;
            for (; k < dead; k++) {
                long t = p + done + k;
                // Its owner may have filled it before it died. Now what says nothing stays so.
                if (words.load(at(t)) != seen[(int) k]) {
                    break;
                }
                ring.table.mark(t);
                if (!words.swap(at(t), seen[(int) k], word(t, GRANULE_SKIP))) { // [R1]
                    break;
                }
                words.add(ring.side(Role.PRODUCER).endpoint + ENDPOINT_REPAIRED, 1);
            }
            done += k;
            if (k > 0) {
                ring.rouseAll();
            }
            if (k < RUN) {
                return done;
            }
        }
    }

    /**
     * Walks from head to the first claim of a live producer, or to tail, and settles what is dead on the way: where the claims behind one
     * begin is not known before. How many.
     */
    long recover(long own) throws RingException {
        long p = ring.counter(Role.CONSUMER), tail = ring.counter(Role.PRODUCER), settled = 0;
        for (long looks = 2 * size + 2; looks > 0; looks--) { // each is seen free, then settled
            long behind = tail - p;
            if (behind == 0 || Long.compareUnsigned(behind, size) > 0) {
                return settled;
            }
            long w = words.load(at(p)), n = extent(p, w), head = ring.counter(Role.CONSUMER); // [P1]
            if (head - p > 0) {
                p = head; // what was read may have been overwritten
                continue;
            }
            if (n == 0 && !isFree(w, p)) {
                throw new RingException(Kind.CORRUPT, String.format("expected a granule's word, found %#x at position %s, or in what it stands for", w,
                        Long.toUnsignedString(p)));
            }
            if (n == 0) {
                n = repair(p, own);
                settled += n;
                if (n == 0 && words.load(at(p)) == w) {
                    return settled;
                }
            }
            p += n;
        }
        throw new RingException(Kind.CORRUPT, "expected the words of granules to stand still, found that they change faster than they can be read");
    }
}
