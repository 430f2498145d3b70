package annulus;

import static annulus.Layout.*;

/** The consumer of a ring of many producers in one order. Section 11 of the layout. */
final class OrderedConsumer extends Consumer {
    private final Granules granules = ring.granules;
    private Claim claim; // nothing is drawn: only what is watched
    private long span; // granules of the next record

    OrderedConsumer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, true);
    }

    @Override
    boolean isSole() {
        return true;
    }

    @Override
    void takeOver() throws RingException {
        claim = new Claim(this);
        quarter = Math.max(granules.size / 4, 1);
        announce(); // before the flag: see depart
        pos = released = owed = words.load(mine.cursor + CURSOR_POSITION);
        messages = words.load(entry.member + MEMBER_RECEIVED);
        bytes = words.load(entry.member + MEMBER_RECEIVED_BYTES);
        words.and(mine.arm + ARM_ARM, ~ARM_CLOSED);
    }

    @Override
    void depart() throws RingException {
        departShared();
    }

    @Override
    int next() throws RingException {
        // What is stepped over lies in one lap, for it is not released meanwhile; each is seen free, then settled.
        for (long looks = 2 * granules.size + 4; looks > 0; looks--) {
            int at = granules.at(pos);
            long w = words.load(at), i = pos & granules.mask, state = w - (pos - i); // [P1]
            if (state == GRANULE_COMMITTED) {
                long first = granules.record(pos);
                if (first < 0) {
                    throw corrupt("a record's length and span", words.load(granules.data(pos)), pos);
                }
                length = (int) (first & SPAN_LENGTH_MASK);
                span = first >>> SPAN_SHIFT;
                return granules.data(pos) + WORD_SIZE;
            }
            if (state == GRANULE_SKIP) {
                pos++;
                continue;
            }
            if (state == GRANULE_PAD && i > 0) { // a record fits at the start of a lap
                pos += granules.size - i;
                continue;
            }
            if (!granules.isFree(w, pos)) {
                throw corrupt("a granule's word", w, pos);
            }
            if (peeked == 0 && released != pos) { // producers may need just the room of what was stepped over
                words.publish(mine.cursor + CURSOR_POSITION, pos); // [C1]
                released = pos;
            }
            claim.undraw(pos, at, w);
            if (!claim.isDue() || granules.repair(pos, Table.NOBODY) == 0) {
                return nothing();
            }
        }
        throw corrupt("a message within a lap", 0, pos);
    }

    @Override
    void moveOn() {
        pos += span;
    }

    @Override
    void giveBack() {
        words.publish(entry.member + MEMBER_RECEIVED, messages);
        words.publish(entry.member + MEMBER_RECEIVED_BYTES, bytes);
        words.publish(mine.cursor + CURSOR_POSITION, pos); // [C1]
        givenBack();
    }

    @Override
    boolean allDelivered(int closed) {
        // Else some are on their way, or their producer is dead.
        return closed != words.loadInt(mine.endpoint + ENDPOINT_DRAINED) && words.load(claim.other) == pos;
    }

    @Override
    boolean dataChanged() {
        return claim.changed();
    }
}
