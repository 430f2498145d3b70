package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;

/** The writer of a cell or block. One thread at a time. */
public final class CellWriter implements AutoCloseable {
    private final Cell cell;
    private final CellGeometry g;
    private final Words words;
    private final int state, endpoint;
    private final Gate wake;
    private boolean open;

    CellWriter(Cell cell) throws RingException {
        this.cell = cell;
        g = cell.geometry;
        words = cell.region.words;
        state = g.line(g.writerArea, CELL_LINE_STATE) + CELL_STATE_STATE;
        endpoint = g.line(g.writerArea, LINE_ENDPOINT);
        if (cell.region.readOnly) {
            throw new RingException(Kind.PERMISSION, "expected a cell opened for writing, found it opened read-only");
        }
        int errno = cell.region.lock(CELL_LOCK_WRITER);
        if (errno == Kernel.EEXIST || errno == Kernel.EAGAIN) {
            throw new RingException(Kind.ATTACHED, "expected no live writer, found pid " + words.load(endpoint + ENDPOINT_PID));
        }
        if (errno != 0) {
            throw RingException.system("lock the writer's role", errno);
        }
        wake = Gate.ofCell(cell);
        words.publish(endpoint + ENDPOINT_PID, ProcessHandle.current().pid());
        words.publish(endpoint + ENDPOINT_START_TIME, Proc.startTime());
        words.publish(endpoint + ENDPOINT_ATTACHED, Proc.now());
        words.publishInt(endpoint + ENDPOINT_STATE, STATE_ATTACHED);
        words.addInt(endpoint + ENDPOINT_SESSION, 1);
        open = true;
    }

    /**
     * Makes what remains in a buffer the latest value: its version. A value has the cell's size, a block's at most. The buffer's position
     * is then its limit.
     */
    public long write(ByteBuffer value) throws RingException {
        int n = value.remaining();
        if (n > g.size || !cell.isBlock() && n != g.size) {
            throw new IllegalArgumentException("message of the wrong size: expected " + (cell.isBlock() ? "at most " : "") + g.size + " bytes, found " + n);
        }
        long version = begin();
        words.buf.put(g.copy(version), value, value.position(), n);
        value.position(value.limit());
        if (cell.isBlock()) {
            words.prepare(g.length(version), n);
        }
        words.publish(state, 2 * version); // [S2]
        VarHandle.fullFence();
        long arm = words.load(g.line(g.readerArea, LINE_ARM) + ARM_ARM); // [G1]
        if ((arm & ARM_VALID) == 0) {
            throw new RingException(Kind.LOST, "expected the readers' arm word with its valid bit, found it without: the file was cut");
        }
        wake.wake(arm);
        return version;
    }

    /** Says that the next version is being written, and returns it. */
    long begin() {
        if (!open) {
            throw new IllegalStateException("expected an open writer, found it closed");
        }
        long version = (words.load(state) >>> 1) + 1;
        words.prepare(state, 2 * version - 1); // [S1]
        VarHandle.fullFence(); // no later store before it, those that go around the caches included, as great copies may
        return version;
    }

    /** Where a version is written: for the program that dies meanwhile. */
    ByteBuffer half(long version) {
        return words.slice(g.copy(version), (int) g.size);
    }

    /** Gives the role back; readers get the end. The last value stays. Closing twice does nothing. */
    @Override
    public void close() {
        if (open) {
            open = false;
            words.publishInt(endpoint + ENDPOINT_CLOSED, words.loadInt(endpoint + ENDPOINT_SESSION)); // [S4]
            wake.interrupt();
            words.publishInt(endpoint + ENDPOINT_STATE, 0);
            cell.region.unlock(CELL_LOCK_WRITER);
        }
    }
}
