package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Where everything of a cell or block lies: section 9 of the layout. As {@link Geometry} of a ring. */
final class CellGeometry {
    final int kind;
    final long stride, size, copyStride, readerArea, writerArea, dataArea, totalSize;

    CellGeometry(int kind, long size, long stride) throws RingException {
        Geometry.within("kind", Integer.toUnsignedLong(kind), CELL_KIND_VALUE, CELL_KIND_BLOCK);
        Geometry.within("stride", stride, MIN_STRIDE, MAX_STRIDE);
        if (Long.bitCount(stride) != 1) {
            throw new RingException(Kind.GEOMETRY, "stride: expected a power of two, found " + stride);
        }
        Geometry.within("size", size, 1, CELL_MAX_SIZE);
        this.kind = kind;
        this.size = size;
        this.stride = stride;
        copyStride = Geometry.align(size, stride);
        readerArea = PAGE_SIZE;
        writerArea = readerArea + Geometry.page(4 * stride);
        dataArea = writerArea + 4 * stride;
        totalSize = Geometry.page(dataArea + 2 * copyStride);
    }

    /** Validates b, the first bytes of a file of size bytes. */
    static CellGeometry decode(ByteBuffer b, long fileSize) throws RingException {
        b.order(ByteOrder.LITTLE_ENDIAN);
        Header.checkStart(b, fileSize, "cell", CELL_MAGIC, CELL_MAJOR, CELL_KNOWN_FEATURES);
        CellGeometry g = new CellGeometry(b.getInt(CELL_HEADER_KIND), b.getLong(CELL_HEADER_SIZE), Integer.toUnsignedLong(b.getInt(CELL_HEADER_STRIDE)));
        Header.same("copy stride", b.getLong(CELL_HEADER_COPY_STRIDE), g.copyStride);
        Header.same("reader area", b.getLong(CELL_HEADER_READER_AREA), g.readerArea);
        Header.same("writer area", b.getLong(CELL_HEADER_WRITER_AREA), g.writerArea);
        Header.same("data area", b.getLong(CELL_HEADER_DATA_AREA), g.dataArea);
        Header.same("total size", b.getLong(CELL_HEADER_TOTAL_SIZE), g.totalSize);
        Header.same("lock base", b.getLong(CELL_HEADER_LOCK_BASE), LOCK_BASE);
        Header.checkRoom(g.totalSize, fileSize);
        return g;
    }

    /** Writes a new cell into zeroed memory that nobody else sees. */
    void format(Words m) {
        ByteBuffer b = m.buf;
        b.putLong(CELL_HEADER_MAGIC, CELL_MAGIC).putInt(CELL_HEADER_MAJOR, CELL_MAJOR).putInt(CELL_HEADER_MINOR, CELL_MINOR);
        b.putInt(CELL_HEADER_HEADER_SIZE, HEADER_SIZE).putInt(CELL_HEADER_KIND, kind).putInt(CELL_HEADER_STRIDE, (int) stride);
        b.putLong(CELL_HEADER_TOTAL_SIZE, totalSize).putLong(CELL_HEADER_SIZE, size).putLong(CELL_HEADER_COPY_STRIDE, copyStride);
        b.putLong(CELL_HEADER_READER_AREA, readerArea).putLong(CELL_HEADER_WRITER_AREA, writerArea).putLong(CELL_HEADER_DATA_AREA, dataArea);
        b.putLong(CELL_HEADER_LOCK_BASE, LOCK_BASE).putLong(CELL_HEADER_CREATED_NS, Proc.now());
        b.putLong(CELL_HEADER_CREATOR_PID, ProcessHandle.current().pid()).put(CELL_HEADER_BOOT_ID, Proc.bootId());
        b.putLong(CELL_HEADER_CHECKSUM, Header.checksum(b));
        b.putInt((int) (writerArea + LINE_SEQ * stride), 1);
        b.putLong((int) (readerArea + LINE_ARM * stride), ARM_VALID);
    }

    int line(long area, int line) {
        return (int) (area + line * stride);
    }

    /** Where the copy of a version is. */
    int copy(long version) {
        return (int) (dataArea + (version & 1) * copyStride);
    }

    /** Where the length of a version of a block is. */
    int length(long version) {
        return line(writerArea, CELL_LINE_STATE) + ((version & 1) == 0 ? CELL_STATE_LENGTH0 : CELL_STATE_LENGTH1);
    }
}
