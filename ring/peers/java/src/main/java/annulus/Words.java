package annulus;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Shared memory, by offset. A shared word is read once, and what it says is bounded before it is used. docs/spec/memory-order.md has
 * the argument; the names are its names, and marks as [P1] its marks.
 */
final class Words {
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private static final byte[] ZEROS = new byte[1024];

    /** Position 0, limit the size: for absolute access only. */
    final ByteBuffer buf;

    Words(ByteBuffer buf) {
        this.buf = buf.order(ByteOrder.LITTLE_ENDIAN);
    }

    /** An acquire load. */
    long load(int at) {
        return (long) LONG.getAcquire(buf, at);
    }

    /** A release store. */
    void publish(int at, long value) {
        LONG.setRelease(buf, at, value);
    }

    /** A store that a later publish makes visible. */
    void prepare(int at, long value) {
        LONG.setOpaque(buf, at, value);
    }

    /** Makes some bytes zero, where nobody looks before a later publish. */
    void clear(int at, int n) {
        for (; n > ZEROS.length; at += ZEROS.length, n -= ZEROS.length) {
            buf.put(at, ZEROS);
        }
        buf.put(at, ZEROS, 0, n);
    }

    /**
     * Stands between a publish and the load of the peer's arm word. The processor may still do the load first: the sleeper sees to that
     * (membarrier); but the compiler must not. This fence is no instruction on x86-64, and in each of the JVM's compilers all memory
     * accesses before it come before those behind it.
     */
    static void published() {
        VarHandle.releaseFence();
    }

    // Read-modify-writes, each a full fence. On memory whose file was cut they may end the JVM (Java 17), where other accesses throw
    // InternalError sooner or later: so after each sleep and before a close the file's size is looked at.

    boolean swap(int at, long old, long value) {
        return LONG.compareAndSet(buf, at, old, value);
    }

    long add(int at, long n) {
        return (long) LONG.getAndAdd(buf, at, n);
    }

    void or(int at, long bits) {
        LONG.getAndBitwiseOr(buf, at, bits);
    }

    void and(int at, long bits) {
        LONG.getAndBitwiseAnd(buf, at, bits);
    }

    int loadInt(int at) {
        return (int) INT.getAcquire(buf, at);
    }

    void publishInt(int at, int value) {
        INT.setRelease(buf, at, value);
    }

    boolean swapInt(int at, int old, int value) {
        return INT.compareAndSet(buf, at, old, value);
    }

    int addInt(int at, int n) {
        return (int) INT.getAndAdd(buf, at, n);
    }

    ByteBuffer slice(int at, int length) {
        return buf.slice(at, length);
    }
}
