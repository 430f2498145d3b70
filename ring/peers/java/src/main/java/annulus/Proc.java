package annulus;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;

/** What people want to know of a holder or creator. */
final class Proc {
    private Proc() {}

    /** Nanoseconds since 1970. */
    static long now() {
        Instant t = Instant.now();
        return t.getEpochSecond() * 1_000_000_000L + t.getNano();
    }

    /** Field 22 of /proc/self/stat; the name before it may hold blanks and brackets. 0 where /proc does not tell. */
    static long startTime() {
        try {
            String stat = Files.readString(Path.of("/proc/self/stat"), java.nio.charset.StandardCharsets.ISO_8859_1);
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            return Long.parseLong(fields[22 - 3]);
        } catch (IOException | RuntimeException e) {
            return 0;
        }
    }

    /** The boot's number; zero where the kernel does not tell. */
    static byte[] bootId() {
        byte[] id = new byte[16];
        try {
            String text = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).replace("-", "").trim();
            for (int i = 0; i < id.length; i++) {
                id[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
            }
        } catch (IOException | RuntimeException e) {
            return new byte[16];
        }
        return id;
    }
}
