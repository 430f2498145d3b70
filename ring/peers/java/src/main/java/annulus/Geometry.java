package annulus;

import static annulus.Layout.*;

/** Where everything of a ring lies: computed, compared with the header once, and never read from shared memory again. */
final class Geometry {
    final int kind, topology;
    final long stride, capacity, slotSize, members;
    long slotPayload, slotStride, maxMessage, granules;
    long producerArea, consumerArea, sharedArea, endpointTable, wordTable, laneProducers, laneConsumers, laneStride;
    long dataArea, dataSize, totalSize;

    /** What a geometry follows from. variable: slots have a length; members: entries of the endpoint table. */
    record Shape(int kind, int topology, long capacity, long slotSize, long stride, long members, boolean variable) {}

    Geometry(Shape s) throws RingException {
        kind = s.kind;
        topology = s.topology;
        stride = s.stride;
        capacity = s.capacity;
        slotSize = s.slotSize;
        members = s.members;
        checkForm(s);
        if (Long.bitCount(stride) != 1 || Long.bitCount(capacity) != 1) {
            throw impossible("stride and capacity", "powers of two",
                    Long.toUnsignedString(stride) + " and " + Long.toUnsignedString(capacity));
        }
        within("stride", stride, MIN_STRIDE, MAX_STRIDE);
        if (kind == KIND_BYTES) {
            within("capacity", capacity, MIN_CAPACITY_BYTES, MAX_CAPACITY_BYTES);
            within("slot size", slotSize, 0, 0);
            dataSize = capacity;
            maxMessage = Math.min(capacity / (topology == TOPOLOGY_CAST ? 4 : 2) - WORD_SIZE, MAX_MESSAGE);
        } else if (kind == KIND_SLOTS) {
            within("slots", capacity, MIN_SLOTS, MAX_SLOTS);
            within("slot size", slotSize, 1, MAX_SLOT_SIZE);
            slotPayload = s.variable ? SLOT_PAYLOAD_LENGTH : SLOT_PAYLOAD;
            slotStride = slotPayload + align(slotSize, WORD_SIZE);
            maxMessage = slotSize;
            dataSize = capacity * slotStride; // below 2^55
            within("data size", dataSize, 0, MAX_DATA_SIZE);
        } else {
            throw impossible("kind", "1 (bytes) or 2 (slots)", Integer.toUnsignedString(kind));
        }
        place();
    }

    private void checkForm(Shape s) throws RingException {
        within("topology", Integer.toUnsignedLong(topology), TOPOLOGY_SPSC, TOPOLOGY_CAST);
        if (topology == TOPOLOGY_SPSC) {
            within("endpoint table", members, 0, 0);
        } else {
            within("endpoint table", members, MIN_MEMBERS, MAX_MEMBERS);
        }
        int wanted = switch (topology) {
            case TOPOLOGY_MPMC -> KIND_SLOTS;
            case TOPOLOGY_MPSC_ORDERED, TOPOLOGY_CAST -> KIND_BYTES;
            default -> kind;
        };
        within("kind in this topology", Integer.toUnsignedLong(kind), wanted, wanted);
        if (s.variable && topology != TOPOLOGY_MPMC) {
            within("slot payload offset in this topology", SLOT_PAYLOAD_LENGTH, SLOT_PAYLOAD, SLOT_PAYLOAD);
        }
    }

    private void place() throws RingException {
        long area = page(4 * stride);
        producerArea = PAGE_SIZE;
        consumerArea = producerArea + area;
        sharedArea = consumerArea + area;
        dataArea = sharedArea + page(2 * stride);
        if (members > 0) {
            endpointTable = dataArea;
            dataArea += page(members * MEMBER_LINES * stride);
        }
        totalSize = page(dataArea + dataSize);
        if (topology == TOPOLOGY_MPSC) {
            laneProducers = dataArea;
            laneConsumers = laneProducers + page(members * stride);
            dataArea = laneConsumers + page(members * stride);
            laneStride = page(dataSize);
            within("bytes of all lanes", members * laneStride, 0, MAX_DATA_SIZE); // below 2^51
            totalSize = dataArea + members * laneStride;
        } else if (topology == TOPOLOGY_MPSC_ORDERED) {
            granules = capacity / GRANULE_SIZE;
            wordTable = dataArea;
            dataArea += page(granules * WORD_SIZE);
            maxMessage = Math.min(maxMessage, (1L << 19) * GRANULE_SIZE - WORD_SIZE);
            totalSize = page(dataArea + dataSize);
        }
    }

    /** What a creator chooses, in few words. */
    String summary() {
        return "topology " + topology + ", kind " + kind + ", capacity " + capacity + ", slot size " + slotSize + ", members " + members;
    }

    static long align(long n, long to) {
        return n + to - 1 & -to;
    }

    static long page(long n) {
        return align(n, PAGE_SIZE);
    }

    static void within(String what, long found, long least, long most) throws RingException {
        if (Long.compareUnsigned(found, least) < 0 || Long.compareUnsigned(found, most) > 0) {
            throw impossible(what, least == most ? "" + least : least + " to " + most, Long.toUnsignedString(found));
        }
    }

    private static RingException impossible(String what, String expected, String found) {
        return new RingException(RingException.Kind.GEOMETRY, what + ": expected " + expected + ", found " + found);
    }
}
