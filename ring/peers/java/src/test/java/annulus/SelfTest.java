package annulus;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/**
 * The library by itself, without a library of tests: main runs all, and says ok. What it says to other languages, and what remains of
 * killed processes, is tested from Go.
 */
final class SelfTest {
    private static final Duration SHORT = Duration.ofMillis(5);

    /** What a test is, and what may throw. */
    interface Case {
        void run() throws Exception;
    }

    private final Path file;

    private SelfTest(Path file) {
        this.file = file;
    }

    static Map<String, Case> cases() {
        Map<String, Case> all = new LinkedHashMap<>();
        for (java.lang.reflect.Method m : SelfTest.class.getDeclaredMethods()) {
            if (m.getName().startsWith("test")) {
                all.put(m.getName(), () -> run(m));
            }
        }
        return all;
    }

    private static void run(java.lang.reflect.Method test) throws Exception {
        Path file = Files.createTempFile(Path.of("/dev/shm"), "annulus-java-", "");
        Files.delete(file);
        try {
            test.invoke(new SelfTest(file));
        } catch (java.lang.reflect.InvocationTargetException e) {
            throw new AssertionError(test.getName() + ": " + e.getCause(), e.getCause());
        } finally {
            Files.deleteIfExists(file);
        }
    }

    public static void main(String[] args) throws Exception {
        for (Case c : cases().values()) {
            c.run();
        }
        System.out.println("ok");
    }

    private static void assertTrue(boolean what) {
        if (!what) {
            throw new AssertionError("expected true, found false");
        }
    }

    private static void assertFalse(boolean what) {
        assertTrue(!what);
    }

    private static void assertNull(Object what) {
        assertEquals(null, what);
    }

    private static void assertEquals(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    private static void assertArrayEquals(byte[] expected, byte[] found) {
        assertEquals(ByteBuffer.wrap(expected), ByteBuffer.wrap(found));
    }

    private static <T extends Exception> T assertThrows(Class<T> type, Case c) {
        try {
            c.run();
        } catch (Exception e) {
            if (type.isInstance(e)) {
                return type.cast(e);
            }
            throw new AssertionError("expected " + type + ", found " + e, e);
        }
        throw new AssertionError("expected " + type + ", found nothing thrown");
    }

    private static byte[] bytes(int n, int value) {
        byte[] b = new byte[n];
        java.util.Arrays.fill(b, (byte) value);
        return b;
    }

    private static Kind kindOf(Case e) {
        return assertThrows(RingException.class, e).kind();
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

    void testCells() throws Exception {
        try (Cell cell = Cell.create(file, Layout.CELL_KIND_BLOCK, 100); Cell look = Cell.openReadOnly(file)) {
            CellReader r = look.reader();
            ByteBuffer b = ByteBuffer.allocate(100);
            assertEquals(0L, r.read(b));
            try (CellWriter w = cell.writer()) {
                assertEquals(Kind.ATTACHED, kindOf(cell::writer));
                assertEquals(1L, w.write(ByteBuffer.wrap(bytes(30, 3))));
                assertTrue(r.await(0, null));
                assertEquals(1L, r.read(b));
                assertEquals(ByteBuffer.wrap(bytes(30, 3)), b.flip());
                assertThrows(IllegalArgumentException.class, () -> r.read(ByteBuffer.allocate(29)));
                assertThrows(IllegalArgumentException.class, () -> w.write(ByteBuffer.allocate(101)));
                assertEquals(Kind.TIMED_OUT, kindOf(() -> r.await(1, SHORT)));
            }
            assertFalse(r.await(1, null));
            assertEquals(Kind.NOT_RING, kindOf(() -> Ring.open(file)));
        }
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

    /** Words that no correct peer writes: the ring may be of no use, but nothing else is thrown, nothing hangs, the process lives. */
    void testHostileWords() throws Exception {
        Random random = new Random(1);
        RingConfig[] configs = {RingConfig.bytes(4096), RingConfig.slots(24, 8), RingConfig.slots(24, 8).manyToMany().members(4).redelivering(),
            RingConfig.bytes(4096).lanes().members(2), RingConfig.slots(24, 4).lanes().members(2), RingConfig.bytes(4096).ordered().members(4),
            RingConfig.bytes(4096).broadcast().members(2)};
        int corrupt = 0;
        for (int round = 0; round < 3000; round++) {
            RingConfig config = configs[round % configs.length];
            try (Ring r = Ring.create(file, config)) {
                int topology = r.geometry.topology;
                boolean sends = topology != Layout.TOPOLOGY_CAST;
                Endpoint[] ends = new Endpoint[sends ? 2 : 1];
                ends[0] = r.consumer();
                if (sends) {
                    ends[1] = r.producer();
                    for (int i = random.nextInt(20); i > 0; i--) {
                        use(ends[random.nextInt(2)], random);
                    }
                }
                ByteBuffer b = r.region.words.buf;
                for (int i = 1 + random.nextInt(3); i > 0; i--) {
                    int at = 4096 + 8 * random.nextInt((b.capacity() - 4096) / 8);
                    if (random.nextBoolean()) { // a word in use, more likely
                        at = (int) (4096 * (1 + random.nextInt(2)) + r.geometry.stride * random.nextInt(4)) + 8 * random.nextInt(8);
                    }
                    long old = b.getLong(at);
                    b.putLong(at, new long[] {0, -1, old + 1, old - 8, old + 4096, old ^ 1L << random.nextInt(64), random.nextLong(),
                        random.nextInt(100)}[random.nextInt(8)]);
                }
                for (int i = 0; i < 60; i++) {
                    Endpoint e = ends[random.nextInt(ends.length)];
                    try {
                        use(e, random);
                    } catch (RingException x) {
                        corrupt += x.kind() == Kind.CORRUPT ? 1 : 0;
                    }
                }
                for (Endpoint e : ends) {
                    e.close();
                }
                for (Case attach : new Case[] {() -> r.producer().close(), () -> r.consumer(WaitStrategy.FUTEX, true).close(), () -> r.recover()}) {
                    try {
                        attach.run();
                    } catch (RingException x) {
                        corrupt += x.kind() == Kind.CORRUPT ? 1 : 0;
                    }
                }
            } finally {
                Files.delete(file);
            }
        }
        assertTrue(corrupt > 300);
    }

    private static void use(Endpoint e, Random random) throws RingException {
        if (e instanceof Producer p) {
            int n = p.ring.isFixedSize() ? p.ring.maxMessage() : random.nextInt(p.ring.maxMessage() + 1);
            switch (random.nextInt(3)) {
                case 0 -> p.trySend(new byte[n]);
                case 1 -> {
                    if (p.tryReserve(n) != null) {
                        p.stage(n);
                    }
                    p.publish();
                }
                default -> {
                    if (p.tryReserve(n) != null) {
                        p.abort();
                    }
                }
            }
        } else if (e instanceof Consumer c) {
            if (random.nextBoolean()) {
                c.tryReceive(ByteBuffer.allocate(c.ring.maxMessage()));
            } else {
                c.tryPeek();
                c.tryPeek();
                c.release();
            }
        }
    }
}
