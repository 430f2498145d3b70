package annulus;

import static annulus.Layout.*;

/** The consumer of a ring of one producer and one consumer. Sections 4, 5 and 7 of the layout. */
final class StreamConsumer extends Consumer {
    private static final int STREAM = 4; // so many messages without a wait make a stream
    private static final int REST = 400; // pauses; some microseconds

    private StreamReader reader;
    private long caught; // messages when it last caught up with the producer
    private long rested; // the position of the last rest

    StreamConsumer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, false);
    }

    @Override
    void takeOver() throws RingException {
        quarter = Math.max(g.capacity / 4, 1);
        pos = released = owed = words.load(mine.cursor + CURSOR_POSITION);
        reader = new StreamReader(g, words, (int) g.dataArea, pos);
        messages = caught = words.load(mine.cursor + CURSOR_MESSAGES);
        rested = pos;
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
        if (at == EMPTY && caughtUp()) {
            at = reader.next();
        }
        length = reader.length;
        if (at == StreamReader.BAD) {
            throw corrupt("a record's header", reader.stream.bad, reader.pos);
        }
        return at == EMPTY ? nothing() : at;
    }

    /**
     * Stays off the lines that the producer is about to write, for a moment, when this has caught up with a stream of messages: each look
     * takes such a line there and back, and the stream would become an exchange message by message. The moment grows with the length of
     * the stream; after a single message there is none. True: look again.
     */
    private boolean caughtUp() {
        long length = messages - caught;
        caught = messages;
        if (rested == reader.pos || length <= STREAM) {
            return false;
        }
        rested = reader.pos;
        Wait.rest(Math.min(length, REST));
        return true;
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
