package annulus;

/**
 * The sem_t of glibc on 64-bit Linux, as rings hold it: a word of the value, in its low half, and the number of waiters. Waiters sleep
 * on the low half while it is 0.
 */
final class Semaphore {
    private static final long VALUE = 0xffffffffL, WAITER = 1L << 32, MOST = Integer.MAX_VALUE;

    private Semaphore() {}

    /** sem_post. A semaphore that is full already has woken whoever waits. */
    static void release(Region region, int at) {
        Words w = region.words;
        long old;
        do {
            old = w.load(at);
            if ((old & VALUE) >= MOST) {
                return;
            }
        } while (!w.swap(at, old, old + 1));
        if (old >>> 32 != 0) {
            region.kernel().futexWake(region.address(at));
        }
    }

    /** sem_wait for at most ns nanoseconds: 0 or -errno. */
    static int acquire(Region region, int at, long ns) {
        Words w = region.words;
        if (take(w, at, 0)) {
            return 0;
        }
        w.add(at, WAITER);
        int rc = region.kernel().futexWait(region.address(at), 0, ns);
        if (region.isCut()) { // before a store there, which may end this JVM
            return -Kernel.EFAULT;
        }
        if (take(w, at, WAITER)) {
            return 0;
        }
        w.add(at, -WAITER);
        return rc;
    }

    private static boolean take(Words w, int at, long waiter) {
        for (long old = w.load(at); (old & VALUE) != 0; old = w.load(at)) {
            if (w.swap(at, old, old - 1 - waiter)) {
                return true;
            }
        }
        return false;
    }
}
