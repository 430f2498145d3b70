package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.nio.file.Path;

/**
 * A handle on a cell or block: memory in which one process keeps the latest value of something, and any number read it. A cell's values
 * have all one size, a block's any up to a maximum. No reader ever holds up the writer, and no writer's death holds up a reader.
 *
 * <p>A handle may be used by any number of threads, each reader and writer by one at a time. It outlives its handles, as a {@link Ring}
 * does, and needs what that needs; reading alone, with looks now and then for another version, works {@link #openReadOnly} everywhere.
 */
public final class Cell implements AutoCloseable {
    final Region region;
    final java.nio.ByteBuffer header;
    final CellGeometry geometry;

    private Cell(Region region, java.nio.ByteBuffer header, CellGeometry geometry) {
        this.region = region;
        this.header = header;
        this.geometry = geometry;
    }

    /** Opens the cell of that name in POSIX shared memory: /dev/shm/NAME. It must belong to the effective user. */
    public static Cell open(String name) throws RingException {
        return open(Ring.shared(name));
    }

    /** Opens the cell in a file of the effective user's. A symbolic link is not followed. */
    public static Cell open(Path path) throws RingException {
        return adopt(Region.open(path, false));
    }

    /** Opens a cell to be read only: nothing is ever written, and no system call but Java's own is needed. */
    public static Cell openReadOnly(String name) throws RingException {
        return openReadOnly(Ring.shared(name));
    }

    /** As {@link #openReadOnly(String)}. */
    public static Cell openReadOnly(Path path) throws RingException {
        return adopt(Region.open(path, true));
    }

    static Cell openDescriptor(int descriptor, boolean readOnly) throws RingException {
        return adopt(Region.openDescriptor(descriptor, readOnly));
    }

    /** Makes a cell for values of size bytes, in POSIX shared memory, and opens it. */
    public static Cell createValue(String name, long size) throws RingException {
        return create(Ring.shared(name), CELL_KIND_VALUE, size);
    }

    /** Makes a block for up to size bytes, in POSIX shared memory, and opens it. */
    public static Cell createBlock(String name, long size) throws RingException {
        return create(Ring.shared(name), CELL_KIND_BLOCK, size);
    }

    static Cell create(Path path, int kind, long size) throws RingException {
        CellGeometry g = new CellGeometry(kind, size, RingConfig.stride());
        return adopt(Creator.create(path, g.totalSize, 0600, g::format));
    }

    private static Cell adopt(Region region) throws RingException {
        try {
            java.nio.ByteBuffer header = region.start(HEADER_SIZE);
            CellGeometry g = CellGeometry.decode(header, region.fileSize());
            region.map(g.totalSize);
            if ((region.words.load(g.line(g.readerArea, LINE_ARM) + ARM_ARM) & ARM_VALID) == 0) {
                throw new RingException(Kind.CORRUPT, "expected the readers' arm word with its valid bit, found it without");
            }
            return new Cell(region, header, g);
        } catch (RingException | RuntimeException e) {
            region.close();
            throw e;
        }
    }

    /** Bytes of a value; of a block: the most there can be. */
    public int size() {
        return (int) geometry.size;
    }

    /** Whether its values may be shorter than {@link #size}. */
    public boolean isBlock() {
        return geometry.kind == CELL_KIND_BLOCK;
    }

    /** One more reader, which sleeps on a futex where it waits; of a cell opened read-only, one that polls. */
    public CellReader reader() {
        return reader(WaitStrategy.FUTEX);
    }

    /** One more reader: FUTEX or SPIN. */
    public CellReader reader(WaitStrategy strategy) {
        if (strategy == WaitStrategy.SEMAPHORE) {
            throw new IllegalArgumentException("invalid argument: expected SPIN or FUTEX for a reader of a cell, found SEMAPHORE");
        }
        return new CellReader(this, strategy);
    }

    /** Takes the writer's role: {@link Kind#ATTACHED} while another writer lives. */
    public CellWriter writer() throws RingException {
        return new CellWriter(this);
    }

    /** The version that can be read now; 0: none was written yet. */
    public long version() {
        return state() >>> 1;
    }

    long state() {
        return region.words.load(geometry.line(geometry.writerArea, CELL_LINE_STATE) + CELL_STATE_STATE); // [S2]
    }

    /** Lets go of the file; the cell stays. Close the writer first, or it is an IllegalStateException. */
    @Override
    public void close() {
        region.close();
    }
}
