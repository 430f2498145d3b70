package annulus;

import static annulus.Layout.*;

/** Where the control words of a side are. */
final class Side {
    final Role role;
    final long lock; // of the role
    final int cursor, seq, arm, endpoint, semaphore;

    Side(Geometry g, Role role) {
        int area = (int) (role == Role.PRODUCER ? g.producerArea : g.consumerArea), stride = (int) g.stride;
        this.role = role;
        lock = role == Role.PRODUCER ? LOCK_PRODUCER : LOCK_CONSUMER;
        cursor = area + LINE_CURSOR * stride;
        seq = area + LINE_SEQ * stride;
        arm = area + LINE_ARM * stride;
        endpoint = area + LINE_ENDPOINT * stride;
        semaphore = (int) g.sharedArea + (role == Role.CONSUMER ? LINE_SEM_DATA : LINE_SEM_SPACE) * stride; // where this side sleeps
    }

    /** An entry of the endpoint table: the place of one producer or consumer. */
    static final class Entry {
        final int index;
        final long lock;
        final int member, holder;

        Entry(Geometry g, int index) {
            int at = (int) (g.endpointTable + index * MEMBER_LINES * g.stride);
            this.index = index;
            lock = LOCK_MEMBER + index;
            member = at + LINE_MEMBER * (int) g.stride;
            holder = at + LINE_HOLDER * (int) g.stride;
        }
    }
}
