package annulus;

import static annulus.Layout.*;

/** Intent words: a count of tickets above the first of them, modulo a power of two; of granules the count has more bits. */
record Intents(int shift) {
    static Intents of(Geometry g) {
        return new Intents(g.granules > 0 ? GRANULE_INTENT_SHIFT : INTENT_COUNT_SHIFT);
    }

    long modulo(long t) {
        return t & (1L << shift) - 1;
    }

    long count(long intent) {
        return intent >>> shift;
    }

    long most() {
        return (1L << 64 - shift) - 1;
    }

    /** The word that names n tickets from t on; of none, 0. */
    long word(long t, long n) {
        return n == 0 ? 0 : modulo(t) | n << shift;
    }

    /** Whether an intent names ticket t. */
    boolean covers(long intent, long t) {
        return Long.compareUnsigned(modulo(t - intent), count(intent)) < 0;
    }
}
