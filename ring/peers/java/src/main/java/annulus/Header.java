package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/** The first bytes of a ring, in private memory: whether they may be believed, and how a creator writes them. */
final class Header {
    /** What this library can do of KNOWN_FEATURES: it never sleeps on eventfds. */
    private static final long FEATURES_HERE = KNOWN_FEATURES & ~FEATURE_EVENTFD;

    final ByteBuffer bytes;
    final Geometry geometry;

    private Header(ByteBuffer bytes, Geometry geometry) {
        this.bytes = bytes;
        this.geometry = geometry;
    }

    int intAt(int field) {
        return bytes.getInt(field);
    }

    long unsigned(int field) {
        return Integer.toUnsignedLong(bytes.getInt(field));
    }

    long longAt(int field) {
        return bytes.getLong(field);
    }

    boolean requires(long feature) {
        return (bytes.getLong(HEADER_REQUIRED) & feature) != 0;
    }

    static long checksum(ByteBuffer header) {
        CRC32C crc = new CRC32C();
        crc.update(header.duplicate().clear().limit(HEADER_CHECKSUM));
        return crc.getValue();
    }

    /**
     * What rings and cells check alike of their first bytes, in the order that the layout gives: b, those of a file of size bytes.
     */
    static void checkStart(ByteBuffer b, long size, String thing, long magic, int major, long known) throws RingException {
        if (size < HEADER_SIZE || b.limit() < HEADER_SIZE) {
            throw new RingException(Kind.SHORT, "expected at least the " + HEADER_SIZE + " bytes of a header, found " + Math.min(size, b.limit()));
        }
        long found = b.getLong(HEADER_MAGIC);
        if (found == 0) {
            throw new RingException(Kind.NOT_READY, "expected a magic word, found zero; its creator is at work or died");
        }
        if (found == Long.reverseBytes(magic)) {
            throw new RingException(Kind.ENDIAN, "expected a little-endian magic word, found it byte-swapped");
        }
        if (found != magic) {
            String other = found == MAGIC ? " (a ring: open it with Ring)" : found == CELL_MAGIC ? " (a cell: open it with Cell)" : "";
            throw new RingException(Kind.NOT_RING, String.format("expected %#x as the first word of a %s, found %#x%s", magic, thing, found, other));
        }
        if (b.getInt(HEADER_MAJOR) != major) {
            throw new RingException(Kind.VERSION, "expected " + major + ".x, found " + Integer.toUnsignedString(b.getInt(HEADER_MAJOR)) + "."
                    + Integer.toUnsignedString(b.getInt(HEADER_MINOR)));
        }
        long sum = checksum(b);
        if (b.getLong(HEADER_CHECKSUM) != sum) {
            throw new RingException(Kind.CHECKSUM, String.format("expected checksum %#x, found %#x", sum, b.getLong(HEADER_CHECKSUM)));
        }
        long unknown = b.getLong(HEADER_REQUIRED) & ~known;
        if (unknown != 0) {
            throw new RingException(Kind.FEATURE, String.format("expected required feature bits within %#x, found %#x; use a newer library", known,
                    b.getLong(HEADER_REQUIRED)));
        }
        Geometry.within("header size", Integer.toUnsignedLong(b.getInt(HEADER_HEADER_SIZE)), HEADER_SIZE, 0xffffffffL);
    }

    /** Validates b, the first bytes of a file of size bytes. Who only looks need not be able to wake anybody. */
    static Header decode(ByteBuffer b, long size, boolean readOnly) throws RingException {
        b.order(ByteOrder.LITTLE_ENDIAN);
        checkStart(b, size, "ring", MAGIC, MAJOR, readOnly ? KNOWN_FEATURES : FEATURES_HERE);
        Geometry g = new Geometry(new Geometry.Shape(b.getInt(HEADER_KIND), b.getInt(HEADER_TOPOLOGY), b.getLong(HEADER_CAPACITY),
                Integer.toUnsignedLong(b.getInt(HEADER_SLOT_SIZE)), Integer.toUnsignedLong(b.getInt(HEADER_STRIDE)),
                b.getLong(HEADER_ENDPOINT_COUNT), b.getInt(HEADER_SLOT_PAYLOAD) == SLOT_PAYLOAD_LENGTH));
        Header h = new Header(b, g);
        if (h.requires(FEATURE_BLOCK | FEATURE_DROP) && (g.topology != TOPOLOGY_CAST || h.requires(FEATURE_BLOCK) && h.requires(FEATURE_DROP))) {
            throw new RingException(Kind.GEOMETRY, String.format("required features: expected at most one of %#x and %#x, in a broadcast ring, found %#x",
                    FEATURE_BLOCK, FEATURE_DROP, b.getLong(HEADER_REQUIRED)));
        }
        same("slot stride", h.unsigned(HEADER_SLOT_STRIDE), g.slotStride);
        same("slot payload offset", h.unsigned(HEADER_SLOT_PAYLOAD), g.slotPayload);
        same("greatest message", h.unsigned(HEADER_MAX_MESSAGE), g.maxMessage);
        same("producer area", h.longAt(HEADER_PRODUCER_AREA), g.producerArea);
        same("consumer area", h.longAt(HEADER_CONSUMER_AREA), g.consumerArea);
        same("shared area", h.longAt(HEADER_SHARED_AREA), g.sharedArea);
        same("endpoint table", h.longAt(HEADER_ENDPOINT_TABLE), g.endpointTable);
        same("data area", h.longAt(HEADER_DATA_AREA), g.dataArea);
        same("data size", h.longAt(HEADER_DATA_SIZE), g.dataSize);
        same("total size", h.longAt(HEADER_TOTAL_SIZE), g.totalSize);
        same("lock base", h.longAt(HEADER_LOCK_BASE), LOCK_BASE);
        checkRoom(g.totalSize, size);
        return h;
    }

    static void same(String field, long found, long expected) throws RingException {
        Geometry.within(field, found, expected, expected);
    }

    static void checkRoom(long total, long size) throws RingException {
        if (total > size) {
            throw new RingException(Kind.SHORT, "expected a file of at least " + total + " bytes, found " + size);
        }
        if (total > Integer.MAX_VALUE) {
            throw new RingException(Kind.UNSUPPORTED, "expected at most " + Integer.MAX_VALUE + " bytes, which a Java buffer can hold, found "
                    + total + "; use a ring of less capacity");
        }
    }

    /** Writes a new ring into zeroed memory that nobody else sees. */
    static void format(Words m, Geometry g, long required, byte[] bootId, long createdNs) {
        ByteBuffer b = m.buf;
        b.putLong(HEADER_MAGIC, MAGIC).putInt(HEADER_MAJOR, MAJOR).putInt(HEADER_MINOR, MINOR).putInt(HEADER_HEADER_SIZE, HEADER_SIZE);
        b.putInt(HEADER_KIND, g.kind).putInt(HEADER_TOPOLOGY, g.topology).putInt(HEADER_STRIDE, (int) g.stride);
        b.putLong(HEADER_REQUIRED, required).putLong(HEADER_TOTAL_SIZE, g.totalSize).putLong(HEADER_CAPACITY, g.capacity);
        b.putInt(HEADER_SLOT_SIZE, (int) g.slotSize).putInt(HEADER_SLOT_STRIDE, (int) g.slotStride);
        b.putInt(HEADER_SLOT_PAYLOAD, (int) g.slotPayload).putInt(HEADER_MAX_MESSAGE, (int) g.maxMessage);
        b.putLong(HEADER_PRODUCER_AREA, g.producerArea).putLong(HEADER_CONSUMER_AREA, g.consumerArea);
        b.putLong(HEADER_SHARED_AREA, g.sharedArea).putLong(HEADER_ENDPOINT_TABLE, g.endpointTable);
        b.putLong(HEADER_ENDPOINT_COUNT, g.members).putLong(HEADER_DATA_AREA, g.dataArea).putLong(HEADER_DATA_SIZE, g.dataSize);
        b.putLong(HEADER_LOCK_BASE, LOCK_BASE).putLong(HEADER_CREATED_NS, createdNs);
        b.putLong(HEADER_CREATOR_PID, ProcessHandle.current().pid()).put(HEADER_BOOT_ID, bootId);
        b.putLong(HEADER_CHECKSUM, checksum(b));
        for (long area : new long[] {g.producerArea, g.consumerArea}) {
            b.putInt((int) (area + LINE_SEQ * g.stride), 1);
            b.putLong((int) (area + LINE_ARM * g.stride), ARM_VALID);
        }
        for (int line = 0; line < 2; line++) { // an empty process-shared sem_t
            b.putInt((int) (g.sharedArea + line * g.stride) + SEM_SHARED_AT, SEM_SHARED);
        }
    }

    /** Where glibc's sem_t says that processes share it, and what it says then. */
    static final int SEM_SHARED_AT = 8, SEM_SHARED = 128;
}
