"""Exceptions, one class for each code of the C library; their texts are its texts."""

from __future__ import annotations

from typing import ClassVar, Dict, Optional, Type

from . import _annulus


class Error(Exception):
    """Any error of a ring. str() is one line: the text of the code, and what was found."""

    code: ClassVar[int] = 0
    text: ClassVar[str] = ""

    def __init_subclass__(cls, code: Optional[str] = None) -> None:
        if code is None:  # a class of a user's, below one of these
            return
        cls.code = _annulus.codes[code]
        cls.text = _annulus.strerror(cls.code)
        cls.__module__ = "annulus"
        _by_code[cls.code] = cls


_by_code: Dict[int, Type[Error]] = {}


# Ordinary answers.

class Full(Error, code="FULL"):
    """The message does not fit now."""


class Empty(Error, code="EMPTY"):
    """Nothing to receive now."""


class End(Error, EOFError, code="END"):
    """The producer has closed and all is received."""


class Timeout(Error, TimeoutError, code="TIMEOUT"):
    """The time allowed for waiting is over."""


class Cancelled(Error, code="CANCELLED"):
    """cancel was called."""


class Overrun(Error, code="OVERRUN"):
    """Broadcast: messages were overwritten before they were received. The next call goes on with the latest."""


# Mistakes of the caller; nothing has happened.

class TooLarge(Error, ValueError, code="TOO_LARGE"):
    """Longer than the ring's greatest message."""


class TooSmall(Error, ValueError, code="TOO_SMALL"):
    """The buffer is too small; the message stays."""


class WrongSize(Error, ValueError, code="SIZE"):
    """Not of the slot size."""


class Reserved(Error, code="RESERVED"):
    """A reservation is open: commit, stage or abort it."""


class NotReserved(Error, code="NOT_RESERVED"):
    """The reservation was settled."""


class Invalid(Error, ValueError, code="INVALID"):
    """An argument makes no sense, or what was called is closed or in use."""


class Held(Error, code="HELD"):
    """Release what was peeked first."""


# The peer.

class Closed(Error, BrokenPipeError, code="CLOSED"):
    """The consumer wants no more."""


class Attached(Error, code="ATTACHED"):
    """The role is held by a live endpoint, or all places are taken."""


class Removed(Error, code="REMOVED"):
    """The ring has no name any more and no peer."""


class Corrupt(Error, code="CORRUPT"):
    """Memory holds what no correct peer writes; close."""


class Lost(Error, code="LOST"):
    """The file under the ring was cut; close."""


# Headers that are refused.

class ShortFile(Error, code="SHORT"):
    """The file is shorter than the ring in it."""


class NotRing(Error, code="NOT_RING"):
    """Other bytes than a ring's."""


class Endian(Error, code="ENDIAN"):
    """A ring of the other byte order."""


class NotReady(Error, code="NOT_READY"):
    """Its creator is at work, or died."""


class Version(Error, code="VERSION"):
    """Another major version."""


class Checksum(Error, code="CHECKSUM"):
    """A damaged header."""


class Feature(Error, code="FEATURE"):
    """It needs what is not known here."""


class Geometry(Error, ValueError, code="GEOMETRY"):
    """Impossible sizes."""


# The system.

class Exists(Error, FileExistsError, code="EXISTS"):
    """create: the name is taken."""


class NotFound(Error, FileNotFoundError, code="NOT_FOUND"):
    """open: there is none of that name."""


class Permission(Error, PermissionError, code="PERMISSION"):
    """Not allowed, or a file of another user."""


class NoSpace(Error, OSError, code="NO_SPACE"):
    """The file system is full."""


class Unsupported(Error, OSError, code="UNSUPPORTED"):
    """Not to be had here."""


class System(Error, OSError, code="SYSTEM"):
    """Another system call failed."""


_annulus._register(_by_code)
