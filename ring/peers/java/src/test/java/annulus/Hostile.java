package annulus;

import static annulus.Check.assertTrue;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** Rings in which words stand that no correct peer writes. */
final class Hostile {
    private Hostile() {}

    /** Words that no correct peer writes: the ring may be of no use, but nothing else is thrown, nothing hangs, the process lives. */
    static void run(Path file) throws Exception {
        Random random = new Random(1);
        RingConfig[] configs = {RingConfig.bytes(4096), RingConfig.slots(24, 8), RingConfig.slots(24, 8).manyToMany().members(4).redelivering(),
            RingConfig.bytes(4096).lanes().members(2), RingConfig.slots(24, 4).lanes().members(2), RingConfig.bytes(4096).ordered().members(4),
            RingConfig.bytes(4096).broadcast().members(2), RingConfig.bytes(4096).blockingBroadcast().members(2)};
        int corrupt = 0;
        for (int round = 0; round < 3000; round++) {
            RingConfig config = configs[round % configs.length];
            try (Ring r = Ring.create(file, config)) {
                Endpoint[] ends = {r.consumer(), r.producer()};
                for (int i = random.nextInt(20); i > 0; i--) {
                    try {
                        use(ends[random.nextInt(2)], random);
                    } catch (RingException x) {
                        Check.assertEquals(Kind.OVERRUN, x.kind());
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
                for (Check.Case attach : new Check.Case[] {() -> r.producer().close(), () -> r.consumer(WaitStrategy.FUTEX, true).close(), () -> r.recover()}) {
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
