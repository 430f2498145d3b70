package annulus;

import static annulus.Layout.*;

/** The consumer of a ring of one producer and one consumer. Sections 4, 5 and 7 of the layout. */
final class StreamConsumer extends Consumer {
    private StreamReader reader;

    StreamConsumer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, false);
    }

    @Override
    void takeOver() throws RingException {
        quarter = Math.max(g.capacity / 4, 1);
        pos = released = owed = words.load(mine.cursor + CURSOR_POSITION);
        reader = new StreamReader(g, words, (int) g.dataArea, pos);
        messages = words.load(mine.cursor + CURSOR_MESSAGES);
        bytes = words.load(mine.cursor + CURSOR_BYTES);
        if (reader.stream.isOdd(pos)) {
            throw corrupt("a multiple of 8", pos, pos);
        }
        words.and(mine.arm + ARM_ARM, ~ARM_CLOSED);
        announce();
    }

    @Override
    void depart() {
        departAlone();
    }

    @Override
    int next() throws RingException {
        int at = reader.next();
        length = reader.length;
        if (at == StreamReader.BAD) {
            throw corrupt("a record's header", reader.stream.bad, reader.pos);
        }
        return at == EMPTY ? nothing() : at;
    }

    @Override
    void moveOn() {
        reader.moveOn();
    }

    @Override
    void giveBack() {
        pos = reader.pos;
        words.prepare(mine.cursor + CURSOR_MESSAGES, messages);
        words.prepare(mine.cursor + CURSOR_BYTES, bytes);
        words.publish(mine.cursor + CURSOR_POSITION, pos); // [C1]
        givenBack();
    }

    @Override
    boolean allDelivered(int closed) {
        return closed != words.loadInt(mine.endpoint + ENDPOINT_DRAINED);
    }

    @Override
    boolean dataChanged() {
        return reader.changed();
    }
}
