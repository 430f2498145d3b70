package annulus;

import annulus.RingException.Kind;
import java.nio.file.Path;
import java.util.function.Consumer;

/** Makes files that are complete before they have a name: a creator that dies leaves nothing. */
final class Creator {
    private Creator() {}

    static Region create(Path path, long size, int mode, Consumer<Words> format) throws RingException {
        Header.checkRoom(size, size);
        Path dir = path.getParent() == null ? Path.of(".") : path.getParent();
        if (path.getFileName() == null) {
            throw new RingException(Kind.INVALID, "expected the name of a file, found " + path);
        }
        Kernel k = Kernel.get();
        int fd = k.openUnnamed(dir.toString());
        if (fd < 0) {
            int e = fd == -Kernel.EISDIR || fd == -Kernel.EINVAL ? Kernel.EOPNOTSUPP : -fd;
            throw RingException.system("create an unnamed file in " + dir, e);
        }
        // Not adopted before it has its name: that is what tells later that it was removed.
        try {
            check(k.allocate(fd, size), "allocate " + size + " bytes for " + path);
            Region draft = Region.adopt(k, path.toString(), dup(k, fd));
            try {
                draft.map(size);
                format.accept(draft.words);
            } finally {
                draft.close();
            }
            check(k.chmod(fd, mode), "chmod " + path);
            check(k.link(fd, path.toString()), "link " + path);
        } catch (RingException | RuntimeException e) {
            k.close(fd);
            throw e;
        }
        return Region.adopt(k, path.toString(), fd);
    }

    private static int dup(Kernel k, int fd) throws RingException {
        int copy = k.open("/proc/self/fd/" + fd, false, true);
        check(copy, "open the unnamed file again");
        return copy;
    }

    private static void check(int rc, String what) throws RingException {
        if (rc < 0) {
            throw RingException.system(what, -rc);
        }
    }
}
