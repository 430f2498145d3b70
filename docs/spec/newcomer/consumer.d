// A consumer of Annulus rings in D: topologies 1 (SPSC) and 3 (MPSC, in lanes), records and slots.
// Written from docs/spec/layout-v1.md, whose sections the comments name, and from nothing else.
module consumer;

import core.atomic;
import core.stdc.errno, core.stdc.stdio, core.stdc.stdlib, core.stdc.string;
import core.sys.posix.fcntl, core.sys.posix.semaphore, core.sys.posix.signal, core.sys.posix.sys.mman;
import core.sys.posix.sys.stat, core.sys.posix.time, core.sys.posix.unistd;

extern (C) long syscall(long number, ...) nothrow @nogc;

version (X86_64) enum { FUTEX = 202, MEMBARRIER = 324 }
version (AArch64) enum { FUTEX = 98, MEMBARRIER = 283 }
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, GLOBAL_EXPEDITED = 2, REGISTER = 4, F_OFD_GETLK = 36, F_OFD_SETLK = 37 }

enum ulong MAGIC = 0x1a53554c554e4e41, SWAPPED = 0x414e4e554c55531a, LOCK_BASE = 0x10000000000;
enum ulong PAGE = 4096, MAX_DATA = 0x4000000000, REDELIVER = 2;
enum ulong ARM_SEM = 1UL << 32, ARM_FENCE = 1UL << 34, ARM_CLOSED = 1UL << 35, ARM_VALID = 1UL << 63;
enum { LOCK_PRODUCER, LOCK_CONSUMER } // section 1
enum { CURSOR, SEQ, ARM, ENDPOINT } // lines of a side: section 3
enum { SESSION = 0, CLOSED = 4, DRAINED = 8, STATE = 12, PID = 16 } // of the endpoint line

void fail(const(char)* what, const(char)* text) {
    fprintf(stderr, "%s: %s\n", what, text);
    exit(1);
}

// ---- shared words, by their offset in the mapping

__gshared ubyte* base;
__gshared int fd;
__gshared bool registered; // with membarrier

shared(ulong)* word(ulong at) { return cast(shared(ulong)*)(base + at); }
shared(uint)* half(ulong at) { return cast(shared(uint)*)(base + at); }
ulong load(ulong at) { return atomicLoad!(MemoryOrder.acq)(*word(at)); }
uint load4(ulong at) { return atomicLoad!(MemoryOrder.acq)(*half(at)); }
void store(ulong at, ulong v) { atomicStore!(MemoryOrder.rel)(*word(at), v); }
void store4(ulong at, uint v) { atomicStore!(MemoryOrder.rel)(*half(at), v); }

ulong up(ulong n, ulong to) { return (n + to - 1) / to * to; }

// Takes, probes or gives back a lock byte: section 7.
bool lock(ulong n, int cmd, short type) {
    flock l = {l_type: type, l_whence: SEEK_SET, l_start: LOCK_BASE + n, l_len: 1};
    if (fcntl(fd, cmd, &l) == 0)
        return cmd == F_OFD_SETLK || l.l_type != F_UNLCK;
    if (errno != EAGAIN && errno != EACCES)
        fail("attach", "system call failed: lock");
    return false;
}
bool held(ulong n) { return lock(n, F_OFD_GETLK, F_WRLCK); }

// ---- header: section 2

struct Header {
    ulong magic;
    uint major, minor, size, kind, topology, stride;
    ulong required, optional, total, capacity;
    uint slotSize, slotStride, slotPayload, maxMessage;
    ulong fingerprint, producer, consumer, semaphores, table, entries, data, dataSize, lockBase;
    ubyte[16] bootID;
    ulong created, pid;
    char[64] element;
    ulong checksum;
}
static assert(Header.sizeof == 256 && Header.lockBase.offsetof == 144 && Header.checksum.offsetof == 248);

__gshared Header h; // a copy: what stands in shared memory is not looked at again
__gshared ulong laneCursors, laneStride; // topology 3

ulong line(ulong area, ulong k) { return area + k * h.stride; }

uint crc32c(const(ubyte)[] b) {
    uint c = ~0u;
    foreach (i; 0 .. 8 * b.length)
        c = ((c ^ b[i / 8] >> i % 8) & 1 ? 0x82f63b78 : 0) ^ c >> 1;
    return ~c;
}

void must(const(char)* field, ulong found, ulong expected) {
    if (found == expected)
        return;
    fprintf(stderr, "open: impossible ring geometry: %s is %llu, expected %llu\n", field, found, expected);
    exit(1);
}
void within(const(char)* field, ulong v, ulong least, ulong most) {
    must(field, v, v < least ? least : v > most ? most : v);
}

void checkGeometry() {
    immutable slots = h.kind == 2, lanes = h.topology == 3;
    within("header_size", h.size, 256, uint.max);
    within("kind", h.kind, 1, 2);
    within("stride", h.stride, 64, 1024);
    must("stride & (stride-1)", h.stride & h.stride - 1, 0);
    within("capacity", h.capacity, slots ? 2 : 4096, slots ? 0x40000000 : 0x100000000);
    must("capacity & (capacity-1)", h.capacity & h.capacity - 1, 0);
    within("slot_size", h.slotSize, slots ? 1 : 0, slots ? 0x1000000 : 0);
    within("endpoint_count", h.entries, lanes ? 2 : 0, lanes ? 4096 : 0);
    must("slot_payload", h.slotPayload, slots ? 8 : 0);
    must("slot_stride", h.slotStride, slots ? 8 + up(h.slotSize, 8) : 0);

    immutable area = up(4 * h.stride, PAGE);
    immutable size = slots ? h.capacity * h.slotStride : h.capacity;
    ulong at = PAGE;
    must("producer_area", h.producer, at);
    must("consumer_area", h.consumer, at += area);
    must("shared_area", h.semaphores, at += area);
    at += up(2 * h.stride, PAGE);
    must("endpoint_table", h.table, lanes ? at : 0);
    if (lanes) { // section 10
        laneCursors = at + up(h.entries * 2 * h.stride, PAGE) + up(h.entries * h.stride, PAGE);
        at = laneCursors + up(h.entries * h.stride, PAGE);
        laneStride = up(size, PAGE);
    }
    must("data_area", h.data, at);
    must("data_size", h.dataSize, size);
    immutable all = lanes ? h.entries * laneStride : size;
    within("size of all data", all, 0, MAX_DATA);
    must("total_size", h.total, up(at + all, PAGE));
    immutable most = h.capacity / 2 - 8;
    must("max_message", h.maxMessage, slots ? h.slotSize : most < 0x7fffffff ? most : 0x7fffffff);
    must("lock_base", h.lockBase, LOCK_BASE);
}

void openRing(const(char)* path) {
    fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        fail("open", errno == ENOENT ? "no such ring" : errno == EACCES ? "permission denied" : strerror(errno));
    stat_t s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        fail("open", "not a ring: not a regular file");
    if (s.st_size < Header.sizeof)
        fail("open", "file shorter than the ring in it");
    base = cast(ubyte*) mmap(null, s.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        fail("open", "system call failed: mmap");
    immutable magic = load(0); // acquire: a creator may write it last
    h = *cast(Header*) base;
    if (magic != MAGIC)
        fail("open", magic == 0 ? "ring not initialised yet" : magic == SWAPPED ? "ring of the other byte order" : "not a ring");
    if (h.major != 1)
        fail("open", "ring of another layout version");
    if (h.checksum != crc32c((cast(ubyte*)&h)[0 .. Header.checksum.offsetof]))
        fail("open", "ring header damaged");
    if (h.required & ~REDELIVER)
        fail("open", "ring needs a feature unknown here");
    if (h.topology != 1 && h.topology != 3)
        fail("open", "not supported here: only topologies 1 and 3 are");
    checkGeometry();
    if (s.st_size < h.total)
        fail("open", "file shorter than the ring in it");
    if (!(load(line(h.producer, ARM)) & load(line(h.consumer, ARM)) & ARM_VALID))
        fail("open", "ring corrupt: arm word");
}

// ---- gates: section 6

struct Gates {
    bool armed;
    uint epoch; // of the data gate, that we are armed for
    ulong arm;

    // Wakes producers that wait for space; even if none seems to, where they have to look around.
    static void wake(bool always) {
        immutable seq = line(h.consumer, SEQ);
        asm { "" ::: "memory"; } // the release before it stays before it
        if (!registered)
            atomicFence();
        ulong a = load(line(h.producer, ARM));
        if (a & ARM_FENCE) {
            atomicFence();
            a = load(line(h.producer, ARM));
        }
        if (!(a & ARM_VALID))
            fail("recv", "memory lost");
        if (!always && cast(uint) a != load4(seq))
            return;
        atomicOp!"+="(*half(seq), 1);
        store(seq + 8, load(seq + 8) + 1);
        if (a & ARM_SEM)
            sem_post(cast(sem_t*)(base + line(h.semaphores, 1)));
        syscall(FUTEX, base + seq, FUTEX_WAKE, int.max, null, null, 0);
    }

    // Announces a sleep. The caller looks for work once more, and then either sleeps or cancels.
    void prepare() {
        immutable at = line(h.consumer, ARM);
        ulong old;
        do {
            old = load(at);
            epoch = load4(line(h.producer, SEQ));
            arm = ARM_VALID | epoch | old & (ARM_CLOSED | ARM_FENCE);
        } while (!cas(word(at), old, arm));
        if (!(old & ARM_VALID))
            fail("recv", "memory lost");
        armed = true;
        if (syscall(MEMBARRIER, GLOBAL_EXPEDITED, 0, 0) != 0)
            arm = atomicOp!"|="(*word(at), ARM_FENCE);
    }

    void cancel() {
        if (armed)
            cas(word(line(h.consumer, ARM)), arm, arm & ~ulong(uint.max) | cast(uint)(epoch - 1));
        armed = false;
    }

    bool sleep() { // false: nobody woke us for 50 ms
        immutable at = line(h.consumer, ARM);
        timespec bound = {0, 50_000_000};
        armed = false;
        store(at + 8, load(at + 8) + 1); // parks
        if (syscall(FUTEX, base + line(h.producer, SEQ), FUTEX_WAIT, epoch, &bound, null, 0) == 0 || errno != ETIMEDOUT)
            return true;
        store(at + 16, load(at + 16) + 1); // bounds
        return false;
    }
}

// ---- lanes, of which a ring of one producer has one: sections 4, 5 and 10

struct Lane {
    ulong cursor, data; // where they are
    ulong head, woken; // position, and what it was when the producers were woken last
    ulong messages, bytes, inHand;
    bool known;

    bool take(ref const(ubyte)[] m) { // the next message, which stays in the ring until release
        if (h.kind == 2) {
            immutable at = data + (head & h.capacity - 1) * h.slotStride;
            if (load(at) != (head / h.capacity << 8 | 1))
                return false;
            m = base[at + 8 .. at + 8 + h.slotSize];
            head++;
        } else {
            bool pad = true;
            while (pad) {
                immutable i = head & h.capacity - 1, w = load(data + i), n = w & uint.max;
                if (w == 0)
                    return false;
                pad = (w >> 33 & 1) != 0;
                if (w >> 34 || !(w >> 32 & 1) || 8 + n > h.capacity - i
                    || (pad ? i == 0 || i + 8 + n != h.capacity : n > h.maxMessage))
                    fail("recv", "ring corrupt: record header");
                m = base[data + i + 8 .. data + i + 8 + n];
                head += 8 + up(n, 8);
            }
        }
        messages++;
        inHand++;
        bytes += m.length;
        return true;
    }

    void release() {
        if (inHand == 0)
            return;
        store(cursor, head);
        store(cursor + 8, messages);
        store(cursor + 16, bytes);
        inHand = 0;
    }
}

struct Consumer {
    Lane[] lanes;
    size_t turn; // the lane whose turn it is
    uint inTurn, session, drained;

    void attach() { // section 7
        if (!lock(LOCK_CONSUMER, F_OFD_SETLK, F_WRLCK))
            fail("attach", "role already taken");
        lanes = new Lane[h.topology == 1 ? 1 : h.entries];
        foreach (i, ref l; lanes) {
            l.cursor = h.topology == 1 ? h.consumer : line(laneCursors, i);
            l.data = h.data + i * laneStride;
            l.head = l.woken = load(l.cursor);
            l.messages = load(l.cursor + 8);
            l.bytes = load(l.cursor + 16);
            l.known = h.topology == 1;
            if (h.kind == 1 && l.head & 7)
                fail("attach", "ring corrupt: position");
        }
        immutable e = line(h.consumer, ENDPOINT);
        timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        drained = load4(e + DRAINED);
        store(e + PID, getpid());
        store(e + PID + 8, 0); // start_time, for people: not known here
        store(e + PID + 16, now.tv_sec * 1_000_000_000 + now.tv_nsec);
        store4(e + STATE, 1);
        store4(e + SESSION, load4(e + SESSION) + 1);
        atomicOp!"&="(*word(line(h.consumer, ARM)), ~ARM_CLOSED);
    }

    void detach() {
        immutable e = line(h.consumer, ENDPOINT);
        atomicOp!"|="(*word(line(h.consumer, ARM)), ARM_CLOSED);
        Gates.wake(true);
        store4(e + CLOSED, load4(e + SESSION));
        store4(e + STATE, 0);
        lock(LOCK_CONSUMER, F_OFD_SETLK, F_UNLCK);
    }

    bool take(ref const(ubyte)[] m) {
        immutable s = load4(line(h.producer, ENDPOINT) + SESSION);
        if (s != session) // there may be lanes that were never used before
            foreach (i, ref l; lanes)
                l.known = l.known || load4(line(h.table, 2 * i + 1)) != 0;
        session = s;
        foreach (_; 0 .. lanes.length + 1) { // the lane whose turn is over comes last once more
            if (inTurn < 256 && lanes[turn].known && lanes[turn].take(m)) {
                inTurn++;
                return true;
            }
            turn = (turn + 1) % lanes.length;
            inTurn = 0;
        }
        return false;
    }

    void release() {
        bool due;
        foreach (ref l; lanes) {
            l.release();
            due = due || l.head - l.woken >= h.capacity / 4;
        }
        if (!due)
            return;
        foreach (ref l; lanes)
            l.woken = l.head;
        Gates.wake(false);
    }

    // Whether the producers have closed and that was not reported yet; more: there was a message after all.
    bool ended(ref const(ubyte)[] m, ref bool more) {
        immutable e = line(h.producer, ENDPOINT), closed = load4(e + CLOSED);
        if (closed != load4(e + SESSION) || closed == drained)
            return false;
        if ((more = take(m)) == true)
            return false;
        drained = closed;
        store4(line(h.consumer, ENDPOINT) + DRAINED, drained);
        return true;
    }
}

// ---- the program: prints messages as lines, up to the end of the stream

__gshared bool stop;
extern (C) void onSignal(int) nothrow @nogc { stop = true; }

int main(string[] args) {
    immutable once = args.length == 3 && args[1] == "-1"; // do not wait
    if (args.length != (once ? 3 : 2)) {
        fprintf(stderr, "usage: consumer [-1] FILE\n");
        return 2;
    }
    openRing((args[$ - 1] ~ '\0').ptr);
    registered = syscall(MEMBARRIER, REGISTER, 0, 0) == 0;
    signal(SIGINT, &onSignal);
    signal(SIGTERM, &onSignal);
    Consumer c;
    Gates gates;
    c.attach();
    const(ubyte)[] m;
    bool died;
    for (uint idle; !stop;) {
        bool more = c.take(m);
        if (!more) {
            Gates.wake(false); // at the latest when there is nothing
            if (c.ended(m, more) || !more && once)
                break;
        }
        if (more) {
            gates.cancel();
            idle = 0;
            for (uint n = 1; more; n++) { // what is printed is released, never the other way round
                fwrite(m.ptr, 1, m.length, stdout);
                putc('\n', stdout);
                more = n < 256 && c.take(m);
            }
            if (fflush(stdout) != 0)
                fail("recv", "system call failed: write");
            c.release();
        } else if (++idle >= 200 && !gates.armed) {
            gates.prepare();
        } else if (gates.armed && !gates.sleep() && h.topology == 1) {
            immutable alone = !held(LOCK_PRODUCER), e = line(h.producer, ENDPOINT);
            if (alone && !died && load4(e + SESSION) != load4(e + CLOSED))
                fputs("recv: the producer died; waiting for another\n", stderr);
            died = alone;
        }
    }
    gates.cancel();
    c.detach();
    return 0;
}
