package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.lang.invoke.VarHandle;

/**
 * Finding places in a broadcast ring: section 12 of the layout. A consumer copies first, and asks then whether what it copied was still
 * there.
 */
final class CastReader {
    /** Where a consumer starts or goes on. */
    enum From {
        /** Behind the last record. */
        BEHIND,
        /** At the last record. */
        LATEST,
        /** At the first that can be found. */
        BACKLOG
    }

    private static final int LOOKS = 1 << 16; // no correct peer changes its words so often while one looks

    private final Geometry g;
    private final Words words;
    private final int cursor, intent;

    /** What place has found: a position, and how many messages were sent before it. */
    record Place(long pos, long number) {}

    CastReader(Ring ring) {
        g = ring.geometry;
        words = ring.region.words;
        cursor = ring.side(Role.PRODUCER).cursor;
        intent = ring.side(Role.PRODUCER).endpoint + ENDPOINT_INTENT;
    }

    static long record(long n) {
        return WORD_SIZE + Endpoint.align(n);
    }

    /** Whether the consumers of a ring are waited for. */
    static boolean waits(Ring ring) {
        return ring.header.requires(FEATURE_BLOCK | FEATURE_DROP);
    }

    int at(long pos) {
        return (int) (g.dataArea + (pos & g.capacity - 1));
    }

    long header(long pos) {
        return words.load(at(pos));
    }

    /** Whether what was loaded from pos on was still there: intent is loaded behind all these loads. */
    boolean untouched(long pos) {
        return Long.compareUnsigned(recheck(intent) - pos, g.capacity) <= 0; // [B1]
    }

    private long recheck(int at) {
        VarHandle.acquireFence();
        return words.load(at);
    }

    /** The number next to count whose low half is low. */
    private static long nearest(long count, long header) {
        return count + ((int) (header >>> CAST_NUMBER_SHIFT) - (int) count); // signed, of 32 bits
    }

    Place place(From from) throws RingException {
        for (int look = 0; look < LOOKS; look++) {
            if (look % 64 == 63) {
                Thread.yield();
            }
            // In the order in which the producer stores them.
            long last = words.load(cursor + CURSOR_LATEST), tail = words.load(cursor + CURSOR_POSITION); // [B2]
            long count = words.load(cursor + CURSOR_MESSAGES);
            if (((last | tail) & WORD_SIZE - 1) != 0) {
                throw implausible("latest and tail at multiples of 8", last | tail, last);
            }
            if (last - tail >= 0) {
                // What is at last is not committed, or there is nothing yet; count is tail's if tail is still the same.
                if (recheck(cursor + CURSOR_POSITION) == tail) {
                    return new Place(tail, count);
                }
                continue;
            }
            long lap = tail & -g.capacity;
            if (from == From.BACKLOG && lap - last < 0) {
                long w = header(lap); // where data wraps a record starts
                if (untouched(lap)) {
                    return new Place(lap, nearest(count, w));
                }
            }
            long w = header(last);
            if (!untouched(last)) {
                if (recheck(cursor + CURSOR_LATEST) == last) {
                    throw implausible("intent at most a ring ahead of latest", words.load(intent), last);
                }
                continue;
            }
            long n = w & CAST_LENGTH_MASK;
            if ((w & CAST_PAD) != 0 || n > g.maxMessage || tail - last - record(n) < 0) {
                throw implausible("the last record's header", w, last);
            }
            return from == From.BEHIND ? new Place(last + record(n), nearest(count, w) + 1) : new Place(last, nearest(count, w));
        }
        throw implausible("positions that can be read", 0, 0);
    }

    private static RingException implausible(String expected, long found, long at) {
        return new RingException(Kind.CORRUPT, String.format("expected %s, found %#x at position %s", expected, found, Long.toUnsignedString(at)));
    }
}
