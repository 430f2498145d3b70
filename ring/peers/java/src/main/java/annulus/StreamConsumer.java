package annulus;

import static annulus.Layout.*;

/** The consumer of a ring of one producer and one consumer. Sections 4, 5 and 7 of the layout. */
final class StreamConsumer extends Consumer {
    private final Stream stream = new Stream(g, words);

    StreamConsumer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, false);
    }

    @Override
    void takeOver() throws RingException {
        stream.base = (int) g.dataArea;
        quarter = Math.max(stream.size / 4, 1);
        pos = released = owed = words.load(mine.cursor + CURSOR_POSITION);
        messages = words.load(mine.cursor + CURSOR_MESSAGES);
        bytes = words.load(mine.cursor + CURSOR_BYTES);
        if (stream.isOdd(pos)) {
            throw corrupt("a multiple of 8", pos, pos);
        }
        words.and(mine.arm + ARM_ARM, ~ARM_CLOSED);
        announce();
    }

    @Override
    void depart() {
        words.or(mine.arm + ARM_ARM, ARM_CLOSED);
        words.publishInt(mine.endpoint + ENDPOINT_CLOSED, words.loadInt(mine.endpoint + ENDPOINT_SESSION));
        wake.interrupt();
    }

    @Override
    int next() throws RingException {
        if (stream.slots) {
            int at = stream.at(pos);
            long w = words.load(at); // [P1]
            length = (int) g.maxMessage;
            return w == stream.slotWord(pos) ? at + WORD_SIZE : nothing(at, w);
        }
        for (;;) {
            int at = stream.at(pos);
            long w = words.load(at), rest = stream.rest(pos), n = w - RECORD_COMMITTED; // [P1]
            // One comparison refuses an empty word, padding, strange bits and a length beyond the end.
            if (Long.compareUnsigned(n, rest - WORD_SIZE) <= 0) {
                length = (int) n;
                return at + WORD_SIZE;
            }
            if (w == 0) {
                return nothing(at, 0);
            }
            if (rest == stream.size || w != (RECORD_COMMITTED | RECORD_PAD | rest - WORD_SIZE)) {
                throw corrupt("a record's header", w, pos);
            }
            pos += rest;
        }
    }

    @Override
    void moveOn() {
        pos += stream.need(length);
    }

    @Override
    void giveBack() {
        words.prepare(mine.cursor + CURSOR_MESSAGES, messages);
        words.prepare(mine.cursor + CURSOR_BYTES, bytes);
        words.publish(mine.cursor + CURSOR_POSITION, pos); // [C1]
        released = pos;
        peeked = 0;
        if (over) {
            storeDrained();
        }
        tellSpace(pos);
    }

    @Override
    boolean allDelivered(int closed) {
        return closed != words.loadInt(mine.endpoint + ENDPOINT_DRAINED);
    }

    @Override
    boolean dataChanged() {
        long w = words.load(stream.at(pos));
        return stream.slots ? w == stream.slotWord(pos) : w != 0;
    }
}
