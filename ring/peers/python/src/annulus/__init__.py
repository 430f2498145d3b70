"""Annulus rings: messages between processes and languages, through shared memory.

    with annulus.open_or_create("greetings") as ring, ring.producer() as out:
        out.send(b"hello from Python")

    with annulus.open("greetings") as ring, ring.consumer() as into:
        for message in into:
            print(message)

Timeouts are in seconds, None for ever. What goes wrong is an annulus.Error. One thread at a time uses
a producer or consumer; waits let other threads run, and Ctrl-C ends them.
"""

from __future__ import annotations

import os
from typing import Union

try:
    from ._annulus import Cell, CellReader, CellWriter, Consumer, Producer, Reservation, Ring
except ImportError as err:
    raise ImportError(
        f"annulus: its extension module is missing or does not fit this Python ({err}); Python has no atomic operations, "
        "so nothing can take its place. Build it for this Python: pip install ring/peers/python (it needs a C compiler and "
        "Python.h), or python3 ring/peers/python/build.py DIRECTORY"
    ) from err
from . import _annulus
from .errors import (
    Attached,
    Cancelled,
    Checksum,
    Closed,
    Corrupt,
    Empty,
    End,
    Endian,
    Error,
    Exists,
    Feature,
    Full,
    Geometry,
    Held,
    Invalid,
    Lost,
    NoSpace,
    NotFound,
    NotReady,
    NotReserved,
    NotRing,
    Overrun,
    Permission,
    Removed,
    Reserved,
    ShortFile,
    System,
    Timeout,
    TooLarge,
    TooSmall,
    Unsupported,
    Version,
    WrongSize,
)

__version__ = "1.0.0"

__all__ = [
    "open", "open_file", "open_fd", "create", "create_file", "open_or_create", "remove", "remove_file",
    "open_cell", "open_cell_file", "open_cell_fd", "create_cell", "create_cell_file", "Cell", "CellWriter", "CellReader", "Ring", "Producer", "Consumer", "Reservation",
    "Attached", "Cancelled", "Checksum", "Closed", "Corrupt", "Empty", "End", "Endian",
    "Error", "Exists", "Feature", "Full", "Geometry", "Held", "Invalid", "Lost",
    "NoSpace", "NotFound", "NotReady", "NotReserved", "NotRing", "Overrun", "Permission", "Removed",
    "Reserved", "ShortFile", "System", "Timeout", "TooLarge", "TooSmall", "Unsupported", "Version",
    "WrongSize",
]

Path = Union[str, "os.PathLike[str]"]

_kinds = {"": 0, "bytes": 1, "slots": 2}
_topologies = {"spsc": 1, "mpmc": 2, "mpsc": 3, "mpsc-ordered": 4, "broadcast": 5}
_overruns = {"overwrite": 0, "block": 1, "drop": 2}


def open(name: str) -> Ring:
    """Opens the ring of that name in POSIX shared memory."""
    return _annulus.open(name)


def open_file(path: Path, readonly: bool = False) -> Ring:
    """Opens the ring in a file. What is read-only can be asked, and gives consumers of broadcast rings that overwrite."""
    return _annulus.open_file(path, readonly)


def open_fd(fd: int, readonly: bool = False) -> Ring:
    """Opens the ring in an inherited or received descriptor, as of a memfd. The descriptor stays the caller's."""
    return _annulus.open_fd(fd, readonly)


def _create(path: Path, named: bool, kind: str, topology: str, capacity: int, slot_size: int, stride: int, members: int, fixed: bool,
            redeliver: bool, overrun: str, mode: int) -> Ring:
    def choice(what: str, word: str, all: dict[str, int]) -> int:
        if word not in all:
            raise ValueError(f"{what} is {word!r}, want one of {', '.join(repr(w) for w in all if w)}")
        return all[word]

    return _annulus.create(path, named, choice("kind", kind, _kinds), choice("topology", topology, _topologies), capacity, slot_size,
                           stride, members, fixed, redeliver, choice("overrun", overrun, _overruns), mode)


def create(name: str, *, kind: str = "", topology: str = "spsc", capacity: int = 0, slot_size: int = 0, stride: int = 0, members: int = 0,
           fixed: bool = False, redeliver: bool = False, overrun: str = "overwrite", mode: int = 0o600) -> Ring:
    """Makes a ring in POSIX shared memory, complete before it has its name. annulus.Exists if that is taken.

    kind        "bytes": records of any length; "slots": of one size. Default: bytes, in mpmc slots
    topology    "spsc", "mpmc", "mpsc", "mpsc-ordered" or "broadcast"
    capacity    bytes (1 MiB) or slots (4096), of each lane in mpsc; a power of two
    slot_size   slots: bytes of every message, or at most (mpmc)
    stride      bytes that keep two writers apart (128 on x86, else 64)
    members     endpoints that there can be at a time (64; mpsc: 8 producers)
    fixed       mpmc: every message has slot_size bytes
    redeliver   mpmc: what a dead consumer had in its hands goes to another
    overrun     broadcast: "overwrite", "block" or "drop" what somebody has not received
    mode        permission bits
    """
    return _create(name, True, kind, topology, capacity, slot_size, stride, members, fixed, redeliver, overrun, mode)


def create_file(path: Path, *, kind: str = "", topology: str = "spsc", capacity: int = 0, slot_size: int = 0, stride: int = 0,
                members: int = 0, fixed: bool = False, redeliver: bool = False, overrun: str = "overwrite", mode: int = 0o600) -> Ring:
    """create, in a file."""
    return _create(path, False, kind, topology, capacity, slot_size, stride, members, fixed, redeliver, overrun, mode)


def open_or_create(name: str, *, kind: str = "", topology: str = "spsc", capacity: int = 0, slot_size: int = 0, stride: int = 0,
                   members: int = 0, fixed: bool = False, redeliver: bool = False, overrun: str = "overwrite", mode: int = 0o600) -> Ring:
    """Makes the ring unless it is there; annulus.Invalid if that one is of another kind, topology, capacity or slot size."""
    while True:  # others may make and remove it meanwhile
        try:
            return _create(name, True, kind, topology, capacity, slot_size, stride, members, fixed, redeliver, overrun, mode)
        except Exists:
            pass
        try:
            ring = open(name)
        except NotFound:
            continue
        slots = kind == "slots" or (kind == "" and topology == "mpmc")
        wanted = {"topology": topology, "kind": "slots" if slots else "bytes", "capacity": capacity or (4096 if slots else 1 << 20),
                  "slot_size": slot_size}
        for field, want in wanted.items():
            found = getattr(ring, field)
            if found != want:
                ring.close()
                raise Invalid(f"{Invalid.text}: the ring that is there has {field} {found}, want {want}")
        return ring


def open_cell(name: str) -> Cell:
    """Opens the cell or block of that name in POSIX shared memory: the latest value of something."""
    return _annulus.open_cell(name)


def open_cell_file(path: Path, readonly: bool = False) -> Cell:
    """Opens the one in a file. What is read-only has no writer, and its readers look now and then."""
    return _annulus.open_cell_file(path, readonly)


def open_cell_fd(fd: int, readonly: bool = False) -> Cell:
    """Opens the one in an inherited or received descriptor."""
    return _annulus.open_cell_fd(fd, readonly)


def create_cell(name: str, size: int, *, block: bool = False) -> Cell:
    """Makes a cell whose versions have size bytes, or a block, whose versions have at most so many."""
    return _annulus.create_cell(name, True, size, block)


def create_cell_file(path: Path, size: int, *, block: bool = False) -> Cell:
    """create_cell, in a file."""
    return _annulus.create_cell(path, False, size, block)


def remove(name: str) -> bool:
    """Takes the name of a ring or cell away; False if there is none. Those who have it open go on."""
    if not name or "/" in name or name in (".", ".."):
        raise Invalid(f"{Invalid.text}: name {name}: want one without a slash")
    return remove_file("/dev/shm/" + name)


def remove_file(path: Path) -> bool:
    """Removes the file of a ring or cell; False if there is none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
