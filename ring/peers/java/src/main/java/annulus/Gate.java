package annulus;

import static annulus.Layout.*;

import annulus.RingException.Kind;
import java.lang.invoke.VarHandle;

/**
 * How one side sleeps until the other has done something: section 6 of the layout. Java has no fence for the compiler alone, so whoever
 * publishes here makes a full fence before it loads arm, and need not be registered for the barriers of others.
 */
final class Gate {
    private static final int NOT_COUNTED = -1;

    private final Region region;
    private final Words words;
    private final int seq, arm, semaphore;
    private final int wakes, parks, bounds; // where they are counted
    private boolean crowd; // many count in one place
    private final boolean shared; // others sleep here too: nobody takes back what may be another's

    private Gate(Region region, int seqLine, int armLine, int semaphore, boolean shared, int wakes, int parks, int bounds) {
        this.region = region;
        words = region.words;
        seq = seqLine + SEQ_SEQ;
        arm = armLine + ARM_ARM;
        this.semaphore = semaphore;
        this.shared = shared;
        this.wakes = wakes;
        this.parks = parks;
        this.bounds = bounds;
    }

    /** The gate whose waker and sleeper are these sides. Where endpoints share it, each counts in its entry; null: not here. */
    static Gate between(Region region, Side waker, Side sleeper, boolean shared, Side.Entry wakerEntry, Side.Entry sleeperEntry) {
        return new Gate(region, waker.seq, sleeper.arm, sleeper.semaphore, shared,
                wakerEntry != null ? wakerEntry.holder + HOLDER_WAKES : shared ? NOT_COUNTED : waker.seq + SEQ_WAKES,
                sleeperEntry != null ? sleeperEntry.holder + HOLDER_PARKS : shared ? NOT_COUNTED : sleeper.arm + ARM_PARKS,
                shared ? NOT_COUNTED : sleeper.arm + ARM_BOUNDS);
    }

    /** The one gate of a cell, at which all its readers sleep. */
    static Gate ofCell(Cell cell) {
        CellGeometry g = cell.geometry;
        int seq = g.line(g.writerArea, LINE_SEQ), arm = g.line(g.readerArea, LINE_ARM);
        Gate gate = new Gate(cell.region, seq, arm, NOT_COUNTED, true, seq + SEQ_WAKES, arm + ARM_PARKS, NOT_COUNTED);
        gate.crowd = true;
        return gate;
    }

    /** One at a time counts there, but for the readers of a cell. */
    private void count(int at) {
        if (at == NOT_COUNTED) {
            return;
        }
        if (crowd) {
            words.add(at, 1);
        } else {
            words.prepare(at, words.load(at) + 1);
        }
    }

    /** Announces a sleep and returns its epoch. The caller looks for work once more, then sleeps or disarms. */
    int prepare(WaitStrategy strategy) {
        int epoch;
        long old, want;
        do {
            // In this order: no epoch takes the place of a later one.
            old = words.load(arm);
            epoch = words.loadInt(seq);
            want = ARM_VALID | epoch & ARM_EPOCH_MASK | old & (ARM_CLOSED | ARM_FENCE);
            if (strategy == WaitStrategy.SEMAPHORE) {
                want |= ARM_SEM;
            }
        } while (!words.swap(arm, old, want)); // [G1]
        VarHandle.fullFence();
        if (!region.kernel().barrier()) {
            words.or(arm, ARM_FENCE);
            VarHandle.fullFence();
        }
        return epoch;
    }

    /** Takes an announcement back, so that no waker makes a system call for it. */
    void disarm() {
        if (region.isCut()) {
            return;
        }
        long old = words.load(arm);
        if (shared || (int) old != words.loadInt(seq)) {
            return;
        }
        words.swap(arm, old, old & ~ARM_EPOCH_MASK | old - 1 & ARM_EPOCH_MASK); // failing: CLOSED was just set, then it stays armed
    }

    /** Waits until the gate is woken, for at most ns nanoseconds, or returns for no reason. */
    void sleep(WaitStrategy strategy, int epoch, long ns) throws RingException {
        count(parks);
        int rc = strategy == WaitStrategy.SEMAPHORE ? Semaphore.acquire(region, semaphore, ns)
                : region.kernel().futexWait(region.address(seq), epoch, ns); // [G2]
        switch (region.isCut() ? Kernel.EFAULT : -rc) { // before a store there, which may end this JVM
            case 0, Kernel.EAGAIN, Kernel.EINTR -> {}
            case Kernel.ETIMEDOUT -> count(bounds);
            case Kernel.EFAULT -> throw new RingException(Kind.LOST, "the file was cut");
            default -> throw RingException.system("sleep", -rc);
        }
    }

    private void rouse(long armed) {
        if ((armed & ARM_SEM) != 0) {
            Semaphore.release(region, semaphore);
        } else if ((armed & ARM_EVENTFD) == 0) {
            region.kernel().futexWake(region.address(seq));
        }
    }

    /** Wakes the sleeper that armed, just loaded, announces; the caller has fenced behind its publish. */
    void wake(long armed) {
        if ((int) armed != words.loadInt(seq)) {
            return;
        }
        words.addInt(seq, 1); // [G2]
        count(wakes);
        rouse(armed);
    }

    /** Whether the sleeper that armed announces still sleeps. */
    boolean sleeps(long armed) {
        return (int) armed == words.loadInt(seq);
    }

    /** Makes a sleeper look around, now or when it is about to fall asleep. Any thread. */
    void interrupt() {
        words.addInt(seq, 1);
        rouse(words.load(arm));
    }
}
