package annulus;

import static annulus.Layout.*;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** peer dump: what a ring says, without touching it. */
final class PeerDump {
    private final Ring r;
    private final Geometry g;
    private final Words w;

    private PeerDump(Ring r) {
        this.r = r;
        g = r.geometry;
        w = r.region.words;
    }

    static void run(Ring r, PeerOptions o) throws RingException {
        PeerDump d = new PeerDump(r);
        d.header();
        d.side(Role.PRODUCER);
        d.side(Role.CONSUMER);
        if (r.table != null) {
            d.entries();
        }
        switch (d.g.topology) {
            case TOPOLOGY_SPSC -> d.stream("", (int) d.g.dataArea, r.side(Role.CONSUMER).cursor);
            case TOPOLOGY_MPMC -> d.tickets();
            case TOPOLOGY_MPSC -> d.lanes();
            case TOPOLOGY_MPSC_ORDERED -> d.granules();
            case TOPOLOGY_CAST -> d.cast();
            default -> throw new IllegalStateException("topology " + d.g.topology); // the header was checked
        }
        System.out.flush();
    }

    static void print(String format, Object... args) {
        System.out.print(String.format(format, args) + "\n");
    }

    static String x(long n) {
        return n == 0 ? "0" : "0x" + Long.toHexString(n);
    }

    private static String u(long n) {
        return Long.toUnsignedString(n);
    }

    private String at(int offset) {
        return u(w.load(offset));
    }

    private String intAt(int offset) {
        return Integer.toUnsignedString(w.loadInt(offset));
    }

    private void header() {
        Header h = r.header;
        byte[] element = new byte[64];
        h.bytes.get(HEADER_ELEMENT, element);
        int n = 0;
        while (n < element.length && element[n] != 0) {
            n++;
        }
        print("header version=%d.%d kind=%d topology=%d stride=%d required=%s optional=%s total=%d capacity=%d", h.unsigned(HEADER_MAJOR),
                h.unsigned(HEADER_MINOR), g.kind, g.topology, g.stride, x(h.longAt(HEADER_REQUIRED)), x(h.longAt(HEADER_OPTIONAL)), g.totalSize, g.capacity);
        print("header slot_size=%d slot_stride=%d slot_payload=%d max_message=%d fingerprint=%s element=\"%s\"", g.slotSize, g.slotStride,
                g.slotPayload, g.maxMessage, x(h.longAt(HEADER_FINGERPRINT)), new String(element, 0, n, StandardCharsets.UTF_8));
        print("header producer_area=%d consumer_area=%d shared_area=%d data_area=%d data_size=%d lock_base=%d", g.producerArea, g.consumerArea,
                g.sharedArea, g.dataArea, g.dataSize, h.longAt(HEADER_LOCK_BASE));
        print("header created_ns=%s creator_pid=%s checksum=%s", u(h.longAt(HEADER_CREATED_NS)), u(h.longAt(HEADER_CREATOR_PID)),
                x(h.longAt(HEADER_CHECKSUM)));
    }

    private void side(Role role) {
        Side s = r.side(role);
        print("%s position=%s messages=%s bytes=%s seq=%s wakes=%s arm=%s parks=%s session=%s closed=%s drained=%s state=%s pid=%s", role,
                at(s.cursor + CURSOR_POSITION), at(s.cursor + CURSOR_MESSAGES), at(s.cursor + CURSOR_BYTES), intAt(s.seq + SEQ_SEQ), at(s.seq + SEQ_WAKES),
                x(w.load(s.arm + ARM_ARM)), at(s.arm + ARM_PARKS), intAt(s.endpoint + ENDPOINT_SESSION), intAt(s.endpoint + ENDPOINT_CLOSED),
                intAt(s.endpoint + ENDPOINT_DRAINED), intAt(s.endpoint + ENDPOINT_STATE), at(s.endpoint + ENDPOINT_PID));
    }

    private void entries() {
        print("header endpoint_table=%d endpoint_count=%d", g.endpointTable, g.members);
        for (Side.Entry e : r.table.entries) {
            int m = e.member, h = e.holder;
            if (w.loadInt(h + HOLDER_ROLE) != 0) {
                print("entry %d role=%s state=%s tag=%s intent=%s sent=%s/%s received=%s/%s drawn=%s base=%s skipped=%s", e.index, intAt(h + HOLDER_ROLE),
                        intAt(h + HOLDER_STATE), at(h + HOLDER_TAG), x(w.load(m + MEMBER_INTENT)), at(m + MEMBER_SENT), at(m + MEMBER_SENT_BYTES),
                        at(m + MEMBER_RECEIVED), at(m + MEMBER_RECEIVED_BYTES), at(m + MEMBER_DRAWN), at(m + MEMBER_BASE), at(m + MEMBER_SKIPPED));
            }
        }
    }

    private String payload(int at, long n) {
        return Peer.hex(w.slice(at, (int) n));
    }

    private static RingException corrupt(String what, long value, long at) {
        return new RingException(RingException.Kind.CORRUPT, "expected " + what + " at position " + u(at) + ", found " + x(value));
    }

    /** What lies between a consumer's position and the first word that is not committed. */
    private void stream(String lane, int base, int cursor) throws RingException {
        Stream s = new Stream(g, w);
        s.base = base;
        long head = w.load(cursor + CURSOR_POSITION), pos = head;
        if (s.isOdd(head)) {
            throw corrupt("a multiple of 8", head, head);
        }
        while (pos - head < s.size) {
            long next = s.step(pos, head + s.size);
            if (s.bad != 0) {
                throw corrupt("a record's header", s.bad, pos);
            }
            if (next == pos) {
                break;
            }
            long word = w.load(s.at(pos)), n = s.slots ? g.maxMessage : word & RECORD_LENGTH_MASK;
            if (!s.slots && (word & RECORD_PAD) != 0) {
                print("pad%s at=%s length=%d", lane, u(pos), n);
            } else {
                print("message%s at=%s length=%d payload=%s", lane, u(pos), n, payload(s.at(pos) + WORD_SIZE, n));
            }
            pos = next;
        }
        print("end%s at=%s", lane, u(pos));
    }

    private void lanes() throws RingException {
        for (Side.Entry e : r.table.entries) {
            if (w.loadInt(e.holder + HOLDER_ROLE) == 0) {
                continue;
            }
            int p = Lane.producerCursor(g, e.index), c = Lane.consumerCursor(g, e.index);
            String lane = " lane=" + e.index;
            print("cursor%s tail=%s head=%s messages=%s bytes=%s", lane, at(p + CURSOR_POSITION), at(c + CURSOR_POSITION), at(c + CURSOR_MESSAGES),
                    at(c + CURSOR_BYTES));
            stream(lane, Lane.data(g, e.index), c);
        }
    }

    /** What lies between head and tail. */
    private void tickets() throws RingException {
        long t = r.counter(Role.CONSUMER);
        for (long tail = r.counter(Role.PRODUCER); t != tail; t++) {
            int at = r.slot(t);
            long word = w.load(at), n = g.maxMessage;
            if (word == r.lapWord(t, SLOT_FREE)) {
                print("claimed at=%s", u(t));
            } else if (word == r.lapWord(t, SLOT_SKIP)) {
                print("skip at=%s", u(t));
            } else if ((word & ~SLOT_REDELIVER_MASK) == r.lapWord(t, SLOT_COMMITTED)) {
                if (g.slotPayload == SLOT_PAYLOAD_LENGTH) {
                    n = w.load(at + SLOT_LENGTH);
                }
                if (Long.compareUnsigned(n, g.maxMessage) > 0) {
                    throw corrupt("a length of at most " + g.maxMessage, n, t);
                }
                print("message at=%s length=%d payload=%s", u(t), n, payload(at + (int) g.slotPayload, n));
            } else {
                throw corrupt("a slot's word", word, t);
            }
        }
        print("end at=%s", u(t));
    }

    /** What a consumer with a backlog would receive. */
    private void cast() throws RingException {
        int cursor = r.side(Role.PRODUCER).cursor;
        print("broadcast latest=%s intent=%s dropped=%s", at(cursor + CURSOR_LATEST), at(r.side(Role.PRODUCER).endpoint + ENDPOINT_INTENT),
                at(cursor + CURSOR_DROPPED));
        CastReader c = new CastReader(r);
        long pos = c.place(CastReader.waits(r) ? CastReader.From.LATEST : CastReader.From.BACKLOG).pos(), tail = w.load(cursor + CURSOR_POSITION);
        while (pos != tail) {
            long word = c.header(pos), n = word & CAST_LENGTH_MASK, number = word >>> CAST_NUMBER_SHIFT, record = CastReader.record(n);
            if (record > g.capacity - (pos & g.capacity - 1) || record > tail - pos) {
                throw corrupt("a record's header", word, pos);
            }
            if ((word & CAST_PAD) != 0) {
                print("pad at=%s number=%d length=%d", u(pos), number, n);
            } else {
                print("message at=%s number=%d length=%d payload=%s", u(pos), number, n, payload(c.at(pos) + WORD_SIZE, n));
            }
            pos += record;
        }
        print("end at=%s", u(pos));
    }

    /** What lies between head and tail of a ring in one order. */
    private void granules() throws RingException {
        Granules n = r.granules;
        long p = r.counter(Role.CONSUMER);
        for (long tail = r.counter(Role.PRODUCER), step; p != tail; p += step) {
            long word = w.load(n.at(p));
            step = n.extent(p, word);
            if (word == n.word(p, GRANULE_COMMITTED) && step > 0) {
                long length = n.record(p) & SPAN_LENGTH_MASK;
                print("message at=%s span=%d length=%d payload=%s", u(p), step, length, payload(n.data(p) + WORD_SIZE, length));
            } else if (word == n.word(p, GRANULE_SKIP)) {
                print("skip at=%s", u(p));
            } else if (word == n.word(p, GRANULE_PAD) && step > 0) {
                print("pad at=%s span=%d", u(p), step);
            } else if (n.isFree(word, p)) {
                print("claimed at=%s", u(p));
                step = 1;
            } else {
                throw corrupt("a granule's word", word, p);
            }
        }
        print("end at=%s", u(p));
    }
}
