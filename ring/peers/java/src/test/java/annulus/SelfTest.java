package annulus;

import static annulus.Check.assertArrayEquals;
import static annulus.Check.assertEquals;
import static annulus.Check.assertFalse;
import static annulus.Check.assertNull;
import static annulus.Check.assertThrows;
import static annulus.Check.assertTrue;
import static annulus.Check.bytes;
import static annulus.Check.kindOf;

import annulus.Check.Case;
import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * The library by itself, without a library of tests: main runs all, and says ok. What it says to other languages, and what remains of
 * killed processes, is tested from Go.
 */
final class SelfTest {
    private static final Duration SHORT = Duration.ofMillis(5);

    private final Path file;

    SelfTest(Path file) {
        this.file = file;
    }

    public static void main(String[] args) throws Exception {
        for (Case c : Check.cases().values()) {
            c.run();
        }
        System.out.println("ok");
    }

    void testManyLapsOfEverySize() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096)); Producer p = r.producer(); Consumer c = r.consumer()) {
            for (int i = 0; i < 20_000; i++) {
                byte[] m = bytes(i * 7 % (r.maxMessage() + 1), i);
                assertTrue(p.trySend(m));
                assertArrayEquals(m, c.receive());
            }
            assertNull(c.tryPeek());
            assertFalse(c.isAtEnd());
        }
    }

    void testBatchIsSeenAtOnce() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096)); Producer p = r.producer(); Consumer c = r.consumer()) {
            for (int i = 0; i < 3; i++) {
                p.reserve(100).put(bytes(10, i));
                p.stage(10); // cut short
                assertNull(c.tryPeek());
            }
            p.reserve(50).put(bytes(50, 9));
            p.abort();
            p.publish();
            for (int i = 0; i < 3; i++) {
                assertEquals(ByteBuffer.wrap(bytes(10, i)), c.tryPeek());
            }
            assertNull(c.tryPeek());
            c.release();
            assertTrue(p.trySend(bytes(5, 5)));
            assertArrayEquals(bytes(5, 5), c.receive());
        }
    }

    void testEndOfStream() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.slots(8, 4)); Consumer c = r.consumer()) {
            try (Producer p = r.producer()) {
                p.send(bytes(8, 1));
            }
            assertArrayEquals(bytes(8, 1), c.receive());
            assertNull(c.receive());
            assertTrue(c.isAtEnd());
            try (Producer p = r.producer()) {
                assertNull(c.tryPeek());
                assertFalse(c.isAtEnd());
                p.send(bytes(8, 2));
            }
            assertArrayEquals(bytes(8, 2), c.receive());
            assertNull(c.receive());
        }
    }

    void testMistakesChangeNothing() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.slots(8, 4)); Producer p = r.producer(); Consumer c = r.consumer()) {
            assertThrows(IllegalArgumentException.class, () -> p.trySend(bytes(7, 0)));
            assertThrows(IllegalStateException.class, () -> p.commit(8));
            p.tryReserve(8);
            assertThrows(IllegalStateException.class, () -> p.tryReserve(8));
            assertThrows(IllegalArgumentException.class, () -> p.commit(7));
            p.commit(8);
            assertThrows(IllegalArgumentException.class, () -> c.tryReceive(ByteBuffer.allocate(7)));
            assertEquals(8, c.tryReceive(ByteBuffer.allocate(8)));
            assertThrows(java.nio.ReadOnlyBufferException.class, () -> {
                p.send(bytes(8, 0));
                c.peek().put(0, (byte) 1);
            });
            assertThrows(IllegalStateException.class, r::close);
        }
    }

    void testOneHolderOfARole() throws Exception {
        try (Ring a = Ring.create(file, RingConfig.bytes(4096)); Ring b = Ring.open(file)) {
            Producer p = a.producer();
            assertEquals(Kind.ATTACHED, kindOf(a::producer));
            assertEquals(Kind.ATTACHED, kindOf(b::producer));
            assertTrue(b.isAttached(Role.PRODUCER));
            p.close();
            p.close();
            assertThrows(IllegalStateException.class, () -> p.trySend(bytes(1, 1)));
            assertFalse(b.isAttached(Role.PRODUCER));
            b.producer().close();
            try (Ring look = Ring.openReadOnly(file)) {
                assertEquals(Kind.PERMISSION, kindOf(look::consumer));
            }
        }
    }

    void testWaitsEnd() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096)); Producer p = r.producer(); Consumer c = r.consumer()) {
            for (WaitStrategy s : new WaitStrategy[] {WaitStrategy.SPIN, WaitStrategy.FUTEX, WaitStrategy.SEMAPHORE}) {
                try (Ring r2 = Ring.create(Path.of(file + "." + s), RingConfig.bytes(4096)); Consumer c2 = r2.consumer(s)) {
                    assertEquals(Kind.TIMED_OUT, kindOf(() -> c2.peek(SHORT)));
                } finally {
                    Files.delete(Path.of(file + "." + s));
                }
            }
            Thread me = Thread.currentThread();
            me.interrupt();
            assertThrows(InterruptedException.class, c::receive);
            CompletableFuture<Kind> kind = CompletableFuture.supplyAsync(() -> kindOf(c::receive));
            c.cancel();
            assertEquals(Kind.CANCELLED, kind.get());
            assertTrue(p.trySend(bytes(1, 1))); // only waits are cancelled
            assertEquals(1, c.tryReceive(ByteBuffer.allocate(1)));
        }
    }

    void testSleepersAreWoken() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096)); Ring other = Ring.open(file); Producer p = r.producer(); Consumer c = other.consumer()) {
            int n = 100_000;
            CompletableFuture<Long> sum = CompletableFuture.supplyAsync(() -> {
                try {
                    long s = 0;
                    ByteBuffer b = ByteBuffer.allocate(8);
                    for (int i = 0; i < n; i++) {
                        c.receive(b.clear());
                        s += b.getLong(0);
                    }
                    return s;
                } catch (RingException | InterruptedException e) {
                    throw new java.util.concurrent.CompletionException(e);
                }
            });
            ByteBuffer b = ByteBuffer.allocate(8);
            for (int i = 0; i < n; i++) {
                p.send(b.putLong(0, i).clear());
            }
            assertEquals((long) n * (n - 1) / 2, sum.get());
        }
    }

    void testClosedByTheConsumer() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096)); Producer p = r.producer()) {
            r.consumer().close();
            assertEquals(Kind.CLOSED, kindOf(() -> p.trySend(bytes(1, 1))));
        }
    }

    void testManyToMany() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.slots(16, 8).manyToMany().members(4).redelivering())) {
            try (Producer a = r.producer(WaitStrategy.FUTEX, 7); Producer b = r.producer(); Consumer c = r.consumer(); Consumer d = r.consumer()) {
                assertEquals(Kind.ATTACHED, kindOf(r::consumer));
                a.send(bytes(3, 1));
                b.send(bytes(16, 2));
                a.reserve(5);
                a.abort();
                b.send(bytes(0, 0));
                assertEquals(1L, a.committed());
                assertEquals(ByteBuffer.wrap(bytes(3, 1)), d.tryPeek());
                assertArrayEquals(bytes(16, 2), c.receive());
                assertNull(d.tryPeek()); // it would not lie behind the first
                assertThrows(IllegalStateException.class, d::peek);
                d.release();
                assertArrayEquals(bytes(0, 0), d.receive());
                assertNull(c.tryPeek());
            }
            assertEquals(0L, r.recover());
        }
    }

    /** A consumer that steps over skipped tickets alone has made room all the same: whoever sleeps for it is woken. */
    void testSkipsMakeRoom() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.slots(8, 2).manyToMany()); Producer a = r.producer(); Producer b = r.producer(); Consumer c = r.consumer()) {
            for (int i = 0; i < 2; i++) {
                a.tryReserve(8);
                a.abort();
            }
            assertFalse(b.trySend(bytes(8, 1)));
            int epoch = b.sleep.prepare(WaitStrategy.FUTEX), seq = r.side(Role.CONSUMER).seq;
            assertEquals(epoch, r.region.words.loadInt(seq));
            assertNull(c.tryPeek());
            assertEquals(epoch + 1, r.region.words.loadInt(seq));
            assertTrue(b.trySend(bytes(8, 1)));
        }
    }

    void testLanes() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096).lanes().members(3)); Consumer c = r.consumer()) {
            try (Producer a = r.producer(); Producer b = r.producer()) {
                a.send(bytes(4, 1));
                b.send(bytes(5, 2));
                assertEquals(9, c.receive().length + c.receive().length);
                assertNull(c.tryPeek());
                assertFalse(c.isAtEnd());
            }
            assertNull(c.receive());
        }
    }

    void testOrder() throws Exception {
        try (Ring r = Ring.create(file, RingConfig.bytes(4096).ordered().members(4)); Consumer c = r.consumer()) {
            assertEquals(Kind.ATTACHED, kindOf(r::consumer));
            try (Producer a = r.producer(WaitStrategy.FUTEX, 3); Producer b = r.producer()) {
                for (int i = 0; i < 5000; i++) {
                    Producer p = i % 3 == 0 ? a : b;
                    byte[] m = bytes(i * 7 % (r.maxMessage() / 2), i);
                    p.reserve(m.length + 64).put(m);
                    p.stage(m.length);
                    p.reserve(64);
                    p.abort();
                    p.publish();
                    assertArrayEquals(m, c.receive());
                    assertNull(c.tryPeek());
                }
                assertEquals(1667L, a.committed());
            }
            assertNull(c.receive());
            assertTrue(c.isAtEnd());
        }
    }

    void testBroadcast() throws Exception {
        Broadcasts.waited(file);
    }

    void testOverruns() throws Exception {
        Broadcasts.overrun(file);
    }

    void testCells() throws Exception {
        Cells.run(file);
    }

    void testRefusals() throws Exception {
        assertEquals(Kind.NOT_FOUND, kindOf(() -> Ring.open(file)));
        assertEquals(Kind.NOT_RING, kindOf(() -> Ring.open(Path.of("/dev/shm"))));
        assertEquals(Kind.INVALID, kindOf(() -> Ring.open("a/b")));
        assertEquals(Kind.GEOMETRY, kindOf(() -> Ring.create(file, RingConfig.bytes(5000))));
        assertEquals(Kind.UNSUPPORTED, kindOf(() -> Ring.create(file, RingConfig.bytes(1L << 32))));
        assertFalse(Files.exists(file));
        Ring.create(file, RingConfig.bytes(4096)).close();
        assertEquals(Kind.EXISTS, kindOf(() -> Ring.create(file, RingConfig.bytes(4096))));
        String name = file.getFileName().toString();
        Ring.openOrCreate(name, RingConfig.bytes(4096)).close();
        assertEquals(Kind.INVALID, kindOf(() -> Ring.openOrCreate(name, RingConfig.bytes(8192))));
        Files.delete(file);
        Ring.openOrCreate(name, RingConfig.bytes(8192)).close();
    }

    void testHostileWords() throws Exception {
        Hostile.run(file);
    }
}
