package annulus;

import annulus.RingException.Kind;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/** A wait in progress. */
final class Wait {
    private static final int SPINS = 200; // looks before a sleep
    private static final int SPIN_CHUNK = 1000; // looks before a look at the clock
    private static final long FIRST_SLICE = 1_000_000; // ns of the first sleep of a wait
    private static final long SLICE = 50_000_000; // bounds one sleep: a peer may be killed before it wakes us

    private static final long FIRST_POLL = 20_000, POLL = 1_000_000; // ns between looks of one that nobody wakes

    /** Looks whether what is waited for may be there. */
    interface Look {
        boolean changed();
    }

    private final Sleeper e;
    private final boolean limited;
    private final long deadline; // of System.nanoTime
    private long slice;
    private int spun;
    private boolean prepared; // the next pause sleeps
    private boolean armed; // a sleep was announced, and nothing says that the word is gone
    private int epoch;

    /** timeout null: for ever. */
    Wait(Sleeper e, Duration timeout) {
        this.e = e;
        // Beyond 200 years is for ever: nanoTime is compared by difference.
        limited = timeout != null && timeout.compareTo(Duration.ofDays(73_000)) < 0;
        deadline = limited ? System.nanoTime() + timeout.toNanos() : 0;
    }

    /** Waits a little; the caller tries again when it returns. */
    void pause(Look look) throws RingException, InterruptedException {
        boolean spins = e.strategy == WaitStrategy.SPIN;
        if (e.cancelled) {
            throw new RingException(Kind.CANCELLED, null);
        }
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        if (spins || spun < SPINS) {
            for (int n = spins ? SPIN_CHUNK : SPINS; n > 0; n--, spun++) {
                if (n % e.step == 0 && look.changed()) {
                    return;
                }
                Thread.onSpinWait();
            }
            if (spins) {
                spun = 0;
                Thread.yield(); // the peer may be waiting for this processor
            }
            left();
            return;
        }
        long left = left();
        if (e.sleep == null) {
            slice = slice == 0 ? FIRST_POLL : Math.min(2 * slice, POLL);
            LockSupport.parkNanos(Math.min(slice, left));
            if (++e.idle % 64 == 0) {
                e.checkForlorn();
            }
            return;
        }
        if (!prepared) {
            epoch = e.sleep.prepare(e.strategy);
            prepared = armed = true;
            return; // to look once more, now that the peer is told
        }
        // Short sleeps at first find what is not worth a wake to the peer.
        slice = slice == 0 ? FIRST_SLICE : Math.min(2 * slice, SLICE);
        prepared = armed = false;
        e.sleep.sleep(e.strategy, epoch, Math.min(slice, left));
        armed = true;
        if (++e.idle % 4 == 0) {
            e.checkForlorn();
        }
    }

    /** Nanoseconds that are left, more than 0. */
    private long left() throws RingException {
        if (!limited) {
            return Long.MAX_VALUE;
        }
        long left = deadline - System.nanoTime();
        if (left <= 0) {
            throw new RingException(Kind.TIMED_OUT, null);
        }
        return left;
    }

    /** Tells the processor so many times that this is a wait. */
    static void rest(long n) {
        for (; n > 0; n--) {
            Thread.onSpinWait();
        }
    }

    void done() {
        e.idle = 0;
        if (armed) {
            e.sleep.disarm();
        }
    }
}
