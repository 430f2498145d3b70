package annulus;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** peer send. */
final class PeerSend {
    private PeerSend() {}

    static void run(Ring r, PeerOptions o, String[] doing) throws IOException, InterruptedException {
        Payload payload = o.payload(r);
        ByteBuffer buf = ByteBuffer.allocateDirect(payload.max()).order(ByteOrder.LITTLE_ENDIAN);
        if (o.count == PeerOptions.UNLIMITED) {
            o.count = 1;
        }
        try (Producer p = r.producer(o.wait, o.tag)) {
            doing[0] = "send";
            if (o.tag != 0) {
                Peer.say("committed " + Long.toUnsignedString(p.committed()));
            }
            if (o.resume) {
                o.start += p.committed();
            }
            if (o.announce) {
                Peer.say("attached");
            }
            for (long i = 0; !o.enough(i); i++) {
                int n = payload.length(o.start + i);
                if (o.batch == 1) {
                    payload.fill(o.start + i, buf.clear(), n);
                    p.send(buf.clear().limit(n), o.timeout);
                } else {
                    payload.fill(o.start + i, p.reserve(n, o.timeout), n);
                    p.stage(n);
                }
                if ((i + 1) % o.batch == 0 || o.enough(i + 1) || i + 1 == o.dieAfter) {
                    p.publish();
                }
                if (i + 1 == o.dieAfter) {
                    die(r, p, o, payload.min());
                }
            }
        }
        Peer.say("sent " + Long.toUnsignedString(o.count) + " ok");
    }

    /** Goes without a word, in the middle of things if it was told to. */
    private static void die(Ring r, Producer p, PeerOptions o, int n) throws RingException {
        // In an MPMC ring only when all is received: a full one would not take the claims.
        while (o.cut && r.draws() && r.counter(Role.PRODUCER) != r.counter(Role.CONSUMER)) {
            Thread.yield();
        }
        for (long i = 0; o.cut && i < o.batch; i++) {
            ByteBuffer room = p.tryReserve(n);
            if (room == null) {
                break;
            }
            while (room.hasRemaining()) {
                room.put((byte) 0xee);
            }
            if (i + 1 < o.batch) {
                p.stage(n);
            }
        }
        Kernel.get().killSelf();
    }
}
