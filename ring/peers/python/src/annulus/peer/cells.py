"""cell: cells and blocks."""

from __future__ import annotations

import os
import signal
import struct

import annulus

from . import common
from .common import Failed, say
from .options import Options, number
from .payload import Stream

COMMANDS = ("create", "write", "read", "cat", "check", "dump")


def open_cell(name: str, readonly: bool) -> annulus.Cell:
    if name.startswith("fd:"):
        return annulus.open_cell_fd(number("fd", name[3:]), readonly)
    return annulus.open_cell_file(name if "/" in name else "/dev/shm/" + name, readonly)


def write(cell: annulus.Cell, o: Options, stream: Stream) -> None:
    common.doing = "attach"
    count = 1 if o.count is None else o.count
    with cell.writer() as writer:
        if o.announce:
            say("attached")
        common.doing = "cell"
        for i in range(1, count + 1):
            value = stream.message(writer.version + 1)
            if i % 2:
                writer.write(value)
            else:
                writer.begin()[: len(value)] = value
                writer.commit(len(value))
            if i == o.die_after:
                if o.cut:
                    writer.begin()[:] = b"\xee" * cell.size
                os.kill(os.getpid(), signal.SIGKILL)
        last = writer.version
    say(f"wrote {count} ok last {last}")


def read(cell: annulus.Cell, o: Options, stream: Stream) -> None:
    common.doing = "attach"
    reader = cell.reader(o.wait)
    if o.announce:
        say("attached")
    common.doing = "cell"
    reads, last, end = 0, 0, ""
    while last < o.until:
        try:
            value = reader.next(o.seconds)
        except annulus.End:
            end = " end"
            break
        wrong = "version" if reader.version <= last else stream.wrong(reader.version, value)
        if wrong:
            raise Failed(f"{annulus.Corrupt.text}: version {reader.version} of {len(value)} bytes: wrong {wrong}")
        last = reader.version
        reads += 1
    say(f"read {reads} ok last {last}{end}")


def cat(cell: annulus.Cell) -> None:
    common.doing = "cell"
    reader = cell.reader()
    value = reader.load() or b""
    say(f"value version={reader.version} length={len(value)} payload={value.hex()}")


def dump(memory: bytes) -> None:
    from .dump import sharp

    major, minor, _, kind, stride = struct.unpack_from("<5I", memory, 8)
    required, optional, total, size, copy_stride, fingerprint, readers, writers, data, lock_base = struct.unpack_from("<10Q", memory, 32)
    created, creator = struct.unpack_from("<2Q", memory, 128)
    element = memory[184:248].split(b"\0")[0].decode(errors="replace")
    checksum = int.from_bytes(memory[248:256], "little")
    say(f"cell version={major}.{minor} kind={kind} stride={stride} size={size} copy_stride={copy_stride} total={total} required={sharp(required)} "
        f'optional={sharp(optional)} fingerprint={sharp(fingerprint)} element="{element}"')
    say(f"cell reader_area={readers} writer_area={writers} data_area={data} lock_base={lock_base} created_ns={created} creator_pid={creator} "
        f"checksum={sharp(checksum)}")
    state, length0, length1 = struct.unpack_from("<3Q", memory, writers)
    seq, _, wakes = struct.unpack_from("<2IQ", memory, writers + stride)
    session, closed, _, attached, pid = struct.unpack_from("<4IQ", memory, writers + 3 * stride)
    arm, parks = struct.unpack_from("<2Q", memory, readers + 2 * stride)
    say(f"writer state={state} length0={length0} length1={length1} seq={seq} wakes={wakes} session={session} closed={closed} attached={attached} "
        f"pid={pid}")
    say(f"reader arm={sharp(arm)} parks={parks}")


def run(command: str, name: str, o: Options) -> int:
    if command == "create":
        common.doing = "create"
        make = annulus.create_cell_file if "/" in name else annulus.create_cell
        make(name, o.size[1] if o.size else 1024, block=o.kind == "block").close()
        say("created")
        return 0
    with open_cell(name, o.readonly or command == "dump") as cell:
        least, most = o.size or (min(12, cell.size) if cell.block else cell.size, cell.size)
        stream = Stream(o.seed, least, most)
        if command == "write":
            write(cell, o, stream)
        elif command == "read":
            read(cell, o, stream)
        elif command == "check":
            say("ok")
        else:
            if command == "dump":
                dump(cell.snapshot())
            cat(cell)
    return 0
