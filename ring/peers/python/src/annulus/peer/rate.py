"""The command rate: bare messages, for the speed of it."""

from __future__ import annotations

import time

import annulus

from . import common
from .common import Failed, say
from .options import Options, Usage


def send(ring: annulus.Ring, o: Options, count: int, size: int) -> None:
    common.doing = "attach"
    with ring.producer(o.wait) as out:
        if o.announce:
            say("attached")
        common.doing = "send"
        rest, put, seconds = bytes(size - 8), out.send, o.seconds
        for seq in range(o.warm + count):
            put(seq.to_bytes(8, "little") + rest, seconds)
    say(f"sent {count} ok")


def receive(into: annulus.Consumer, first: int, end: int, size: int, o: Options) -> None:
    """Receives messages up to number end, and checks their numbers."""
    take, seconds, seq = into.recv, o.seconds, first
    try:
        for seq in range(first, end):
            message = take(seconds)
            if len(message) != size or int.from_bytes(message[:8], "little") != seq:
                raise Failed(f"{annulus.Corrupt.text}: expected message {seq} of {size} bytes, found {message[:8].hex()} of {len(message)}")
    except annulus.End:
        raise Failed(f"end of stream after {seq} of {o.warm + (o.count or 1)}") from None


def recv(ring: annulus.Ring, o: Options, count: int, size: int) -> None:
    common.doing = "attach"
    with ring.consumer(o.wait) as into:
        if o.announce:
            say("attached")
        common.doing = "recv"
        receive(into, 0, o.warm, size, o)
        began = time.monotonic_ns()
        receive(into, o.warm, o.warm + count, size, o)
        ns = time.monotonic_ns() - began
    say(f"received {count} ns {ns}")


def run(ring: annulus.Ring, what: str, o: Options, size: int) -> None:
    if size < 8:
        raise Usage(f"--size {size}: want 8 at least")
    count = 1 if o.count is None else o.count
    send(ring, o, count, size) if what == "send" else recv(ring, o, count, size)
