package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.time.Duration;

/** A reader of a cell or block. One thread at a time; {@link #cancel} may come from any. It holds nothing that would have to be closed. */
public final class CellReader extends Sleeper {
    private final Cell cell;
    private final CellGeometry g;
    private final Words words;
    private final int endpoint;

    CellReader(Cell cell, WaitStrategy strategy) {
        super(strategy);
        this.cell = cell;
        g = cell.geometry;
        words = cell.region.words;
        endpoint = g.line(g.writerArea, LINE_ENDPOINT);
        if (!cell.region.readOnly) {
            sleep = Gate.ofCell(cell);
        }
    }

    /**
     * Copies the latest whole value behind a buffer's position: its version, from 1; 0 if none was written yet, and then nothing is
     * copied. A buffer with too little room is an IllegalArgumentException. While a writer is faster than the copy, it is made again.
     */
    public long read(ByteBuffer to) throws RingException {
        for (int look = 1;; look++) {
            long version = cell.state() >>> 1; // [S2]
            if (version == 0) {
                return 0;
            }
            // Whatever is loaded may be anything until state has been looked at.
            long n = cell.isBlock() ? words.load(g.length(version)) : g.size;
            boolean fits = n >= 0 && n <= to.remaining() && n <= g.size;
            if (fits) {
                to.put(to.position(), words.buf, g.copy(version), (int) n);
            }
            VarHandle.acquireFence();
            long later = cell.state() - 2 * version; // [S3]
            if (later < 0) {
                throw new RingException(Kind.LOST, "expected version " + version + " or a later one, found an earlier one: the file was cut");
            }
            if (later <= 2) {
                if (Long.compareUnsigned(n, g.size) > 0) {
                    throw new RingException(Kind.CORRUPT, "expected at most " + g.size + " bytes in version " + version + ", found " + Long.toUnsignedString(n));
                }
                if (!fits) {
                    throw new IllegalArgumentException("expected room for a value of " + n + " bytes, found " + to.remaining());
                }
                to.position(to.position() + (int) n);
                return version;
            }
            if (look % 64 == 0) {
                Thread.yield(); // the writer may be waiting for this processor
            }
        }
    }

    /**
     * Waits for a version beyond one that is known, for at most a timeout (null: for ever; else {@link Kind#TIMED_OUT}). False at the
     * end: the writer has closed in order, and there is none. It stays so until another writer attaches.
     */
    public boolean await(long known, Duration timeout) throws RingException, InterruptedException {
        long state = cell.state();
        Wait w = null;
        try {
            while (state >>> 1 <= known) {
                int closed = words.loadInt(endpoint + ENDPOINT_CLOSED); // [S4]
                if (closed != 0 && closed == words.loadInt(endpoint + ENDPOINT_SESSION)) {
                    // What was written before the close is visible now.
                    return cell.state() >>> 1 > known;
                }
                if (w == null) {
                    w = new Wait(this, timeout);
                }
                long old = state;
                w.pause(() -> cell.state() != old);
                state = cell.state();
            }
            return true;
        } finally {
            if (w != null) {
                w.done();
            }
        }
    }

    /** Lets a waiting call, and every later wait, end with {@link Kind#CANCELLED}. Any thread. */
    public void cancel() {
        cancelled = true;
        if (sleep != null) {
            sleep.interrupt();
        }
    }

    @Override
    void checkForlorn() throws RingException {
        if (cell.region.isCut()) {
            throw new RingException(Kind.LOST, "expected a file of " + g.totalSize + " bytes, found it shorter");
        }
        if (sleep != null && cell.region.isRemoved() && !cell.region.locked(CELL_LOCK_WRITER)) {
            throw new RingException(Kind.REMOVED, "expected a writer to come, found that the cell has no name any more");
        }
    }
}
