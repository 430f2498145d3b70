package annulus;

import static annulus.Layout.*;

import java.lang.invoke.VarHandle;

/** A producer of an MPMC ring. Section 8 of the layout. */
final class TicketProducer extends Producer {
    private Claim claim;
    private long stagedBytes;
    private final boolean hasLength = g.slotPayload == SLOT_PAYLOAD_LENGTH;

    TicketProducer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, true);
    }

    @Override
    void takeOver() throws RingException {
        claim = new Claim(this);
        unclose();
        announce();
    }

    @Override
    void depart() throws RingException {
        staged = 0;
        giveUp();
        departShared();
    }

    @Override
    long committedCount() {
        return words.load(entry.member + MEMBER_SENT);
    }

    @Override
    int claim(int n) throws RingException {
        long next = claim.first + claim.held;
        // Behind those that are staged, or these are published first where others have come between.
        if (staged > 0 && (claim.held == ring.intents.most() || words.load(ring.slot(next)) != ring.lapWord(next, SLOT_FREE) // [C2]
                || !claim.draw(next, 1))) {
            publishStaged();
        }
        if (staged == 0 && !claimSlot()) {
            return FULL;
        }
        return ring.slot(claim.first + staged) + (int) g.slotPayload;
    }

    /** Draws a ticket whose slot is free. */
    private boolean claimSlot() throws RingException {
        for (;;) {
            long t = words.load(claim.counter), w = words.load(ring.slot(t)); // [C2]
            if (w == ring.lapWord(t, SLOT_FREE)) {
                if (claim.draw(t, 1)) {
                    return true;
                }
            } else if ((w ^ ring.lapWord(t - g.capacity, 0)) >>> SLOT_LAP_SHIFT == 0) {
                claim.undraw(t, ring.slot(t), w);
                if (!claim.isDue() || !unblock(t, w)) {
                    return false;
                }
            } else if (words.load(claim.counter) == t) { // nobody has drawn t, so nobody may have touched its slot
                throw corrupt("a free slot's word", w, t);
            }
        }
    }

    /**
     * Settles the ticket of the lap before that keeps producers from ticket t, whose slot's word is w, if its owner is dead: a producer
     * that never filled it, or a consumer that never freed it.
     */
    private boolean unblock(long t, long w) throws RingException {
        long last = t - g.capacity;
        Role role = Role.PRODUCER;
        if ((w & SLOT_STATE_MASK) != SLOT_FREE) {
            role = Role.CONSUMER;
            if (words.load(claim.other) - last <= 0) {
                return false; // nobody has come to receive it
            }
        }
        return ring.repair.settle(role, last, 1, Table.NOBODY) > 0;
    }

    @Override
    void stageClaim(int claimed, int n) {
        if (hasLength) {
            words.prepare(ring.slot(claim.first + staged) + SLOT_LENGTH, n);
        }
        staged++;
        stagedBytes += n;
    }

    /** Publishes the first slot first: a producer that dies on the way has sent what came before. */
    @Override
    void publishStaged() {
        int m = entry.member;
        for (long i = 0; i < staged; i++, claim.first++, claim.held--) {
            words.publish(ring.slot(claim.first), ring.lapWord(claim.first, SLOT_COMMITTED)); // [P1]
        }
        words.publish(m + MEMBER_SENT, words.load(m + MEMBER_SENT) + staged);
        words.publish(m + MEMBER_SENT_BYTES, words.load(m + MEMBER_SENT_BYTES) + stagedBytes);
        staged = stagedBytes = 0;
        if (claim.held > 0) { // the open reservation is a claim of its own from now on
            claim.intend(claim.first, claim.held);
            claim.drew();
        }
        VarHandle.fullFence();
        signal(true);
    }

    /** Gives up what is claimed and not staged. It cannot be put back: consumers step over it. */
    private void giveUp() {
        for (; claim.held > staged; claim.held--) {
            long t = claim.first + claim.held - 1;
            words.publish(entry.member + MEMBER_SKIPPED, t + 1);
            words.publish(ring.slot(t), ring.lapWord(t, SLOT_SKIP)); // [P1]
        }
    }

    @Override
    void abortClaim() {
        giveUp();
        VarHandle.fullFence();
        signal(true); // others may wait behind it
    }

    @Override
    boolean spaceChanged() {
        return claim.changed();
    }
}
