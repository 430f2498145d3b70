package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** peer cell. */
final class PeerCell {
    private final Cell cell;
    private final PeerOptions o;
    private final ByteBuffer buf;

    private PeerCell(Cell cell, PeerOptions o) {
        this.cell = cell;
        this.o = o;
        buf = ByteBuffer.allocateDirect(cell.size()).order(ByteOrder.LITTLE_ENDIAN);
    }

    static void run(PeerOptions o, String[] doing) throws RingException, InterruptedException, PeerOptions.UsageException {
        if (o.words.size() != 3) {
            throw new PeerOptions.UsageException("expected cell create, write, read, cat, check or dump and a name");
        }
        String command = o.words.get(1), name = o.words.get(2);
        if (command.equals("create")) {
            doing[0] = "create";
            Path path = name.contains("/") ? Path.of(name) : Ring.shared(name);
            Cell.create(path, o.block ? CELL_KIND_BLOCK : CELL_KIND_VALUE, o.max).close();
            Peer.say("created");
            return;
        }
        doing[0] = "open";
        boolean readOnly = o.readOnly || command.equals("dump") || command.equals("cat");
        try (Cell cell = name.startsWith("fd:") ? Cell.openDescriptor(Integer.parseInt(name.substring(3)), readOnly)
                : readOnly ? Cell.openReadOnly(name.contains("/") ? Path.of(name) : Ring.shared(name))
                        : Cell.open(name.contains("/") ? Path.of(name) : Ring.shared(name))) {
            PeerCell p = new PeerCell(cell, o);
            doing[0] = "cell";
            switch (command) {
                case "write" -> p.write(doing);
                case "read" -> p.read();
                case "cat" -> p.value();
                case "check" -> Peer.say("ok");
                case "dump" -> p.dump();
                default -> throw new PeerOptions.UsageException("expected a command of cells, found " + command);
            }
        }
    }

    private Payload payload() {
        return cell.isBlock() || o.sized ? new Payload(o.seed, o.min, o.max) : new Payload(o.seed, cell.size(), cell.size());
    }

    private void write(String[] doing) throws RingException {
        Payload payload = payload();
        long last = 0;
        doing[0] = "attach";
        try (CellWriter w = cell.writer()) {
            doing[0] = "cell";
            if (o.announce) {
                Peer.say("attached");
            }
            for (long i = 0; i < o.count; i++) {
                long version = cell.version() + 1;
                int n = payload.length(version);
                if (n > cell.size()) {
                    throw new IllegalArgumentException("message of the wrong size: expected at most " + cell.size() + " bytes, found " + n);
                }
                payload.fill(version, buf.clear(), n);
                last = w.write(buf.limit(n));
                if (i + 1 == o.dieAfter) {
                    if (o.cut) {
                        ByteBuffer half = w.half(w.begin());
                        for (int k = 0; k < half.capacity() / 2; k++) {
                            half.put(k, (byte) 0xee);
                        }
                    }
                    Kernel.get().killSelf();
                }
            }
        }
        Peer.say("wrote " + o.count + " ok last " + last);
    }

    private void read() throws RingException, InterruptedException {
        Payload payload = payload();
        CellReader r = cell.reader(o.wait);
        long n = 0, last = 0;
        boolean more = true;
        if (o.announce) {
            Peer.say("attached");
        }
        while (last < o.until && (more = r.await(last, o.timeout))) {
            long version = r.read(buf.clear());
            buf.flip();
            if (version <= last) {
                throw new RingException(Kind.CORRUPT, "expected a version beyond " + last + ", found " + version);
            }
            String wrong = payload.check(version, buf, buf.limit());
            if (wrong != null) {
                throw new RingException(Kind.CORRUPT, "version " + version + " of " + buf.limit() + " bytes: wrong " + wrong);
            }
            last = version;
            n++;
        }
        Peer.say("read " + n + " ok last " + last + (more ? "" : " end"));
    }

    private void value() throws RingException {
        long version = cell.reader(o.wait).read(buf.clear());
        buf.flip();
        Peer.say("value version=" + version + " length=" + buf.limit() + " payload=" + Peer.hex(buf));
    }

    private void dump() throws RingException {
        CellGeometry g = cell.geometry;
        Words w = cell.region.words;
        ByteBuffer h = cell.header;
        byte[] element = new byte[64];
        h.get(CELL_HEADER_ELEMENT, element);
        String name = new String(element, StandardCharsets.UTF_8);
        int zero = name.indexOf(0), state = g.line(g.writerArea, CELL_LINE_STATE), seq = g.line(g.writerArea, LINE_SEQ),
                e = g.line(g.writerArea, LINE_ENDPOINT), arm = g.line(g.readerArea, LINE_ARM);
        PeerDump.print("cell version=%d.%d kind=%d stride=%d size=%d copy_stride=%d total=%d required=%s optional=%s fingerprint=%s element=\"%s\"",
                h.getInt(CELL_HEADER_MAJOR), h.getInt(CELL_HEADER_MINOR), g.kind, g.stride, g.size, g.copyStride, g.totalSize,
                PeerDump.x(h.getLong(CELL_HEADER_REQUIRED)), PeerDump.x(h.getLong(CELL_HEADER_OPTIONAL)), PeerDump.x(h.getLong(CELL_HEADER_FINGERPRINT)),
                zero < 0 ? name : name.substring(0, zero));
        PeerDump.print("cell reader_area=%d writer_area=%d data_area=%d lock_base=%d created_ns=%s creator_pid=%s checksum=%s", g.readerArea, g.writerArea,
                g.dataArea, h.getLong(CELL_HEADER_LOCK_BASE), Long.toUnsignedString(h.getLong(CELL_HEADER_CREATED_NS)),
                Long.toUnsignedString(h.getLong(CELL_HEADER_CREATOR_PID)), PeerDump.x(h.getLong(CELL_HEADER_CHECKSUM)));
        PeerDump.print("writer state=%d length0=%d length1=%d seq=%d wakes=%d session=%d closed=%d attached=%d pid=%d", w.load(state + CELL_STATE_STATE),
                w.load(state + CELL_STATE_LENGTH0), w.load(state + CELL_STATE_LENGTH1), w.loadInt(seq + SEQ_SEQ), w.load(seq + SEQ_WAKES),
                w.loadInt(e + ENDPOINT_SESSION), w.loadInt(e + ENDPOINT_CLOSED), w.loadInt(e + ENDPOINT_STATE), w.load(e + ENDPOINT_PID));
        PeerDump.print("reader arm=%s parks=%d", PeerDump.x(w.load(arm + ARM_ARM)), w.load(arm + ARM_PARKS));
        value();
    }
}
