package annulus;

import annulus.RingException.Kind;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** What tests say, without a library of tests. */
final class Check {
    private Check() {}

    /** What a test is, and what may throw. */
    interface Case {
        void run() throws Exception;
    }

    /** The tests of SelfTest by their names, each with a file name of its own. */
    static Map<String, Case> cases() {
        Map<String, Case> all = new LinkedHashMap<>();
        for (java.lang.reflect.Method m : SelfTest.class.getDeclaredMethods()) {
            if (m.getName().startsWith("test")) {
                all.put(m.getName(), () -> run(m));
            }
        }
        return all;
    }

    private static void run(java.lang.reflect.Method test) throws Exception {
        Path file = Files.createTempFile(Path.of("/dev/shm"), "annulus-java-", "");
        Files.delete(file);
        try {
            test.invoke(new SelfTest(file));
        } catch (java.lang.reflect.InvocationTargetException e) {
            throw new AssertionError(test.getName() + ": " + e.getCause(), e.getCause());
        } finally {
            Files.deleteIfExists(file);
        }
    }

    static void assertTrue(boolean what) {
        if (!what) {
            throw new AssertionError("expected true, found false");
        }
    }

    static void assertFalse(boolean what) {
        assertTrue(!what);
    }

    static void assertNull(Object what) {
        assertEquals(null, what);
    }

    static void assertEquals(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    static void assertArrayEquals(byte[] expected, byte[] found) {
        assertEquals(ByteBuffer.wrap(expected), ByteBuffer.wrap(found));
    }

    static <T extends Exception> T assertThrows(Class<T> type, Case c) {
        try {
            c.run();
        } catch (Exception e) {
            if (type.isInstance(e)) {
                return type.cast(e);
            }
            throw new AssertionError("expected " + type + ", found " + e, e);
        }
        throw new AssertionError("expected " + type + ", found nothing thrown");
    }

    static Kind kindOf(Case e) {
        return assertThrows(RingException.class, e).kind();
    }

    static byte[] bytes(int n, int value) {
        byte[] b = new byte[n];
        java.util.Arrays.fill(b, (byte) value);
        return b;
    }
}
