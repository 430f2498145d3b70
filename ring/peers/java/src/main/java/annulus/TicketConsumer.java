package annulus;

import static annulus.Layout.*;

/** A consumer of an MPMC ring. Section 8 of the layout. */
final class TicketConsumer extends Consumer {
    private Claim claim;
    private long given; // tickets handed out of those held
    private int redelivered;
    private final boolean hasLength = g.slotPayload == SLOT_PAYLOAD_LENGTH;
    private final boolean redelivers = ring.header.requires(FEATURE_REDELIVER);

    TicketConsumer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, true);
    }

    @Override
    void takeOver() throws RingException {
        claim = new Claim(this);
        quarter = Math.max(g.capacity / 4, 1);
        messages = words.load(entry.member + MEMBER_RECEIVED);
        bytes = words.load(entry.member + MEMBER_RECEIVED_BYTES);
        // The end was delivered, unless one that did not see it has died since.
        overSession = words.loadInt(mine.endpoint + ENDPOINT_DRAINED);
        over = overSession != 0 && overSession == words.loadInt(peer.endpoint + ENDPOINT_CLOSED) && ring.repair.handed() == null;
        announce(); // before the flag: see depart
        words.and(mine.arm + ARM_ARM, ~ARM_CLOSED);
    }

    @Override
    void depart() throws RingException {
        if (!redelivers && !isFailed()) {
            given = claim.held;
            free();
        }
        departShared();
    }

    @Override
    public int redelivered() {
        return redelivered;
    }

    /** Finds the next message of those that are held, or draws one. */
    @Override
    int next() throws RingException {
        for (;;) {
            if (given == claim.held) {
                int answer = draw();
                if (answer < 0) {
                    return answer;
                }
            }
            long t = claim.first + given;
            int at = ring.slot(t);
            long w = words.load(at), n = g.maxMessage; // [P1]
            if ((w & SLOT_STATE_MASK) == SLOT_SKIP) {
                given++;
                pos++; // it is room for others, as a message is
                if (peeked == 0 && given == claim.held) {
                    free();
                    released = pos;
                }
                continue;
            }
            if (hasLength) {
                n = words.load(at + SLOT_LENGTH);
            }
            if (Long.compareUnsigned(n, g.maxMessage) > 0) {
                throw corrupt("a length of at most " + g.maxMessage, n, t);
            }
            length = (int) n;
            redelivered = (int) ((w & SLOT_REDELIVER_MASK) >>> SLOT_REDELIVER_SHIFT);
            return at + (int) g.slotPayload;
        }
    }

    /** Draws the next ticket, whose slot must be filled, behind those that are held if there are any: 0, or EMPTY, END or HELD. */
    private int draw() throws RingException {
        for (;;) {
            long h = words.load(claim.counter), w = words.load(ring.slot(h)); // [P1]
            long behind = (ring.lapWord(h, 0) >>> SLOT_LAP_SHIFT) - (w >>> SLOT_LAP_SHIFT), state = w & SLOT_STATE_MASK;
            // redelivered speaks of one message: such a one lies alone.
            if (claim.held > 0 && (h != claim.first + claim.held || claim.held == ring.intents.most() || redelivered > 0)) {
                return HELD;
            }
            if (behind == 0 && (state == SLOT_COMMITTED || state == SLOT_SKIP)) {
                if (claim.draw(h, 1)) {
                    return 0;
                }
                continue;
            }
            if (words.load(claim.counter) != h) {
                continue;
            }
            // Free, or still in the hands of who received it a lap ago.
            if (state > SLOT_SKIP || behind != 0 && (behind & INTENT_POSITION_MASK) != 1) {
                throw corrupt("a slot's word", w, h);
            }
            claim.undraw(h, ring.slot(h), w);
            if (claim.isDue()) {
                boolean again = rescue(h, w);
                if (claim.held > given) {
                    return 0;
                }
                if (again) {
                    continue;
                }
            }
            return nothing();
        }
    }

    /**
     * Looks whether somebody's death keeps messages back: a claim in the way at ticket h, whose word is w, or messages in dead hands. True:
     * look once more, or one is in hand.
     */
    private boolean rescue(long h, long w) throws RingException {
        if (w == ring.lapWord(h, SLOT_FREE) && words.load(claim.other) != h && ring.repair.settle(Role.PRODUCER, h, 1, Table.NOBODY) > 0) {
            return true;
        }
        if (!redelivers || claim.held > 0 || !claim.isLongDue()) {
            return false;
        }
        Repair.Handed dead = ring.repair.handed();
        if (dead == null) {
            return false;
        }
        claim.intend(dead.ticket(), 1);
        if (words.swap(ring.slot(dead.ticket()), dead.word(), dead.word() + (1 << SLOT_REDELIVER_SHIFT))) { // [R1]
            words.add(mine.endpoint + ENDPOINT_HANDED, 1);
            claim.takeOver(dead.ticket());
        } else {
            claim.intend(0, 0); // another was faster
        }
        return true;
    }

    /** Frees the slots of the tickets handed out. */
    private void free() {
        for (; given > 0; given--, claim.first++, claim.held--) {
            words.publish(ring.slot(claim.first), ring.lapWord(claim.first + g.capacity, SLOT_FREE)); // [C2]
        }
    }

    @Override
    void moveOn() {
        pos++;
        given++;
    }

    @Override
    void giveBack() {
        free();
        words.publish(entry.member + MEMBER_RECEIVED, messages);
        words.publish(entry.member + MEMBER_RECEIVED_BYTES, bytes);
        givenBack();
    }

    @Override
    boolean allDelivered(int closed) throws RingException {
        // Each consumer gets the end, once nobody has a message for it.
        if (words.load(claim.other) != words.load(claim.counter)) {
            return false;
        }
        if (ring.repair.handed() != null) {
            claim.hurry(); // the next try takes it over
            return false;
        }
        return true;
    }

    @Override
    boolean dataChanged() {
        return claim.changed();
    }
}
