package annulus;

import java.io.IOException;

/**
 * What goes wrong with a ring, other than by a mistake of the caller (those are {@link IllegalArgumentException} and {@link
 * IllegalStateException}). The message says in one line what was expected, what was found, what to do.
 */
public final class RingException extends IOException {
    private static final long serialVersionUID = 1;

    /** What it is; toString is the text that every Annulus program has for it. */
    public enum Kind {
        /** The consumer wants no more: sends fail. */
        CLOSED("closed by the consumer"),
        /** The time allowed for waiting is over. */
        TIMED_OUT("timed out"),
        /** cancel was called. */
        CANCELLED("cancelled"),
        /** A live endpoint holds the role, or all places are held. */
        ATTACHED("role already taken"),
        /** The ring has no name any more and no peer. */
        REMOVED("ring removed"),
        /** Memory holds what no correct peer writes. The endpoint is of no use any more: close it. */
        CORRUPT("ring corrupt"),
        /** The file under the ring was cut. The same. */
        LOST("memory lost"),
        /** Broadcast: the producer has overwritten what was not received yet. */
        OVERRUN("overrun"),
        /** The file is shorter than the ring in it. */
        SHORT("file shorter than the ring in it"),
        /** Other bytes than a ring's. */
        NOT_RING("not a ring"),
        /** A ring of the other byte order. */
        ENDIAN("ring of the other byte order"),
        /** Its creator is at work, or died. */
        NOT_READY("ring not initialised yet"),
        /** Another major version. */
        VERSION("ring of another layout version"),
        /** A damaged header. */
        CHECKSUM("ring header damaged"),
        /** It needs what this library does not know. */
        FEATURE("ring needs a feature unknown here"),
        /** Impossible sizes. */
        GEOMETRY("impossible ring geometry"),
        /** create: the name is taken. */
        EXISTS("name is taken"),
        /** open: there is none of that name. */
        NOT_FOUND("no such ring"),
        /** Not allowed, or a file of another user. */
        PERMISSION("permission denied"),
        /** The file system is full. */
        NO_SPACE("no space left"),
        /** Options that this ring does not go with. */
        INVALID("invalid argument"),
        /** Not to be had here. */
        UNSUPPORTED("not supported here"),
        /** Another system call failed. */
        SYSTEM("system call failed");

        private final String text;

        Kind(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /** What it is. */
    private final Kind kind;

    RingException(Kind kind, String detail) {
        super(detail == null ? kind.text : kind.text + ": " + detail);
        this.kind = kind;
    }

    /** What it is. */
    public Kind kind() {
        return kind;
    }

    /** The exception for what a system call has answered. */
    static RingException system(String what, int errno) {
        Kind kind = switch (errno) {
            case Kernel.ENOENT -> Kind.NOT_FOUND;
            case Kernel.EEXIST -> Kind.EXISTS;
            case Kernel.EACCES, Kernel.EPERM, Kernel.EROFS -> Kind.PERMISSION;
            case Kernel.ENOSPC, Kernel.EDQUOT -> Kind.NO_SPACE;
            case Kernel.EOPNOTSUPP -> Kind.UNSUPPORTED;
            default -> Kind.SYSTEM;
        };
        return new RingException(kind, what + ": " + Kernel.text(errno));
    }
}
