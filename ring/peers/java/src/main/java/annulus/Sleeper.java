package annulus;

/** Who waits at a gate. */
abstract class Sleeper {
    final WaitStrategy strategy;
    Gate sleep; // null: it only looks, and polls
    volatile boolean cancelled;
    int idle; // sleeps of this wait
    int step = 1; // pauses between two looks

    Sleeper(WaitStrategy strategy) {
        this.strategy = strategy;
    }

    /** Finds out, after sleeps in vain, whether anybody can come. */
    abstract void checkForlorn() throws RingException;
}
