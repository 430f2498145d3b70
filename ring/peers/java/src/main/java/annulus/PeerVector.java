package annulus;

import java.nio.ByteBuffer;

/** peer vector: does to a new ring what vectors/README.md tells of mpmc-claims.bin, and leaves its endpoints as they are. */
final class PeerVector {
    private PeerVector() {}

    /** Message i: i times three letters. */
    private static byte[] message(int i) {
        byte[] b = new byte[3 * i % 25];
        java.util.Arrays.fill(b, (byte) ('a' + i));
        return b;
    }

    private static void reserve(Producer p, int i, boolean stage) throws RingException {
        byte[] b = message(i);
        p.tryReserve(b.length).put(b);
        if (stage) {
            p.stage(b.length);
        }
    }

    static void run(Ring r) throws RingException {
        Producer[] p = {r.producer(), r.producer()};
        Consumer[] c = {r.consumer(), r.consumer()};
        for (int i = 0; i < 8; i++) {
            p[0].trySend(message(i));
        }
        for (int i = 0; i < 6; i++) {
            c[0].tryReceive(ByteBuffer.allocate(24));
        }
        reserve(p[0], 8, false);
        p[0].abort();
        reserve(p[1], 9, true);
        reserve(p[1], 10, true);
        p[1].publish();
        reserve(p[1], 11, false);
        p[0].trySend(message(12));
        for (int i = 0; i < 2; i++) {
            c[1].tryPeek();
        }
        Peer.say("made");
        System.out.flush();
        Runtime.getRuntime().halt(0); // without detaching
    }
}
