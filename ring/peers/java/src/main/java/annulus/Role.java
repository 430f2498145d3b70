package annulus;

/** The two sides of a ring. */
public enum Role {
    /** Who sends. */
    PRODUCER(Layout.ROLE_PRODUCER),
    /** Who receives. */
    CONSUMER(Layout.ROLE_CONSUMER);

    /** What entries of the endpoint table call it. */
    final int number;

    Role(int number) {
        this.number = number;
    }

    Role other() {
        return this == PRODUCER ? CONSUMER : PRODUCER;
    }

    @Override
    public String toString() {
        return this == PRODUCER ? "producer" : "consumer";
    }
}
