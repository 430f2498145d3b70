package annulus;

import static annulus.Layout.*;

/**
 * The producer of a stream of its own: of a ring of one, or of its lane in a ring of lanes. Sections 4, 5, 7 and 10 of the layout.
 */
final class StreamProducer extends Producer {
    private static final int SMALL = 256, SWEEP = 1024, TELL = 256; // bytes

    private final Stream stream = new Stream(g, words);
    private int myCursor, peerCursor;
    private long free; // a message may end here without a closer look
    private long clean; // kind bytes: from pos up to here the ring is zero
    private long head; // the consumer's position when last looked at
    private boolean scarce; // that look brought little
    private long told; // the position that was last stored for others
    private long firstPos, firstWord; // of what is staged

    StreamProducer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, ring.table != null);
    }

    @Override
    void takeOver() throws RingException {
        myCursor = mine.cursor;
        peerCursor = peer.cursor;
        stream.base = (int) g.dataArea;
        if (many) {
            myCursor = Lane.producerCursor(g, entry.index);
            peerCursor = Lane.consumerCursor(g, entry.index);
            stream.base = Lane.data(g, entry.index);
        }
        long tail = words.load(myCursor + CURSOR_POSITION);
        head = words.load(peerCursor + CURSOR_POSITION); // [C1]
        if (tail - head < 0) {
            tail = head;
        }
        if (Long.compareUnsigned(tail - head, stream.size) > 0 || stream.isOdd(head) || stream.isOdd(tail)) {
            throw corrupt("the consumer at most a ring behind", head, tail);
        }
        pos = stream.scan(tail, head + stream.size);
        if (stream.bad != 0) {
            throw corrupt("a record's header", stream.bad, pos);
        }
        stream.wipe(pos, head + stream.size);
        free = clean = told = pos;
        // Each look takes the line away from the consumer, who stores to it for every message.
        step = (int) Math.min(Math.max(stream.size * (stream.slots ? g.slotStride : 1) / 4096, 1), 64);
        words.publish(myCursor + CURSOR_POSITION, pos);
        unclose();
        announce();
    }

    @Override
    void depart() throws RingException {
        words.publish(myCursor + CURSOR_POSITION, committedCount());
        staged = 0;
        if (many) {
            departShared();
        } else {
            words.publishInt(mine.endpoint + ENDPOINT_CLOSED, words.loadInt(mine.endpoint + ENDPOINT_SESSION)); // [P2]
            wake.interrupt();
        }
    }

    @Override
    long committedCount() {
        return staged > 0 ? firstPos : pos;
    }

    /** Stores how far this producer has committed: a successor starts from there, and a consumer asks for cache lines up to there. */
    private void tell() {
        told = committedCount();
        words.publish(myCursor + CURSOR_POSITION, told);
    }

    @Override
    int claim(int n) throws RingException {
        long need = stream.need(n);
        if (free - pos - need < 0 && !makeRoom(need)) {
            return FULL;
        }
        return stream.at(pos) + WORD_SIZE;
    }

    /** Finds out whether need fits at pos, and moves pos behind padding where it does not fit before the end. */
    private boolean makeRoom(long need) throws RingException {
        if (scarce) {
            Wait.rest(step); // in a full ring, look less often
        }
        long seen = words.load(peerCursor + CURSOR_POSITION); // [C1]
        if (Long.compareUnsigned(seen - head, committedCount() - head) > 0 || stream.isOdd(seen)) {
            throw corrupt("the consumer between " + Long.toUnsignedString(head) + " and what was committed", seen, pos);
        }
        scarce = seen - head < stream.size / 16;
        head = seen;
        tell();
        if (stream.slots) {
            free = head + stream.size;
        } else {
            long limit = head + stream.size - WORD_SIZE; // the next header
            long lap = (pos & ~stream.mask) + stream.size;
            free = limit;
            if (lap - pos - need < 0 && limit - lap - need >= 0) {
                pad(lap);
                lap += stream.size;
            }
            if (limit - lap >= 0) {
                free = lap;
            }
        }
        return free - pos - need >= 0;
    }

    /** Fills the ring up to the position lap, where it wraps. */
    private void pad(long lap) {
        long at = pos, word = RECORD_COMMITTED | RECORD_PAD | lap - at - WORD_SIZE;
        sweep(lap, Long.MAX_VALUE);
        pos = lap;
        if (staged > 0) {
            words.prepare(stream.at(at), word);
        } else {
            words.publish(stream.at(at), word); // [P1]
        }
    }

    /** Makes the header word at end zero: and more behind it if messages are small, to claim the lines of many records together. */
    private void sweep(long end, long need) {
        int i = (int) (end & stream.mask);
        long n = WORD_SIZE;
        if (need <= SMALL && free - end > 0) { // not beyond what is free, nor the wrap
            n = Math.max(n, Math.min(SWEEP, Math.min(free - end, stream.size - i)));
        }
        words.clear(stream.base + i, (int) n);
        clean = end + n;
        tell();
    }

    @Override
    void stageClaim(int claimed, int n) {
        long at = pos, word = stream.slots ? stream.slotWord(at) : RECORD_COMMITTED | n, need = stream.need(n);
        pos += need;
        if (staged++ == 0) {
            // The first of a batch is kept back, so that the consumer sees none before it sees that.
            firstPos = at;
            firstWord = word;
        } else {
            words.prepare(stream.at(at), word);
        }
        if (!stream.slots) {
            if (need != stream.need(claimed)) {
                clean = pos; // the caller may have written behind it
            }
            if (clean - pos - WORD_SIZE < 0) {
                sweep(pos, need);
            }
        }
    }

    @Override
    void abortClaim() {
        clean = pos; // the caller may have written into it
    }

    @Override
    void publishStaged() {
        staged = 0;
        words.publish(stream.at(firstPos), firstWord); // [P1]
        Words.published();
        if (!isQuiet()) {
            signal(true);
        }
        if (stream.slots && (pos - told) * g.slotStride >= TELL) {
            tell(); // records do so with each sweep
        }
    }

    @Override
    boolean spaceChanged() {
        return words.load(peerCursor + CURSOR_POSITION) != head;
    }
}
