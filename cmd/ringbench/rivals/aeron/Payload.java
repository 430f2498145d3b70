import java.nio.ByteOrder;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** What messages carry, plain or sealed: payload.h has the description. */
final class Payload {
    static final long STOP = -1;

    private static final long GOLDEN = 0x9e3779b97f4a7c15L;
    private static final long MIX = 0xbf58476d1ce4e5b9L;
    private static final long TEMPLATE = 0x5851f42d4c957f2dL;
    private static final long LOW = 0xffffffffL;
    private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

    private final int size;
    private final boolean sealed;
    private final long spoil;
    private final long same;
    private final long lines;
    private final int cut;

    Payload(int size, boolean sealed, long spoil) {
        this.size = size;
        this.sealed = sealed;
        this.spoil = spoil;
        if (!sealed || size < 16) {
            same = lines = cut = 0;
            return;
        }
        int whole = size & ~7;
        cut = whole < size && whole % 64 == 0 ? whole : 0;
        lines = whole > 64 ? (whole - 1) / 64 : 0;
        long sum = sum(message(), 0);
        same = cut == 0 ? sum : sum - cutWord(0);
    }

    /** A message that waits to be stamped. */
    UnsafeBuffer message() {
        UnsafeBuffer msg = new UnsafeBuffer(org.agrona.BufferUtil.allocateDirectAligned(size, 64));
        for (int at = 16; sealed && at < size; at += 8) {
            long i = at / 8;
            putCut(msg, at, i % 8 == 0 ? i : (i * GOLDEN) ^ TEMPLATE);
        }
        return msg;
    }

    void stamp(UnsafeBuffer msg, long seq) {
        if (!sealed) {
            msg.putLong(0, seq, LITTLE);
            return;
        }
        if (size < 16) {
            msg.putLong(0, shortSeal(seq), LITTLE);
        } else {
            for (int at = 64; at + 8 <= size; at += 64) {
                msg.putLong(at, seq + at / 8, LITTLE);
            }
            long sum = same + lines * seq;
            if (cut > 0) {
                sum += cutWord(seq);
                putCut(msg, cut, cutWord(seq));
            }
            msg.putLong(0, seq, LITTLE);
            msg.putLong(8, sum ^ (seq * GOLDEN), LITTLE);
        }
        if (seq == spoil) {
            msg.putByte(size - 1, (byte) (msg.getByte(size - 1) ^ 0x40));
        }
    }

    boolean holds(DirectBuffer buffer, int offset, int length, long seq) {
        if (length != size) {
            return false;
        }
        long found = buffer.getLong(offset, LITTLE);
        if (!sealed) {
            return found == seq;
        }
        if (size >= 16) {
            return found == seq && buffer.getLong(offset + 8, LITTLE) == (sum(buffer, offset) ^ (seq * GOLDEN));
        }
        long rest = 0;
        for (int at = 8; at < size; at++) {
            rest |= buffer.getByte(offset + at);
        }
        return found == shortSeal(seq) && rest == 0;
    }

    /** What is wrong with a message that is not seq. */
    String wrong(DirectBuffer buffer, int offset, int length, long seq) {
        if (length != size) {
            return "expected message " + seq + " of " + size + " bytes, found " + length + " bytes";
        }
        long found = buffer.getLong(offset, LITTLE);
        if (sealed && size < 16) {
            found &= LOW;
            return found == (seq & LOW) ? "message " + seq + ": the checksum does not fit" : "expected message " + (seq & LOW) + ", found " + found;
        }
        return found == seq ? "message " + seq + ": the checksum does not fit" : "expected message " + seq + ", found " + found;
    }

    private static long shortSeal(long seq) {
        long low = seq & LOW;
        return low | ((low + GOLDEN) * MIX & ~LOW);
    }

    private long cutWord(long seq) {
        return (seq + cut / 8) & ((1L << 8 * (size - cut)) - 1);
    }

    private long sum(DirectBuffer buffer, int offset) {
        long s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        int at = 16;
        for (; at + 32 <= size; at += 32) {
            s0 += buffer.getLong(offset + at, LITTLE);
            s1 += buffer.getLong(offset + at + 8, LITTLE);
            s2 += buffer.getLong(offset + at + 16, LITTLE);
            s3 += buffer.getLong(offset + at + 24, LITTLE);
        }
        for (; at + 8 <= size; at += 8) {
            s0 += buffer.getLong(offset + at, LITTLE);
        }
        for (int shift = 0; at < size; at++, shift += 8) {
            s1 += (buffer.getByte(offset + at) & 0xffL) << shift;
        }
        return s0 + s1 + s2 + s3;
    }

    /** Writes as much of a word as there is room for. */
    private void putCut(UnsafeBuffer msg, int at, long word) {
        for (int i = at; i < size && i < at + 8; i++, word >>>= 8) {
            msg.putByte(i, (byte) word);
        }
    }
}
