package annulus;

import static annulus.Layout.*;

/** Where things are in a ring of lanes: section 10 of the layout. */
final class Lane {
    private Lane() {}

    static int producerCursor(Geometry g, int lane) {
        return (int) (g.laneProducers + lane * g.stride);
    }

    static int consumerCursor(Geometry g, int lane) {
        return (int) (g.laneConsumers + lane * g.stride);
    }

    static int data(Geometry g, int lane) {
        return (int) (g.dataArea + lane * g.laneStride);
    }

    /** Whether there is nothing at the consumer's position. */
    static boolean isDrained(Ring ring, int lane) {
        Stream s = new Stream(ring.geometry, ring.region.words);
        s.base = data(ring.geometry, lane);
        long head = ring.region.words.load(consumerCursor(ring.geometry, lane) + CURSOR_POSITION);
        if (s.isOdd(head)) {
            return false;
        }
        long w = ring.region.words.load(s.at(head));
        return s.slots ? w != s.slotWord(head) : w == 0;
    }
}
