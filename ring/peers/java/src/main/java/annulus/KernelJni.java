package annulus;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** System calls by the JNI library: the one that the property annulus.library names, or that in the jar. */
final class KernelJni extends Kernel {
    KernelJni() throws IOException {
        String named = System.getProperty("annulus.library");
        if (named != null) {
            System.load(Path.of(named).toAbsolutePath().toString());
            return;
        }
        String resource = "native/linux-" + System.getProperty("os.arch") + "/libannulus.so";
        try (InputStream in = KernelJni.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("Java " + Runtime.version().feature() + " and no " + resource + " beside these classes");
            }
            Path copy = Files.createTempFile("annulus-", ".so");
            try {
                Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
                System.load(copy.toString());
            } finally {
                Files.delete(copy); // what is loaded stays
            }
        }
    }

    private static native long syscall(long nr, long a, long b, long c, long d, long e, long f);

    private static native long addressOf(ByteBuffer direct);

    @Override
    long call(long nr, long a, long b, long c, long d, long e, long f) {
        return syscall(nr, a, b, c, d, e, f);
    }

    @Override
    long address(ByteBuffer direct) {
        return addressOf(direct);
    }
}
