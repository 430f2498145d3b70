package annulus;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Messages that a receiver can check, as PROGRAM.md describes them: a stream of a seed and of sizes from min to max. */
record Payload(long seed, int min, int max) {
    static final int REST = 12; // behind sequence and checksum

    static long mix(long z) {
        z += 0x9e3779b97f4a7c15L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }

    int length(long seq) {
        return min + (int) Long.remainderUnsigned(mix(seed + seq), (long) max - min + 1);
    }

    private static int checksum(ByteBuffer b, int n) {
        long h = 0xcbf29ce484222325L;
        for (int i = REST; i < n; i += 8) {
            long w = 0;
            if (n - i >= 8) {
                w = b.getLong(i);
            } else {
                for (int k = n - 1; k >= i; k--) {
                    w = w << 8 | b.get(k) & 0xff;
                }
            }
            h = (h ^ w) * 0x100000001b3L;
        }
        return (int) (h ^ h >>> 32);
    }

    /** Writes message seq, of n bytes, from position 0 of b on. */
    void fill(long seq, ByteBuffer b, int n) {
        b.order(ByteOrder.LITTLE_ENDIAN);
        long x = mix(seed + seq) | 1;
        for (int i = REST; i < n; i += 8) {
            x ^= x << 13;
            x ^= x >>> 7;
            x ^= x << 17;
            if (n - i >= 8) {
                b.putLong(i, x);
            } else {
                for (int k = i; k < n; k++) {
                    b.put(k, (byte) (x >>> 8 * (k - i)));
                }
            }
        }
        ByteBuffer head = ByteBuffer.allocate(REST).order(ByteOrder.LITTLE_ENDIAN).putLong(0, seq).putInt(8, checksum(b, n));
        b.put(0, head, 0, Math.min(n, REST));
    }

    /** What is wrong with the n bytes of b as message seq, or null. */
    String check(long seq, ByteBuffer b, int n) {
        b.order(ByteOrder.LITTLE_ENDIAN);
        if (n != length(seq)) {
            return "length: expected " + length(seq);
        }
        int sum = checksum(b, n);
        for (int i = 0; i < Math.min(n, REST); i++) {
            byte want = (byte) (i < 8 ? seq >>> 8 * i : sum >>> 8 * (i - 8));
            if (b.get(i) != want) {
                return i < 8 ? "sequence" : "checksum";
            }
        }
        return null;
    }
}
