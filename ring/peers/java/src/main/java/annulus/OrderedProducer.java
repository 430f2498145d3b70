package annulus;

import static annulus.Layout.*;

import java.lang.invoke.VarHandle;

/** A producer of a ring of many in one order. Section 11 of the layout. */
final class OrderedProducer extends Producer {
    private static final int BATCH = 64; // most messages that are published together

    private final Granules granules = ring.granules;
    private final long[] spans = new long[BATCH]; // of what is staged
    private Claim claim;
    private long head; // the consumer's position when last looked at
    private long filled; // granules of what is staged
    private long stagedBytes;

    OrderedProducer(Ring ring, WaitStrategy strategy) {
        super(ring, strategy, true);
    }

    @Override
    void takeOver() throws RingException {
        claim = new Claim(this);
        head = words.load(claim.other); // [C1]
        unclose();
        announce();
    }

    @Override
    void depart() throws RingException {
        staged = filled = 0;
        giveUp();
        departShared();
    }

    @Override
    long committedCount() {
        return words.load(entry.member + MEMBER_SENT);
    }

    /** Claims granules in one piece: behind what is staged, or after publishing that where others have come between, or padding would. */
    @Override
    int claim(int n) throws RingException {
        long k = Granules.of(n);
        for (;;) {
            long t = words.load(claim.counter), i = t & granules.mask, pad = i + k > granules.size ? granules.size - i : 0;
            if (staged > 0 && (t != claim.first + claim.held || pad > 0 || staged == BATCH)) {
                publishStaged();
            }
            if (t + pad + k - head > granules.size) {
                Boolean fits = lookForRoom(t, pad + k);
                if (fits == null) {
                    continue;
                }
                if (!fits) {
                    return FULL;
                }
            }
            if (staged > 0) {
                if (claim.held + k <= ring.intents.most() && claim.draw(t, k)) {
                    break;
                }
                publishStaged();
                continue;
            }
            if (!claim.draw(t, pad + k)) {
                continue;
            }
            if (pad > 0) {
                words.publish(entry.member + MEMBER_DRAWN, t + pad); // before: padding is no message
                words.publish(granules.at(t), granules.word(t, GRANULE_PAD)); // [P1]
                claim.first += pad; // the padding's granules may be others' again now
                claim.held -= pad;
            }
            break;
        }
        return granules.data(claim.first + filled) + WORD_SIZE;
    }

    /** Loads the consumer's position and looks whether need granules from t on are free. null: t is out of date, or somebody's death was in the way. */
    private Boolean lookForRoom(long t, long need) throws RingException {
        long now = words.load(claim.other); // [C1]
        if (Long.compareUnsigned(t - now, granules.size) > 0) {
            if (words.load(claim.counter) == t) {
                throw corrupt("the consumer at most a ring behind", now, t);
            }
            return null;
        }
        head = now;
        if (t + need - head <= granules.size) {
            return true;
        }
        claim.undraw(t, claim.other, now);
        return claim.isDue() && granules.repair(now, Table.NOBODY) > 0 ? null : false;
    }

    @Override
    void stageClaim(int claimed, int n) {
        long span = Granules.of(claimed);
        words.prepare(granules.data(claim.first + filled), span << SPAN_SHIFT | n);
        spans[(int) staged++] = span;
        stagedBytes += n;
        filled += span;
    }

    /**
     * Publishes the first record first: a producer that dies on the way has sent what came before. Each is counted by itself, drawn stored
     * before base: in between nothing looks as if it had to be added to the count.
     */
    @Override
    void publishStaged() {
        int m = entry.member;
        for (int i = 0; i < staged; i++) {
            long sent = words.load(m + MEMBER_SENT);
            words.publish(m + MEMBER_DRAWN, claim.first);
            words.publish(m + MEMBER_BASE, sent);
            words.publish(granules.at(claim.first), granules.word(claim.first, GRANULE_COMMITTED)); // [P1]
            words.publish(m + MEMBER_SENT, sent + 1);
            claim.first += spans[i];
            claim.held -= spans[i];
        }
        words.publish(m + MEMBER_SENT_BYTES, words.load(m + MEMBER_SENT_BYTES) + stagedBytes);
        staged = stagedBytes = filled = 0;
        VarHandle.fullFence();
        signal(true);
    }

    /** Gives up what is claimed and not staged, the last first. */
    private void giveUp() {
        for (; claim.held > filled; claim.held--) {
            long t = claim.first + claim.held - 1;
            words.publish(entry.member + MEMBER_SKIPPED, t + 1);
            words.publish(granules.at(t), granules.word(t, GRANULE_SKIP)); // [P1]
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
