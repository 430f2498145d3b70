package annulus;

import static annulus.Check.assertArrayEquals;
import static annulus.Check.assertEquals;
import static annulus.Check.assertFalse;
import static annulus.Check.assertTrue;
import static annulus.Check.kindOf;

import annulus.RingException.Kind;
import java.nio.file.Path;
import java.time.Duration;

/** A broadcast ring by itself. */
final class Broadcasts {
    private Broadcasts() {}

    static void waited(Path file) throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096).blockingBroadcast().members(2)); Producer p = r.producer(); Consumer a = r.consumer()) {
            Consumer b = r.consumer();
            for (int i = 0; i < 5000; i++) {
                byte[] m = Check.bytes(i * 7 % (r.maxMessage() + 1), i);
                assertTrue(p.trySend(m));
                assertArrayEquals(m, a.receive());
                assertArrayEquals(m, b.receive());
            }
            int sent = 0;
            while (p.trySend(Check.bytes(100, sent))) {
                sent++;
            }
            assertEquals(Check.bytes(100, 0).length, a.receive().length);
            assertFalse(p.trySend(Check.bytes(100, 1))); // b is the slowest
            b.close();
            assertTrue(p.trySend(Check.bytes(100, 1)));
        }
    }

    static void overrun(Path file) throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096).broadcast()); Producer p = r.producer(); Consumer c = r.consumer(); Ring look = Ring.openReadOnly(file);
                Consumer d = look.consumer()) {
            for (int i = 0; i < 100; i++) {
                p.send(Check.bytes(200, i));
            }
            assertEquals(Kind.OVERRUN, kindOf(c::tryPeek));
            assertEquals(99L, c.missed());
            assertArrayEquals(Check.bytes(200, 99), c.receive());
            assertEquals(Kind.OVERRUN, kindOf(d::tryPeek));
            assertArrayEquals(Check.bytes(200, 99), d.receive());
            assertEquals(Kind.TIMED_OUT, kindOf(() -> d.peek(Duration.ofMillis(5))));
        }
    }
}
