package annulus;

import static annulus.Layout.*;

/**
 * The tickets, slots or granules, that an endpoint holds: drawn from tail or head by one compare-and-swap, after its intent has said which it
 * is about to draw. Section 8 of the layout, "Draw".
 */
final class Claim {
    /** After how many failed tries at one ticket its owner's life is looked into, and again each four times as many. */
    private static final int PATIENCE = 64;

    /** The search for what is in dead hands takes long, and comes later. */
    private static final int LONG_PATIENCE = 64 * PATIENCE;

    private final Endpoint e;
    private final Words words;
    private final int member;
    final int counter, other; // this side's tickets, tail or head; the other side's
    private boolean stale; // the intent names tickets that were not drawn
    long first; // ticket held
    long held; // tickets from there
    private int watch; // the word that the last try failed at
    private long seen; // what it was
    private long at; // its ticket
    private long vain; // tries that failed there

    Claim(Endpoint e) {
        this.e = e;
        words = e.words;
        member = e.entry.member;
        counter = e.mine.cursor + CURSOR_POSITION;
        other = e.peer.cursor + CURSOR_POSITION;
        watch = counter; // until a try fails
        seen = words.load(watch);
    }

    void intend(long t, long n) {
        words.publish(member + MEMBER_INTENT, e.ring.intents.word(t, n)); // [I1]
    }

    /** Notes for a producer's successor what the claim began with. */
    void drew() {
        words.publish(member + MEMBER_BASE, words.load(member + MEMBER_SENT));
        words.publish(member + MEMBER_DRAWN, first);
    }

    /** Takes n tickets from t behind those that are held, if t is the next. The intent is stored before: whoever sees them drawn sees that. */
    boolean draw(long t, long n) {
        long from = held > 0 ? first : t;
        intend(from, held + n);
        if (!words.swap(counter, t, t + n)) {
            if (held > 0) {
                intend(from, held);
            }
            stale = held == 0;
            return false;
        }
        first = from;
        stale = false;
        if (held == 0 && e.mine.role == Role.PRODUCER) {
            drew();
        }
        held += n;
        return true;
    }

    /** Takes back an intent that came to nothing, and notes where: at ticket t, for want of another value than w of a word. */
    void undraw(long t, int word, long w) {
        if (stale && held == 0) {
            intend(0, 0);
            stale = false;
        }
        watch = word;
        seen = w;
        if (at != t) {
            at = t;
            vain = 0;
        }
        vain++;
    }

    /** Whether it is time to look whether somebody died; after a sleep it is at once. */
    boolean isDue() {
        return vain == PATIENCE || vain % (4 * PATIENCE) == 0 || e.idle > 0;
    }

    boolean isLongDue() {
        return vain % LONG_PATIENCE == 0 || e.idle > 0;
    }

    /** Lets the next try search what is in dead hands. */
    void hurry() {
        vain = LONG_PATIENCE - 1;
    }

    /** Holds ticket t alone: it was taken over. */
    void takeOver(long t) {
        first = t;
        held = 1;
        stale = false;
    }

    boolean changed() {
        return words.load(watch) != seen;
    }
}
