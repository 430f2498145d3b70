package annulus;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * System calls that Java has no call for: futexes, locks of open file descriptions, membarrier, unnamed files. Made by
 * java.lang.foreign where there is such (Java 22), else by a JNI library of two functions.
 */
abstract class Kernel {
    static final int EPERM = 1, ENOENT = 2, EINTR = 4, EBADF = 9, EAGAIN = 11, EACCES = 13, EFAULT = 14, EEXIST = 17, EISDIR = 21,
            EINVAL = 22, ENOSPC = 28, EROFS = 30, ENOSYS = 38, EOPNOTSUPP = 95, ETIMEDOUT = 110, EDQUOT = 122, ENAMETOOLONG = 36,
            ELOOP = 40, ENXIO = 6, ENOTDIR = 20;

    private static final int FUTEX_WAIT = 0, FUTEX_WAKE = 1; // shared between processes: without the private flag
    private static final int OFD_GETLK = 36, OFD_SETLK = 37, F_WRLCK = 1, F_UNLCK = 2;
    private static final int BARRIER_GLOBAL_EXPEDITED = 1 << 1, BARRIER_REGISTER_GLOBAL_EXPEDITED = 1 << 2;
    private static final int AT_FDCWD = -100, AT_SYMLINK_FOLLOW = 0x400;
    private static final int O_RDONLY = 0, O_RDWR = 2, O_NOCTTY = 0x100, O_NONBLOCK = 0x800, O_CLOEXEC = 0x80000;

    /** Numbers and flags that differ between processors. */
    private static final boolean ARM = System.getProperty("os.arch").equals("aarch64");

    private static final int O_NOFOLLOW = ARM ? 0x8000 : 0x20000, O_TMPFILE = ARM ? 0x404000 : 0x410000;
    private static final int FUTEX = ARM ? 98 : 202, MEMBARRIER = ARM ? 283 : 324, FCNTL = ARM ? 25 : 72, OPENAT = ARM ? 56 : 257,
            CLOSE = ARM ? 57 : 3, FALLOCATE = ARM ? 47 : 285, FCHMOD = ARM ? 52 : 91, LINKAT = ARM ? 37 : 265, KILL = ARM ? 129 : 62,
            GETEUID = ARM ? 175 : 107, FSTAT = ARM ? 80 : 5;

    /** The result, or -errno. */
    abstract long call(long nr, long a, long b, long c, long d, long e, long f);

    /** Where a direct buffer begins. */
    abstract long address(ByteBuffer direct);

    /** Room for what a call points to, one for each thread. */
    private final ThreadLocal<ByteBuffer> scratch =
            ThreadLocal.withInitial(() -> ByteBuffer.allocateDirect(256).order(ByteOrder.nativeOrder()));

    private static final class Holder {
        static final Kernel KERNEL;
        static final String WHY_NOT;

        static {
            Kernel k = null;
            String why = null;
            try {
                k = find();
            } catch (ReflectiveOperationException | RuntimeException | LinkageError | java.io.IOException e) {
                why = e.getMessage() == null ? e.toString() : e.getMessage();
            }
            KERNEL = k;
            WHY_NOT = why;
        }
    }

    /** The way there is to make system calls. */
    static Kernel get() throws RingException {
        if (Holder.KERNEL == null) {
            throw new RingException(RingException.Kind.UNSUPPORTED, "expected a way to make system calls, which all but looking needs, found "
                    + Holder.WHY_NOT + "; use Java 22 or later, or a jar with libannulus.so for this processor");
        }
        return Holder.KERNEL;
    }

    private static Kernel find() throws ReflectiveOperationException, java.io.IOException {
        String os = System.getProperty("os.name"), arch = System.getProperty("os.arch");
        if (!os.equals("Linux") || !(arch.equals("amd64") || arch.equals("aarch64"))) {
            throw new IllegalStateException(os + " on " + arch + ", not Linux on amd64 or aarch64");
        }
        if (Runtime.version().feature() >= 22) {
            return new KernelForeign();
        }
        return new KernelJni();
    }

    private long path(String path, ByteBuffer[] keep) {
        byte[] b = path.getBytes(StandardCharsets.UTF_8);
        ByteBuffer direct = ByteBuffer.allocateDirect(b.length + 1);
        direct.put(0, b);
        keep[0] = direct;
        return address(direct);
    }

    private long withPath(String path, java.util.function.LongUnaryOperator call) {
        ByteBuffer[] keep = new ByteBuffer[1];
        long rc;
        do {
            rc = call.applyAsLong(path(path, keep));
        } while (rc == -EINTR);
        java.lang.ref.Reference.reachabilityFence(keep);
        return rc;
    }

    /** A descriptor of an existing file, or -errno. */
    int open(String path, boolean readOnly, boolean follow) {
        long flags = (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW);
        return (int) withPath(path, p -> call(OPENAT, AT_FDCWD, p, flags, 0, 0, 0));
    }

    /** A descriptor of a new file without a name in a directory, or -errno. */
    int openUnnamed(String dir) {
        return (int) withPath(dir, p -> call(OPENAT, AT_FDCWD, p, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600, 0, 0));
    }

    /** All pages of it now: a full file system is an error here, not a fault later. */
    int allocate(int fd, long size) {
        long rc;
        do {
            rc = call(FALLOCATE, fd, 0, 0, size, 0, 0);
        } while (rc == -EINTR);
        return (int) rc;
    }

    int chmod(int fd, int mode) {
        return (int) call(FCHMOD, fd, mode, 0, 0, 0, 0);
    }

    /** Gives an unnamed file its name. */
    int link(int fd, String path) {
        return (int) withPath("/proc/self/fd/" + fd,
                from -> withPath(path, to -> call(LINKAT, AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW, 0)));
    }

    void close(int fd) {
        call(CLOSE, fd, 0, 0, 0, 0, 0);
    }

    /** Bytes of an open file, or -errno. */
    long size(int fd) {
        ByteBuffer stat = scratch.get();
        long rc = call(FSTAT, fd, address(stat), 0, 0, 0, 0);
        return rc < 0 ? rc : stat.getLong(48); // st_size
    }

    long effectiveUser() {
        return call(GETEUID, 0, 0, 0, 0, 0, 0) & 0xffffffffL;
    }

    /** Ends this process as a crash of the machine would. */
    void killSelf() {
        call(KILL, ProcessHandle.current().pid(), 9, 0, 0, 0, 0);
    }

    private int lock(int fd, int command, int type, long offset, ByteBuffer flock) {
        // struct flock: l_type, l_whence (0: from the start), l_start, l_len, l_pid (0 for these locks)
        flock.putShort(0, (short) type).putShort(2, (short) 0).putLong(8, offset).putLong(16, 1).putLong(24, 0);
        long rc;
        do {
            rc = call(FCNTL, fd, command, address(flock), 0, 0, 0);
        } while (rc == -EINTR);
        return (int) rc;
    }

    /** Takes the lock byte at an offset for the open file description: 0 or -errno, -EAGAIN if another holds it. */
    int lock(int fd, long offset) {
        int rc = lock(fd, OFD_SETLK, F_WRLCK, offset, scratch.get());
        return rc == -EACCES ? -EAGAIN : rc;
    }

    void unlock(int fd, long offset) {
        lock(fd, OFD_SETLK, F_UNLCK, offset, scratch.get());
    }

    /** 1 if another description holds the lock byte, 0 if not, or -errno. */
    int locked(int fd, long offset) {
        ByteBuffer flock = scratch.get();
        int rc = lock(fd, OFD_GETLK, F_WRLCK, offset, flock);
        return rc < 0 ? rc : flock.getShort(0) == F_UNLCK ? 0 : 1;
    }

    /** Sleeps while the word at an address is value, for at most ns nanoseconds: 0 or -errno. */
    int futexWait(long address, int value, long ns) {
        ByteBuffer t = scratch.get();
        t.putLong(0, ns / 1_000_000_000L).putLong(8, ns % 1_000_000_000L);
        return (int) call(FUTEX, address, FUTEX_WAIT, value, address(t), 0, 0);
    }

    /** Wakes all who sleep there. */
    void futexWake(long address) {
        call(FUTEX, address, FUTEX_WAKE, Integer.MAX_VALUE, 0, 0, 0);
    }

    /** Makes every running thread of every registered process pass a full fence; false where that is not to be had. */
    boolean barrier() {
        return call(MEMBARRIER, BARRIER_GLOBAL_EXPEDITED, 0, 0, 0, 0, 0) == 0;
    }

    /** Lets this process take part in the barriers of others; false where that is not to be had. */
    boolean registerForBarriers() {
        return call(MEMBARRIER, BARRIER_REGISTER_GLOBAL_EXPEDITED, 0, 0, 0, 0, 0) == 0;
    }

    /** What errno says. */
    static String text(int errno) {
        return switch (errno) {
            case EPERM, EACCES -> "permission denied";
            case ENOENT -> "no such file or directory";
            case EBADF -> "bad file descriptor";
            case EEXIST -> "file exists";
            case EISDIR -> "is a directory";
            case ENOTDIR -> "not a directory";
            case EINVAL -> "invalid argument";
            case ENOSPC -> "no space left on device";
            case EROFS -> "read-only file system";
            case ENOSYS -> "function not implemented";
            case EOPNOTSUPP -> "operation not supported";
            case EDQUOT -> "disk quota exceeded";
            case ENAMETOOLONG -> "file name too long";
            case ELOOP -> "a symbolic link, or too many of them";
            case ENXIO -> "no such device or address";
            default -> "errno " + errno;
        };
    }
}
