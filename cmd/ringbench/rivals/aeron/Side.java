import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Image;
import io.aeron.ImageFragmentAssembler;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.util.concurrent.TimeUnit;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * One side of aeron_ipc.c, where it says how all is configured. Side 0 sends or pings, side 1
 * receives or answers and has the media driver.
 */
final class Side implements FragmentHandler {
    private static final String CHANNEL = "aeron:ipc";
    private static final int THERE = 1, BACK = 2; // streams
    private static final int FRAGMENTS = 256; // at most, in one poll

    private final Page page;
    private final Payload payload;
    private final UnsafeBuffer message;
    private final int look;
    private ExclusivePublication publication;
    private Image image;
    private FragmentHandler handler = this;

    private long next; // the number that is expected
    private boolean stopped;

    private Side(Page page, Payload payload, int size) {
        this.page = page;
        this.payload = payload;
        message = payload.message();
        look = Math.max(1, Math.min(1024, (64 << 10) / size));
    }

    /** Arguments: side, whether it is throughput, size, whether it is sealed, spoil, directory, term length, MTU. */
    public static void main(String[] args) {
        try {
            int me = Integer.parseInt(args[0]), size = Integer.parseInt(args[2]);
            Payload payload = new Payload(size, args[3].equals("1"), Long.parseUnsignedLong(args[4]));
            Side side = new Side(new Page(args[5] + "/page", me), payload, size);
            side.run(me, args[1].equals("1"), args[5] + "/driver", Integer.parseInt(args[6]), Integer.parseInt(args[7]));
            System.exit(0);
        } catch (Throwable err) {
            fail(err.toString());
        }
    }

    private static void fail(String text) {
        System.err.println("aeron: " + text);
        Runtime.getRuntime().halt(1);
    }

    private void run(int me, boolean throughput, String dir, int term, int mtu) throws Exception {
        long patience = TimeUnit.SECONDS.toNanos(60); // on a busy machine
        MediaDriver driver = me == 0 ? null : MediaDriver.launch(new MediaDriver.Context()
            .aeronDirectoryName(dir)
            .threadingMode(ThreadingMode.SHARED)
            .ipcTermBufferLength(term)
            .ipcMtuLength(mtu)
            .termBufferSparseFile(false)
            .clientLivenessTimeoutNs(patience)
            .publicationUnblockTimeoutNs(2 * patience)
            .dirDeleteOnStart(true)
            .dirDeleteOnShutdown(true));
        try (Aeron aeron = Aeron.connect(new Aeron.Context()
            .aeronDirectoryName(dir)
            .preTouchMappedMemory(true)
            .driverTimeoutMs(TimeUnit.NANOSECONDS.toMillis(patience))
            .errorHandler(err -> fail(err.toString())))) {
            Subscription subscription = aeron.addSubscription(CHANNEL, me == 0 ? BACK : THERE);
            publication = aeron.addExclusivePublication(CHANNEL, me == 0 ? THERE : BACK);
            while (!publication.isConnected() || subscription.imageCount() == 0) {
                Thread.sleep(1);
            }
            image = subscription.imageAtIndex(0);
            if (message.capacity() > publication.maxPayloadLength()) {
                handler = new ImageFragmentAssembler(this, message.capacity());
            }
            page.ready();
            pass(me, throughput);
            page.meet(2); // the last message was received
        }
        page.meet(me == 0 ? 0 : 4); // and side 0 needs the driver no more
        if (driver != null) {
            driver.close();
        }
    }

    private void pass(int me, boolean throughput) {
        if (throughput) {
            if (me == 0) {
                produce();
            } else {
                consume();
            }
        } else if (me == 0) {
            ping();
        } else {
            pong();
        }
    }

    private void produce() {
        long seq = 0;
        while (page.phase() != Page.STOP) {
            for (int i = 0; i < look; i++) {
                send(seq++);
            }
        }
        send(Payload.STOP);
        page.close(seq);
    }

    private void consume() {
        boolean open = false;
        while (!stopped) {
            if (!open && page.phase() == Page.MEASURE) {
                page.open(next);
                open = true;
            }
            poll(FRAGMENTS);
        }
        page.close(next);
    }

    private void ping() {
        boolean open = false;
        next = 1;
        for (int phase; (phase = page.phase()) != Page.STOP;) {
            if (!open && phase == Page.MEASURE) {
                page.open(next - 1);
                open = true;
            }
            long seq = next, start = System.nanoTime();
            send(seq);
            while (next == seq) {
                poll(1);
            }
            page.record(System.nanoTime() - start);
        }
        page.close(next - 1);
        send(Payload.STOP);
    }

    private void pong() {
        next = 1;
        while (!stopped) {
            long seq = next;
            poll(1);
            if (next != seq) {
                send(seq);
            }
        }
        page.close(next - 1);
    }

    private void send(long seq) {
        payload.stamp(message, seq);
        for (long at; (at = publication.offer(message, 0, message.capacity(), null)) <= 0; Thread.onSpinWait()) {
            if (at == Publication.CLOSED || at == Publication.MAX_POSITION_EXCEEDED || at == Publication.NOT_CONNECTED) {
                fail("offer of message " + seq + ": " + Publication.errorString(at));
            }
        }
    }

    private void poll(int most) {
        if (image.poll(handler, most) == 0) {
            if (image.isClosed()) {
                fail("the other side is gone");
            }
            Thread.onSpinWait();
        }
    }

    @Override
    public void onFragment(DirectBuffer buffer, int offset, int length, Header header) {
        if (payload.holds(buffer, offset, length, next)) {
            next++;
        } else if (payload.holds(buffer, offset, length, Payload.STOP)) {
            stopped = true;
        } else {
            fail(payload.wrong(buffer, offset, length, next));
        }
    }
}
