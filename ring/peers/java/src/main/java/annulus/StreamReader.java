package annulus;

import static annulus.Layout.*;

/** Where a consumer stands in a stream of records or slots. */
final class StreamReader {
    static final int BAD = -4; // in place of an offset: see Stream.bad

    final Stream stream;
    long pos;
    int length; // of what next has found
    private final Words words;
    private final int slotSize;

    StreamReader(Geometry g, Words words, int base, long pos) {
        stream = new Stream(g, words);
        stream.base = base;
        this.words = words;
        this.pos = pos;
        slotSize = (int) g.maxMessage;
    }

    /** Steps over padding to the next message: where its payload is, or Consumer.EMPTY, or BAD. */
    int next() {
        if (stream.slots) {
            int at = stream.at(pos);
            length = slotSize;
            return words.load(at) == stream.slotWord(pos) ? at + WORD_SIZE : Consumer.EMPTY; // [P1]
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
                return Consumer.EMPTY;
            }
            if (rest == stream.size || w != (RECORD_COMMITTED | RECORD_PAD | rest - WORD_SIZE)) {
                stream.bad = w;
                return BAD;
            }
            pos += rest;
        }
    }

    /** Whether something has come where next has found nothing. */
    boolean changed() {
        long w = words.load(stream.at(pos)); // [P1]
        return stream.slots ? w == stream.slotWord(pos) : w != 0;
    }

    void moveOn() {
        pos += stream.need(length);
    }
}
