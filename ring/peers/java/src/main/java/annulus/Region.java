package annulus;

import annulus.RingException.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.Map;

/**
 * The file under a ring or cell: opened, mapped, its lock bytes. The mapping lasts until nobody can reach it any more, slices that were
 * handed out included; so no late access of a caller's reads other memory.
 */
final class Region {
    /** The descriptor that holds our locks; -1: this region is only looked at. */
    private int fd = -1;

    private final Kernel kernel; // null: only looked at
    private final String name;
    final boolean readOnly;
    private final boolean named; // it had a name when it was opened
    private final Path self; // the open file, whatever its name
    Words words;
    private long address;
    private long size;
    private final FileChannel channel;

    /** The kernel does not tell two holders on one description apart: what this one holds stands here. */
    private final BitSet held = new BitSet();

    private Region(Kernel kernel, String name, int fd, FileChannel channel, Path self, boolean readOnly, boolean named) {
        this.kernel = kernel;
        this.name = name;
        this.fd = fd;
        this.channel = channel;
        this.self = self;
        this.readOnly = readOnly;
        this.named = named;
    }

    /** Opens a file. No symbolic link is followed in the last component. */
    static Region open(Path path, boolean readOnly) throws RingException {
        try {
            Map<String, Object> a = Files.readAttributes(path, "unix:isRegularFile,uid,nlink", LinkOption.NOFOLLOW_LINKS);
            checkFile(path.toString(), a); // the type first: opening a FIFO or a device may do something already
            if (readOnly) {
                return look(path.toString(), FileChannel.open(path, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS), path);
            }
            Kernel kernel = Kernel.get();
            int fd = kernel.open(path.toString(), false, false);
            if (fd < 0) {
                throw RingException.system("open " + path, -fd);
            }
            return adopt(kernel, path.toString(), fd);
        } catch (IOException e) {
            throw failed("open " + path, e);
        }
    }

    /** Opens the file under an inherited or received descriptor anew, so that the locks are ours. The caller keeps his. */
    static Region openDescriptor(int descriptor, boolean readOnly) throws RingException {
        Path path = Path.of("/proc/self/fd/" + descriptor);
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            throw RingException.system("descriptor " + descriptor, Kernel.EBADF);
        }
        try {
            checkFile("descriptor " + descriptor, Files.readAttributes(path, "unix:isRegularFile,uid,nlink"));
            if (readOnly) {
                return look(path.toString(), FileChannel.open(path, StandardOpenOption.READ), path);
            }
        } catch (IOException e) {
            throw failed("descriptor " + descriptor, e);
        }
        Kernel kernel = Kernel.get();
        int fd = kernel.open(path.toString(), false, true);
        if (fd < 0) {
            throw RingException.system("open " + path, -fd);
        }
        return adopt(kernel, path.toString(), fd);
    }

    /** A region that is only looked at: no system call that Java does not have. */
    private static Region look(String name, FileChannel channel, Path self) {
        return new Region(null, name, -1, channel, self, true, true);
    }

    /** Takes an open descriptor over, to map what is under it. */
    static Region adopt(Kernel kernel, String name, int fd) throws RingException {
        Path self = Path.of("/proc/self/fd/" + fd);
        try {
            Map<String, Object> a = Files.readAttributes(self, "unix:isRegularFile,uid,nlink");
            checkFile(name, a);
            FileChannel channel = FileChannel.open(self, StandardOpenOption.READ, StandardOpenOption.WRITE);
            return new Region(kernel, name, fd, channel, self, false, (Integer) a.get("nlink") > 0);
        } catch (IOException e) {
            kernel.close(fd);
            throw failed("open " + name, e);
        }
    }

    private static void checkFile(String name, Map<String, Object> a) throws IOException {
        if (!(Boolean) a.get("isRegularFile")) {
            throw new RingException(Kind.NOT_RING, "not a regular file: expected one, found something else at " + name);
        }
        Object me = Files.getAttribute(Path.of("/proc/self"), "unix:uid"); // the effective user
        if (!me.equals(a.get("uid"))) {
            throw new RingException(Kind.PERMISSION, "expected a file of uid " + me + ", found " + name + " of uid " + a.get("uid"));
        }
    }

    static RingException failed(String what, IOException e) {
        if (e instanceof RingException r) {
            return r;
        }
        if (e instanceof NoSuchFileException) {
            return RingException.system(what, Kernel.ENOENT);
        }
        if (e instanceof java.nio.file.AccessDeniedException) {
            return RingException.system(what, Kernel.EACCES);
        }
        return new RingException(Kind.SYSTEM, what + ": " + (e.getMessage() == null ? e.toString() : e.getMessage()));
    }

    /** The first bytes of it, at most n. */
    ByteBuffer start(int n) throws RingException {
        try {
            ByteBuffer b = ByteBuffer.allocate(n);
            while (b.hasRemaining() && channel.read(b, b.position()) > 0) {
            }
            return b.flip();
        } catch (IOException e) {
            throw failed("read " + name, e);
        }
    }

    long fileSize() throws RingException {
        try {
            return channel.size();
        } catch (IOException e) {
            throw failed("size of " + name, e);
        }
    }

    /** Maps size bytes, at most 2 GiB. */
    void map(long size) throws RingException {
        try {
            this.size = size;
            ByteBuffer b = channel.map(readOnly ? FileChannel.MapMode.READ_ONLY : FileChannel.MapMode.READ_WRITE, 0, size);
            words = new Words(b);
            if (kernel != null) {
                address = kernel.address(b);
                channel.close(); // a region that is only looked at has no descriptor but this
            }
        } catch (IOException e) {
            throw failed("map " + name, e);
        }
    }

    /** Where a word is, to the kernel. */
    long address(int at) {
        return address + at;
    }

    Kernel kernel() {
        return kernel;
    }

    int descriptor() {
        return fd;
    }

    /** Takes a lock byte: 0, EAGAIN if another process has it, EEXIST if this handle has, or another errno. */
    int lock(long lock) {
        synchronized (held) {
            if (held.get((int) lock)) {
                return Kernel.EEXIST;
            }
            if (fd < 0) {
                return Kernel.EBADF;
            }
            int rc = kernel.lock(fd, Layout.LOCK_BASE + lock);
            held.set((int) lock, rc == 0);
            return -rc;
        }
    }

    void unlock(long lock) {
        synchronized (held) {
            kernel.unlock(fd, Layout.LOCK_BASE + lock);
            held.clear((int) lock);
        }
    }

    /** Whether anybody holds a lock byte: a killed process does not, a stopped one does. */
    boolean locked(long lock) throws RingException {
        synchronized (held) {
            if (held.get((int) lock)) { // our own lock does not show
                return true;
            }
            int rc = fd < 0 ? -Kernel.EBADF : kernel.locked(fd, Layout.LOCK_BASE + lock);
            if (rc < 0) {
                throw RingException.system("ask who holds lock byte " + lock + " of " + name, -rc);
            }
            return rc > 0;
        }
    }

    /** The file is shorter than the ring. Looked at before stores that would end the JVM then: see Words. */
    boolean isCut() {
        if (fd >= 0) {
            long now = kernel.size(fd);
            return now >= 0 && now < size;
        }
        try {
            return channel.size() < size;
        } catch (IOException e) {
            return false; // it is closed: there will be no more accesses
        }
    }

    /** It had a name and has none now. */
    boolean isRemoved() throws RingException {
        try {
            return named && (Integer) Files.getAttribute(self, "unix:nlink") == 0;
        } catch (IOException e) {
            throw failed("links of " + name, e);
        }
    }

    /** Closes the descriptor. IllegalStateException while a lock byte is held. */
    void close() {
        synchronized (held) {
            if (!held.isEmpty()) {
                throw new IllegalStateException("expected all endpoints closed, found " + held.cardinality() + " open; close them first");
            }
            try {
                channel.close();
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e); // nothing was written through it
            }
            if (fd >= 0) {
                kernel.close(fd);
                fd = -1;
            }
        }
    }
}
