package annulus;

import static annulus.Layout.*;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The command line of the program {@link Peer}. */
final class PeerOptions {
    /** A command line that makes no sense. */
    static final class UsageException extends Exception {
        private static final long serialVersionUID = 1;

        UsageException(String message) {
            super(message);
        }
    }

    static final long UNLIMITED = -1;

    final List<String> words = new ArrayList<>(); // that are no options
    long count = UNLIMITED, start, batch = 1, dieAfter, checks = 1, tag, capacity, members, seed, perSender, until, warm;
    int min = 12, max = 1024, kind, topology = TOPOLOGY_SPSC;
    long overrun;
    boolean sized, cut, redeliver, fixed, any, hold, announce, backlog, readOnly, lossy, block, resume;
    WaitStrategy wait = WaitStrategy.FUTEX;
    Duration timeout;

    PeerOptions(String[] args) throws UsageException {
        for (int i = 0; i < args.length; i++) {
            if (!args[i].startsWith("--")) {
                words.add(args[i]);
            } else if (!flag(args[i])) {
                if (i + 1 == args.length) {
                    throw new UsageException("expected a value behind " + args[i] + ", found none");
                }
                value(args[i], args[++i]);
            }
        }
        if (batch <= 0 || min < 0 || max < min) {
            throw new UsageException("expected --batch of at least 1 and --size MIN:MAX, found " + batch + " and " + min + ":" + max);
        }
    }

    private boolean flag(String name) {
        switch (name) {
            case "--cut" -> cut = true;
            case "--mpmc" -> topology = TOPOLOGY_MPMC;
            case "--redeliver" -> redeliver = true;
            case "--fixed" -> fixed = true;
            case "--any" -> any = true;
            case "--hold" -> hold = true;
            case "--announce" -> announce = true;
            case "--backlog" -> backlog = true;
            case "--readonly" -> readOnly = true;
            case "--lossy" -> lossy = true;
            case "--resume" -> resume = true;
            default -> {
                return false;
            }
        }
        return true;
    }

    private void value(String name, String v) throws UsageException {
        switch (name) {
            case "--count" -> count = number(name, v);
            case "--start" -> start = number(name, v);
            case "--seed" -> seed = number(name, v);
            case "--batch" -> batch = number(name, v);
            case "--timeout" -> timeout = Duration.ofMillis(number(name, v));
            case "--checks" -> checks = number(name, v);
            case "--die-after" -> dieAfter = number(name, v);
            case "--tag" -> tag = number(name, v);
            case "--capacity" -> capacity = number(name, v);
            case "--members" -> members = number(name, v);
            case "--per-sender" -> perSender = number(name, v);
            case "--until" -> until = number(name, v);
            case "--warm" -> warm = number(name, v);
            case "--kind" -> {
                block = v.equals("block");
                kind = choice(name, v, "bytes", "slots", "value", "block") % 2 + 1;
            }
            case "--topology" -> topology = choice(name, v, "spsc", "mpmc", "mpsc", "mpsc-ordered", "broadcast") + 1;
            case "--overrun" -> overrun = new long[] {0, FEATURE_BLOCK, FEATURE_DROP}[choice(name, v, "overwrite", "block", "drop")];
            case "--wait" -> wait = WaitStrategy.values()[choice(name, v, "spin", "futex", "semaphore")];
            case "--size" -> {
                sized = true;
                String[] ends = v.split(":", 2);
                min = (int) Math.min(number(name, ends[0]), Integer.MAX_VALUE);
                max = ends.length == 1 ? min : (int) Math.min(number(name, ends[1]), Integer.MAX_VALUE);
            }
            default -> throw new UsageException("expected an option of PROGRAM.md, found " + name);
        }
    }

    private static int choice(String name, String v, String... choices) throws UsageException {
        int i = List.of(choices).indexOf(v);
        if (i < 0) {
            throw new UsageException("expected one of " + String.join(" ", choices) + " behind " + name + ", found " + v);
        }
        return i;
    }

    private static long number(String name, String v) throws UsageException {
        try {
            return Long.parseUnsignedLong(v);
        } catch (NumberFormatException e) {
            throw new UsageException("expected a number behind " + name + ", found " + v);
        }
    }

    /** Whether n messages are as many as were asked for. */
    boolean enough(long n) {
        return count != UNLIMITED && Long.compareUnsigned(n, count) >= 0;
    }

    Payload payload(Ring r) {
        return r.isFixedSize() && !sized ? new Payload(seed, r.maxMessage(), r.maxMessage()) : new Payload(seed, min, max);
    }

    RingConfig config() {
        boolean slots = topology == TOPOLOGY_MPMC || kind == KIND_SLOTS;
        RingConfig c = slots ? RingConfig.slots(max, capacity == 0 ? 4096 : capacity) : RingConfig.bytes(capacity == 0 ? 1 << 20 : capacity);
        c = c.members(members).topology(topology, overrun);
        if (redeliver) {
            c = c.redelivering();
        }
        return fixed ? c.fixed() : c;
    }
}
