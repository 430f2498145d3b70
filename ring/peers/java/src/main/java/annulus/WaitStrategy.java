package annulus;

/** How a blocking call waits once its first looks found nothing. The other side may wait in another way. */
public enum WaitStrategy {
    /** Never sleeps: one processor busy, least latency. */
    SPIN,
    /** Sleeps on the ring's futex word, and pins a virtual thread to its carrier meanwhile. */
    FUTEX,
    /** Sleeps on the ring's semaphore; in a ring of one producer and one consumer only. */
    SEMAPHORE
}
