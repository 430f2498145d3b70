package annulus;

import static annulus.Layout.*;

/** The records or slots of one producer, from a base in memory on. */
final class Stream {
    final boolean slots;
    final long size, mask;
    int base;
    private final Words words;
    private final long slotStride;
    private final int slotBits;

    /** A header that no correct peer writes, where scan has stopped at one; else 0. */
    long bad;

    Stream(Geometry g, Words words) {
        this.words = words;
        slots = g.kind == KIND_SLOTS;
        size = g.capacity;
        mask = size - 1;
        slotStride = g.slotStride;
        slotBits = Long.numberOfTrailingZeros(size);
    }

    /** Where the word of the record or slot at a position is. */
    int at(long pos) {
        long i = pos & mask;
        return base + (int) (slots ? i * slotStride : i);
    }

    /** What a message of n bytes adds to the position. */
    long need(long n) {
        return slots ? 1 : WORD_SIZE + (n + WORD_SIZE - 1 & -WORD_SIZE);
    }

    /** The word of the committed slot at a position. */
    long slotWord(long pos) {
        return pos >>> slotBits << SLOT_LAP_SHIFT | SLOT_COMMITTED;
    }

    boolean isOdd(long pos) {
        return !slots && (pos & WORD_SIZE - 1) != 0;
    }

    /** Bytes from a position to the end of data. */
    long rest(long pos) {
        return size - (pos & mask);
    }

    /** Steps from pos over what is committed, to limit at the most; to a header that is bad. */
    long scan(long pos, long limit) {
        for (;;) {
            long next = step(pos, limit);
            if (next == pos) {
                return pos;
            }
            pos = next;
        }
    }

    /** Steps from pos over one record, padding or slot: to pos if none is committed, it would reach beyond limit, or it is bad. */
    long step(long pos, long limit) {
        bad = 0;
        if (slots) {
            return pos != limit && words.load(at(pos)) == slotWord(pos) ? pos + 1 : pos; // [P1]
        }
        if (limit - pos <= 0) {
            return pos;
        }
        long w = words.load(at(pos)); // [P1]
        if (w == 0) {
            return pos;
        }
        long need = need(w & RECORD_LENGTH_MASK), rest = rest(pos);
        boolean pad = (w & RECORD_PAD) != 0;
        if ((w & ~(RECORD_LENGTH_MASK | RECORD_PAD)) != RECORD_COMMITTED || need > rest || pad && (need != rest || rest == size)
                || need > limit - pos - WORD_SIZE) {
            bad = w;
            return pos;
        }
        return pos + need;
    }

    /** Frees the slots that a dead producer staged behind pos and did not publish: they would count as committed once that position is. */
    void wipe(long pos, long limit) {
        if (!slots || pos == limit) {
            return;
        }
        long last = pos;
        while (last + 1 != limit && words.load(at(last + 1)) == slotWord(last + 1)) {
            last++;
        }
        for (; last != pos; last--) {
            words.publish(at(last), 0);
        }
    }
}
