package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;

/** A consumer of a broadcast ring. Section 12 of the layout. On a ring that is only looked at it has no entry, stores nothing and polls. */
final class CastConsumer extends Consumer {
    private final CastReader reader = new CastReader(ring);
    private final boolean backlog;
    private final boolean stays; // what is not released stays in the ring: else it is copied
    private long number; // of the next message
    private long tail; // when last looked at
    private long missed;
    private int ignored; // this session of the producer had ended before
    private ByteBuffer room = ByteBuffer.allocate(0); // the copy; what was peeked is not written again

    CastConsumer(Ring ring, WaitStrategy strategy, boolean backlog) {
        super(ring, strategy, !ring.region.readOnly);
        this.backlog = backlog;
        stays = CastReader.waits(ring) && !region.readOnly;
    }

    @Override
    boolean mayOnlyLook() {
        return true;
    }

    @Override
    void takeOver() throws RingException {
        quarter = Math.max(g.capacity / 4, 1);
        CastReader.From from = CastReader.From.BEHIND;
        if (backlog) {
            from = stays ? CastReader.From.LATEST : CastReader.From.BACKLOG;
        } else {
            int session = words.loadInt(peer.endpoint + ENDPOINT_SESSION);
            if (words.loadInt(peer.endpoint + ENDPOINT_CLOSED) == session) {
                ignored = session;
            }
        }
        goTo(reader.place(from));
        if (entry != null) {
            messages = words.load(entry.member + MEMBER_RECEIVED);
            bytes = words.load(entry.member + MEMBER_RECEIVED_BYTES);
            // A producer that waits either sees this entry when it looks for the slowest, or has looked before: then
            // what it stored before that look is seen here behind it.
            words.publish(entry.member + MEMBER_DRAWN, pos); // [B3]
            announce();
            java.lang.invoke.VarHandle.fullFence();
            goTo(reader.place(from));
            words.publish(entry.member + MEMBER_DRAWN, pos);
        }
    }

    private void goTo(CastReader.Place p) {
        pos = tail = released = owed = p.pos();
        number = p.number();
    }

    @Override
    void depart() {
        if (stays) {
            words.publishInt(entry.holder + HOLDER_STATE, STATE_LEAVING);
            wake.interrupt();
        }
    }

    /** Goes to the latest message, when the producer has overwritten what was due. */
    private void overtaken() throws RingException {
        CastReader.Place p = reader.place(CastReader.From.LATEST);
        long lost = p.number() - number;
        if (p.pos() - pos <= 0 || lost < 0) {
            throw corrupt("a latest record beyond message " + number, p.pos(), pos);
        }
        long kept = released;
        goTo(p);
        if (peeked > 0) {
            released = owed = kept;
        }
        if (lost > 0) {
            missed += lost;
            if (entry != null) {
                words.publish(entry.member + MEMBER_SKIPPED, missed);
            }
            throw new RingException(Kind.OVERRUN, lost + " messages lost; receive faster, or make the ring greater");
        }
    }

    @Override
    int next() throws RingException {
        // Nothing is lost by one jump to the latest message, one over padding, one look for want of room.
        for (int look = 0; look < 5; look++) {
            if (pos == tail) {
                long now = words.load(peer.cursor + CURSOR_POSITION); // [B2]
                if (now == pos) {
                    return nothing();
                }
                if (now - pos < 0) {
                    throw corrupt("tail not to go back", now, pos);
                }
                tail = now;
            }
            int at = reader.at(pos);
            // Whatever is loaded may be anything until intent has been looked at.
            long w = words.load(at), n = w & CAST_LENGTH_MASK, i = pos & g.capacity - 1, rest = g.capacity - i;
            boolean whole = (w & CAST_PAD) == 0 && n <= g.maxMessage && CastReader.record(n) <= rest;
            boolean copied = whole && !stays && n <= room.capacity();
            if (copied) {
                words.buf.get(at + WORD_SIZE, room.array(), 0, (int) n);
            }
            if (!reader.untouched(pos)) {
                overtaken();
                continue;
            }
            if ((int) (w >>> CAST_NUMBER_SHIFT) != (int) number || !whole) {
                if (i == 0 || w != (number << CAST_NUMBER_SHIFT | CAST_PAD | rest - WORD_SIZE)) {
                    throw corrupt("the header of message " + number, w, pos);
                }
                pos += rest;
                continue;
            }
            length = (int) n;
            if (stays) {
                return at + WORD_SIZE;
            }
            if (copied) {
                return 0;
            }
            room = ByteBuffer.allocate((int) Math.min(Math.max(2 * n, 4096), g.maxMessage)); // the header at least was whole
        }
        throw corrupt("message " + number + ", although tail is beyond", tail, pos);
    }

    @Override
    ByteBuffer view(int at) {
        if (stays) {
            return super.view(at);
        }
        ByteBuffer copy = room.slice(0, length).asReadOnlyBuffer();
        room = ByteBuffer.allocate(0); // the caller's now
        return copy;
    }

    @Override
    void copy(int at, ByteBuffer to) {
        if (stays) {
            super.copy(at, to);
        } else {
            to.put(to.position(), room, 0, length);
        }
    }

    @Override
    void moveOn() {
        pos += CastReader.record(length);
        number++;
    }

    @Override
    void giveBack() {
        if (entry != null) {
            words.prepare(entry.member + MEMBER_RECEIVED, messages);
            words.prepare(entry.member + MEMBER_RECEIVED_BYTES, bytes);
            words.publish(entry.member + MEMBER_DRAWN, pos); // [B3]
        }
        if (stays) {
            givenBack();
        } else {
            released = owed = pos;
            peeked = 0;
        }
    }

    @Override
    boolean allDelivered(int closed) {
        return closed != ignored;
    }

    @Override
    void storeDrained() {} // each consumer gets the end: no word could say who has

    @Override
    public long missed() {
        return missed;
    }

    @Override
    boolean dataChanged() {
        return words.load(peer.cursor + CURSOR_POSITION) != pos;
    }
}
