import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.agrona.concurrent.UnsafeBuffer;

/** The page that aeron_ipc.c shares with both sides: struct page there has the same offsets. */
final class Page {
    static final int WARM = 0, MEASURE = 1, STOP = 2;

    private static final int PHASE = 0, READY = 128, MET = 256, SIDES = 384, SIDE = 128, HISTOGRAM = 640;
    private static final int TOTAL = 0, FIRST = 8, START = 16, END = 24, OPEN = 32;
    private static final int SUB = 1024, STEPS = SUB * 32, COUNTS = HISTOGRAM + 24;
    private static final int BYTES = COUNTS + 8 * STEPS;

    private final UnsafeBuffer page;
    private final int side;

    Page(String file, int me) throws IOException {
        try (FileChannel c = FileChannel.open(Path.of(file), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MappedByteBuffer map = c.map(FileChannel.MapMode.READ_WRITE, 0, BYTES);
            page = new UnsafeBuffer(map, 0, BYTES);
        }
        side = SIDES + me * SIDE;
    }

    int phase() {
        return page.getIntVolatile(PHASE);
    }

    /** Returns once both sides have called it. */
    void ready() throws InterruptedException {
        page.getAndAddInt(READY, 1);
        await(READY, 2);
    }

    /** Returns once n calls, of either side, were made or are being made. */
    void meet(int n) throws InterruptedException {
        page.getAndAddInt(MET, 1);
        await(MET, n);
    }

    private void await(int at, int least) throws InterruptedException {
        while (page.getIntVolatile(at) < least) {
            Thread.sleep(1);
        }
    }

    /** Begins the window after n messages. */
    void open(long n) {
        page.setMemory(HISTOGRAM, BYTES - HISTOGRAM, (byte) 0);
        page.putLong(side + FIRST, n);
        page.putLong(side + START, System.nanoTime());
        page.putIntRelease(side + OPEN, 1);
    }

    /** Ends it, after total messages. */
    void close(long total) {
        page.putLong(side + TOTAL, total);
        page.putLongRelease(side + END, System.nanoTime());
    }

    /** As hist_add in histogram.h. */
    void record(long ns) {
        int shift = ns < SUB ? 0 : 64 - Long.numberOfLeadingZeros(ns) - 10;
        long counted = ns;
        if (shift > 30) {
            shift = 30;
            counted = (1L << 40) - 1;
        }
        add(COUNTS + 8 * (shift * SUB + (int) (counted >> shift)));
        if (add(HISTOGRAM) == 1 || ns < page.getLong(HISTOGRAM + 8)) {
            page.putLong(HISTOGRAM + 8, ns);
        }
        if (ns > page.getLong(HISTOGRAM + 16)) {
            page.putLong(HISTOGRAM + 16, ns);
        }
    }

    private long add(int at) {
        long n = page.getLong(at) + 1;
        page.putLong(at, n);
        return n;
    }
}
