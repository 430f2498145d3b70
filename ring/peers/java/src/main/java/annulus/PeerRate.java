package annulus;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** peer rate: bare messages, for the speed of it. */
final class PeerRate {
    private PeerRate() {}

    static void run(Ring r, PeerOptions o, String[] doing) throws RingException, InterruptedException, PeerOptions.UsageException {
        boolean sends = o.words.get(1).equals("send");
        if (o.words.size() != 3 || !sends && !o.words.get(1).equals("recv") || o.max < Long.BYTES) {
            throw new PeerOptions.UsageException("expected send or recv and a name behind rate, and a --size of 8 at least");
        }
        if (o.count == PeerOptions.UNLIMITED) {
            o.count = 1;
        }
        ByteBuffer buf = ByteBuffer.allocateDirect(o.max).order(ByteOrder.LITTLE_ENDIAN);
        if (sends) {
            send(r, o, doing, buf);
        } else {
            recv(r, o, doing, buf);
        }
    }

    private static void send(Ring r, PeerOptions o, String[] doing, ByteBuffer buf) throws RingException, InterruptedException {
        try (Producer p = r.producer(o.wait)) {
            if (o.announce) {
                Peer.say("attached");
            }
            doing[0] = "send";
            send(p, o, buf, 0, o.warm);
            send(p, o, buf, o.warm, o.warm + o.count);
        }
        Peer.say("sent " + o.count + " ok");
    }

    private static void send(Producer p, PeerOptions o, ByteBuffer buf, long from, long end) throws RingException, InterruptedException {
        for (long seq = from; seq < end; seq++) {
            buf.clear().putLong(0, seq);
            p.send(buf, o.timeout);
        }
    }

    private static void recv(Ring r, PeerOptions o, String[] doing, ByteBuffer buf) throws RingException, InterruptedException {
        long ns;
        try (Consumer c = r.consumer(o.wait)) {
            if (o.announce) {
                Peer.say("attached");
            }
            doing[0] = "recv";
            receive(c, o, buf, 0, o.warm);
            long began = System.nanoTime();
            receive(c, o, buf, o.warm, o.warm + o.count);
            ns = System.nanoTime() - began;
        }
        Peer.say("received " + o.count + " ns " + ns);
    }

    /** Receives messages up to number end, and checks their numbers. */
    private static void receive(Consumer c, PeerOptions o, ByteBuffer buf, long from, long end) throws RingException, InterruptedException {
        for (long seq = from; seq < end; seq++) {
            int n = c.receive(buf.clear(), o.timeout);
            if (n < 0) {
                throw new IllegalStateException("end of stream after " + seq + " of " + (o.warm + o.count));
            }
            if (n != o.max || buf.getLong(0) != seq) {
                throw new RingException(Kind.CORRUPT, "expected message " + seq + " of " + o.max + " bytes, found " + buf.getLong(0) + " of " + n);
            }
        }
    }
}
