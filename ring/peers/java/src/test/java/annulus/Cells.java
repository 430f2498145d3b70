package annulus;

import static annulus.Check.assertEquals;
import static annulus.Check.assertFalse;
import static annulus.Check.assertThrows;
import static annulus.Check.assertTrue;
import static annulus.Check.kindOf;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;

/** A cell by itself. */
final class Cells {
    private Cells() {}

    static void run(Path file) throws Exception {
        try (Cell cell = Cell.create(file, Layout.CELL_KIND_BLOCK, 100); Cell look = Cell.openReadOnly(file)) {
            CellReader r = look.reader();
            ByteBuffer b = ByteBuffer.allocate(100);
            assertEquals(0L, r.read(b));
            try (CellWriter w = cell.writer()) {
                assertEquals(Kind.ATTACHED, kindOf(cell::writer));
                assertEquals(1L, w.write(ByteBuffer.wrap(new byte[30])));
                assertTrue(r.await(0, null));
                assertEquals(1L, r.read(b));
                assertEquals(ByteBuffer.wrap(new byte[30]), b.flip());
                assertThrows(IllegalArgumentException.class, () -> r.read(ByteBuffer.allocate(29)));
                assertThrows(IllegalArgumentException.class, () -> w.write(ByteBuffer.allocate(101)));
                assertEquals(Kind.TIMED_OUT, kindOf(() -> r.await(1, Duration.ofMillis(5))));
            }
            assertFalse(r.await(1, null));
            assertEquals(Kind.NOT_RING, kindOf(() -> Ring.open(file)));
        }
    }
}
