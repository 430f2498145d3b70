package annulus;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * System calls by java.lang.foreign, final since Java 22. By reflection, so that Java 17 can compile it; what reflection finds
 * are method handles, which cost nothing more afterwards.
 */
final class KernelForeign extends Kernel {
    private static final String PACKAGE = "java.lang.foreign.";

    /** Where a call leaves errno: a direct buffer and the segment over it. */
    private static final class Errno {
        final ByteBuffer value = ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder());
        final Object segment;

        Errno() {
            try {
                segment = Handles.OF_BUFFER.invoke((java.nio.Buffer) value);
            } catch (Throwable e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static final ThreadLocal<Errno> ERRNO = ThreadLocal.withInitial(Errno::new);

    /** Constants to the compiler. */
    private static final class Handles {
        static final MethodHandle SYSCALL, OF_BUFFER, ADDRESS;

        static {
            try {
                Class<?> linkerType = Class.forName(PACKAGE + "Linker"), segment = Class.forName(PACKAGE + "MemorySegment"),
                        option = Class.forName(PACKAGE + "Linker$Option"), layout = Class.forName(PACKAGE + "MemoryLayout"),
                        descriptor = Class.forName(PACKAGE + "FunctionDescriptor"), lookup = Class.forName(PACKAGE + "SymbolLookup");
                Object word = Class.forName(PACKAGE + "ValueLayout").getField("JAVA_LONG").get(null);
                Object linker = linkerType.getMethod("nativeLinker").invoke(null);
                Object symbols = linkerType.getMethod("defaultLookup").invoke(linker);
                Object syscall = ((Optional<?>) lookup.getMethod("find", String.class).invoke(symbols, "syscall"))
                        .orElseThrow(() -> new IllegalStateException("a C library without syscall"));
                Object words = Array.newInstance(layout, 7);
                for (int i = 0; i < 7; i++) {
                    Array.set(words, i, word);
                }
                Object signature = descriptor.getMethod("of", layout, words.getClass()).invoke(null, word, words);
                Object options = Array.newInstance(option, 2);
                Array.set(options, 0, option.getMethod("firstVariadicArg", int.class).invoke(null, 1));
                Array.set(options, 1, option.getMethod("captureCallState", String[].class).invoke(null, (Object) new String[] {"errno"}));
                MethodHandle call = (MethodHandle) linkerType.getMethod("downcallHandle", segment, descriptor, options.getClass())
                        .invoke(linker, syscall, signature, options);
                SYSCALL = call.asType(call.type().changeParameterType(0, Object.class));
                MethodHandles.Lookup here = MethodHandles.lookup();
                OF_BUFFER = here.findStatic(segment, "ofBuffer", MethodType.methodType(segment, java.nio.Buffer.class))
                        .asType(MethodType.methodType(Object.class, java.nio.Buffer.class));
                ADDRESS = here.findVirtual(segment, "address", MethodType.methodType(long.class))
                        .asType(MethodType.methodType(long.class, Object.class));
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("java.lang.foreign: " + e, e);
            }
        }
    }

    KernelForeign() {
        ERRNO.get(); // what is missing shows now
    }

    @Override
    long call(long nr, long a, long b, long c, long d, long e, long f) {
        Errno errno = ERRNO.get();
        try {
            long rc = (long) Handles.SYSCALL.invokeExact(errno.segment, nr, a, b, c, d, e, f);
            return rc == -1 ? -errno.value.getInt(0) : rc;
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    @Override
    long address(ByteBuffer direct) {
        try {
            Object segment = (Object) Handles.OF_BUFFER.invokeExact((java.nio.Buffer) direct);
            return (long) Handles.ADDRESS.invokeExact(segment);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }
}
