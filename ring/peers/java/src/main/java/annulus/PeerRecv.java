package annulus;

import annulus.RingException.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** peer recv. */
final class PeerRecv {
    private final Ring ring;
    private final PeerOptions o;
    private final Payload payload;
    private final ByteBuffer buf;
    private final boolean copied;
    private final java.util.Map<Long, Long> senders = new java.util.HashMap<>(); // what is due from each
    private long done, mix, redelivered, lost;

    PeerRecv(Ring ring, PeerOptions o) {
        this.ring = ring;
        this.o = o;
        payload = o.payload(ring);
        buf = ByteBuffer.allocateDirect(payload.max()).order(ByteOrder.LITTLE_ENDIAN);
        copied = o.batch == 1 && o.dieAfter == 0 && !o.hold;
    }

    void run(String[] doing) throws IOException, InterruptedException {
        boolean end = false;
        try (Consumer c = ring.consumer(o.wait, o.backlog)) {
            doing[0] = "recv";
            if (o.announce) {
                Peer.say("attached");
            }
            while (!end && !(o.hold ? done > 0 : o.enough(done))) {
                try {
                    end = copied ? copy(c) : peek(c);
                } catch (RingException e) {
                    if (!o.lossy || e.kind() != Kind.OVERRUN) {
                        throw e;
                    }
                    lost = c.missed();
                }
            }
        }
        if (end && o.count != PeerOptions.UNLIMITED) {
            throw new IOException("end of stream after " + Long.toUnsignedString(done) + " of " + Long.toUnsignedString(o.count));
        }
        Peer.say("received " + Long.toUnsignedString(done) + " ok"
                + (o.any ? " mix " + Long.toUnsignedString(mix) + " redelivered " + redelivered : "")
                + (o.lossy ? " lost " + Long.toUnsignedString(lost) : ""));
    }

    private boolean copy(Consumer c) throws IOException, InterruptedException {
        int n = c.receive(buf.clear(), o.timeout);
        if (n < 0) {
            return true;
        }
        check(c, buf, n);
        return false;
    }

    private boolean peek(Consumer c) throws IOException, InterruptedException {
        for (long i = 0; i < o.batch && !o.enough(done); i++) {
            ByteBuffer m = i == 0 ? c.peek(o.timeout) : c.tryPeek();
            if (m == null) {
                boolean end = c.isAtEnd();
                c.release();
                return end;
            }
            long seq = check(c, m, m.remaining());
            if (done == o.dieAfter) {
                Kernel.get().killSelf();
            }
            if (o.hold) {
                Peer.say("held " + Long.toUnsignedString(seq));
                Peer.waitForEnd();
            }
        }
        c.release();
        return false;
    }

    private long check(Consumer c, ByteBuffer m, int n) throws IOException {
        m.order(ByteOrder.LITTLE_ENDIAN);
        lost = c.missed();
        long seq = o.start + done + lost;
        if (o.any && n >= Payload.REST) {
            seq = m.getLong(0);
            mix += Payload.mix(seq);
            redelivered += c.redelivered() > 0 ? 1 : 0;
            if (o.perSender > 0) {
                Long before = senders.put(Long.divideUnsigned(seq, o.perSender), seq);
                if (before != null && Long.compareUnsigned(seq, before) <= 0) {
                    throw new RingException(Kind.CORRUPT, "message " + Long.toUnsignedString(seq) + ": out of order");
                }
            }
        }
        String wrong = null;
        for (long k = 0; k < o.checks && wrong == null; k++) {
            wrong = payload.check(seq, m, n);
        }
        if (wrong != null) {
            throw new RingException(Kind.CORRUPT, "message " + Long.toUnsignedString(seq) + " of " + n + " bytes: wrong " + wrong);
        }
        done++;
        return seq;
    }
}
