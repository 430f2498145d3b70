package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;

/** The consumer of a ring of lanes. Section 10 of the layout. */
final class LaneConsumer extends Consumer {
    private static final int TURN = 4096; // bytes from one lane while others have some

    /** What the consumer knows of a lane. */
    private final class Place {
        final int cursor;
        final StreamReader reader;
        long messages, bytes;
        boolean peeked; // something of it is not released
        boolean dead; // it held what no correct producer writes

        Place(int lane) {
            cursor = Lane.consumerCursor(g, lane);
            reader = new StreamReader(g, words, Lane.data(g, lane), words.load(cursor + CURSOR_POSITION));
            messages = words.load(cursor + CURSOR_MESSAGES);
            bytes = words.load(cursor + CURSOR_BYTES);
        }
    }

    private Place[] lanes;
    private int active; // lanes from here on were never held
    private int session; // of the producers' side when that was found out
    private int at; // the lane at hand
    private long turnEnd; // position where its turn is over
    private final long turn = g.kind == KIND_SLOTS ? Math.max(TURN / g.slotStride, 1) : TURN;

    LaneConsumer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, false);
    }

    @Override
    void takeOver() throws RingException {
        quarter = Math.max(g.capacity / 4, 1);
        lanes = new Place[(int) g.members];
        for (int i = 0; i < lanes.length; i++) {
            lanes[i] = new Place(i);
        }
        newTurn(0);
        words.and(mine.arm + ARM_ARM, ~ARM_CLOSED);
        announce();
    }

    @Override
    void depart() {
        departAlone();
    }

    private void newTurn(int lane) {
        at = lane;
        turnEnd = lanes[lane].reader.pos + turn;
    }

    /** Finds out which lanes were ever held. A producer adds to the session after it has taken its lane, before it sends anything. */
    private void findLanes() {
        int now = words.loadInt(peer.endpoint + ENDPOINT_SESSION); // [L1]
        if (now == session) {
            return;
        }
        session = now;
        for (int i = active; i < lanes.length; i++) {
            if (words.loadInt(ring.table.entries[i].holder + HOLDER_ROLE) != 0) {
                active = i + 1;
            }
        }
    }

    @Override
    int next() throws RingException {
        findLanes();
        int first = lanes[at].reader.pos - turnEnd >= 0 ? 1 : 0; // its turn is over: the others come first
        for (int k = first; k < active + first; k++) {
            int i = (at + k) % active;
            Place p = lanes[i];
            if (p.dead) {
                continue;
            }
            int found = p.reader.stream.isOdd(p.reader.pos) ? StreamReader.BAD : p.reader.next();
            if (found == StreamReader.BAD) {
                p.dead = true; // says nothing about the others
                throw new RingException(Kind.CORRUPT, String.format("lane %d: expected a record's header at a multiple of 8, found %#x at position %s; it is left alone", i,
                        p.reader.stream.bad, Long.toUnsignedString(p.reader.pos)));
            }
            if (found != EMPTY) {
                if (k > 0) {
                    newTurn(i);
                }
                length = p.reader.length;
                return found;
            }
        }
        return nothing();
    }

    @Override
    void moveOn() {
        Place p = lanes[at];
        long before = p.reader.pos;
        p.reader.moveOn();
        pos += p.reader.pos - before; // of all lanes together
        p.messages++;
        p.bytes += length;
        p.peeked = true;
    }

    @Override
    void giveBack() {
        for (int i = 0; i < active; i++) {
            Place p = lanes[i];
            if (p.peeked) {
                p.peeked = false;
                words.prepare(p.cursor + CURSOR_MESSAGES, p.messages);
                words.prepare(p.cursor + CURSOR_BYTES, p.bytes);
                words.publish(p.cursor + CURSOR_POSITION, p.reader.pos); // [C1]
            }
        }
        givenBack();
    }

    @Override
    boolean allDelivered(int closed) {
        return closed != words.loadInt(mine.endpoint + ENDPOINT_DRAINED);
    }

    @Override
    boolean dataChanged() {
        findLanes();
        for (int i = 0; i < active; i++) {
            if (!lanes[i].dead && lanes[i].reader.changed()) {
                return true;
            }
        }
        return false;
    }
}
