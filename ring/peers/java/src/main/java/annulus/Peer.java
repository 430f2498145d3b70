package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;

/** The other end of a ring, for tests and for trying things out. ring/peers/PROGRAM.md is the contract. */
public final class Peer {
    private Peer() {}

    /** Exits with 0, or with 1 or 2 after one line on standard error. */
    public static void main(String[] args) {
        int status = 0;
        String[] doing = {"usage"};
        try {
            run(new PeerOptions(args), doing);
        } catch (PeerOptions.UsageException e) {
            System.err.println("usage: peer create|send|recv|check|dump|cat|vector NAME [options] | peer hold producer|consumer NAME | peer rate send|recv NAME --size N [options]: " + e.getMessage());
            status = 2;
        } catch (IOException | InterruptedException | IllegalArgumentException | IllegalStateException | InternalError e) {
            System.err.println(doing[0] + ": " + (e instanceof InternalError ? Kind.LOST + ": " : "") + e.getMessage());
            status = 1;
        }
        System.out.flush();
        System.exit(status);
    }

    private static void run(PeerOptions o, String[] doing) throws IOException, InterruptedException, PeerOptions.UsageException {
        if (o.words.size() < 2) {
            throw new PeerOptions.UsageException("expected a command and a name");
        }
        String command = o.words.get(0), name = o.words.get(o.words.size() - 1);
        if (command.equals("cell")) {
            PeerCell.run(o, doing);
            return;
        }
        if (command.equals("create")) {
            doing[0] = "create";
            (name.contains("/") ? Ring.create(Path.of(name), o.config()) : Ring.create(name, o.config())).close();
            say("created");
            return;
        }
        doing[0] = "open";
        try (Ring r = open(name, command.equals("dump") || o.readOnly)) {
            if (o.kind != 0 && o.kind != r.geometry.kind) {
                throw new RingException(Kind.INVALID, "expected a ring of kind " + o.kind + ", found one of kind " + r.geometry.kind);
            }
            doing[0] = "attach";
            switch (command) {
                case "send" -> PeerSend.run(r, o, doing);
                case "recv" -> new PeerRecv(r, o).run(doing);
                case "hold" -> hold(r, o);
                case "rate" -> PeerRate.run(r, o, doing);
                case "check" -> say("ok");
                case "cat" -> cat(r, o, doing);
                case "dump" -> PeerDump.run(r, o);
                case "vector" -> PeerVector.run(r);
                default -> {
                    doing[0] = "usage";
                    throw new PeerOptions.UsageException("expected a command, found " + command);
                }
            }
        }
    }

    private static Ring open(String name, boolean readOnly) throws RingException {
        if (name.startsWith("fd:")) {
            int fd = Integer.parseInt(name.substring(3));
            return readOnly ? Ring.openDescriptorReadOnly(fd) : Ring.openDescriptor(fd);
        }
        if (name.contains("/")) {
            return readOnly ? Ring.openReadOnly(Path.of(name)) : Ring.open(Path.of(name));
        }
        return readOnly ? Ring.openReadOnly(name) : Ring.open(name);
    }

    static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static void waitForEnd() throws IOException {
        while (System.in.read() >= 0) {
        }
    }

    private static void hold(Ring r, PeerOptions o) throws IOException, PeerOptions.UsageException {
        String role = o.words.get(1);
        if (!role.equals("producer") && !role.equals("consumer") || o.words.size() != 3) {
            throw new PeerOptions.UsageException("expected producer or consumer and a name behind hold");
        }
        Endpoint e = role.equals("producer") ? r.producer(o.wait) : r.consumer(o.wait);
        say("attached");
        waitForEnd();
        e.close();
    }

    private static void cat(Ring r, PeerOptions o, String[] doing) throws RingException, InterruptedException {
        long lost = 0;
        try (Consumer c = r.consumer(o.wait, o.backlog)) {
            doing[0] = "cat";
            for (long n = 0; !o.enough(n); n++) {
                ByteBuffer m;
                try {
                    m = c.peek(Duration.ofSeconds(10));
                } catch (RingException e) {
                    if (e.kind() != Kind.OVERRUN) {
                        throw e;
                    }
                    say("lost " + (c.missed() - lost));
                    lost = c.missed();
                    n--;
                    continue;
                }
                if (m == null) {
                    throw new RingException(Kind.INVALID, "expected " + o.count + " messages, found the end of the stream after " + n);
                }
                say("message length=" + m.remaining() + " payload=" + hex(m) + (c.redelivered() > 0 ? " redelivered=" + c.redelivered() : ""));
                c.release();
            }
            say(c.tryPeek() != null ? "more" : c.isAtEnd() ? "end" : "empty");
        }
    }

    static String hex(ByteBuffer b) {
        byte[] copy = new byte[b.remaining()];
        b.get(b.position(), copy);
        return HexFormat.of().formatHex(copy);
    }
}
