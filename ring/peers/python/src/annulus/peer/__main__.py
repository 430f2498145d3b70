"""The commands of the program. ../../../PROGRAM.md says what they do."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Dict, List, NoReturn, Optional

import annulus

from . import cells, common, rate
from .common import Failed, say, wait_for_end
from .options import Options, Usage, number
from .payload import REST, WORD, Stream, mix

def open_ring(name: str, readonly: bool) -> annulus.Ring:
    if name.startswith("fd:"):
        return annulus.open_fd(number("fd", name[3:]), readonly)
    if "/" in name or readonly:
        return annulus.open_file(name if "/" in name else "/dev/shm/" + name, readonly)
    return annulus.open(name)


def die(ring: annulus.Ring, out: Optional[annulus.Producer], o: Options, stream: Stream) -> NoReturn:
    """Goes without a word, in the middle of things if it was told to."""
    rooms: List[annulus.Reservation] = []
    if out is not None and o.cut:
        if ring.topology in ("mpmc", "mpsc-ordered"):  # a full ring would not take the claims
            from .dump import drained

            while not drained(ring.snapshot()):
                time.sleep(0)
        for i in range(o.batch):
            room = out.try_reserve(stream.least)
            if room is None:
                break
            room.view[:] = b"\xee" * stream.least
            if i + 1 < o.batch:
                room.stage()
            rooms.append(room)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("alive")


def run_send(ring: annulus.Ring, o: Options, stream: Stream) -> None:
    common.doing = "attach"
    count = 1 if o.count is None else o.count
    with ring.producer(o.wait, tag=o.tag) as out:
        if o.announce:
            say("attached")
        if o.tag:
            say(f"committed {out.committed}")
        common.doing = "send"
        first = o.start + (out.committed if o.resume else 0)
        for i in range(count):
            message = stream.message(first + i)
            if o.batch == 1:
                out.send(message, o.seconds)
            else:
                room = out.reserve(len(message), o.seconds)
                room.view[:] = message
                room.stage()
            if (i + 1) % o.batch == 0 or i + 1 == count or i + 1 == o.die_after:
                out.publish()
            if i + 1 == o.die_after:
                die(ring, out, o, stream)
    say(f"sent {count} ok")


class Receiver:
    """Checks messages and counts them."""

    def __init__(self, o: Options, stream: Stream) -> None:
        self.o, self.stream = o, stream
        self.done = self.mix = self.redelivered = self.lost = 0
        self.next: Dict[int, int] = {}  # of each sender

    def check(self, message: bytes, redelivered: int) -> None:
        o = self.o
        seq = o.start + self.done + self.lost
        if o.any and len(message) >= REST:
            seq = int.from_bytes(message[:8], "little")
            self.mix = (self.mix + mix(seq)) & WORD
            self.redelivered += redelivered > 0
        if o.per_sender:
            sender = seq // o.per_sender
            if seq != self.next.get(sender, sender * o.per_sender):
                raise Failed(f"message {seq}: out of order")
            self.next[sender] = seq + 1
        for _ in range(o.checks):
            wrong = self.stream.wrong(seq, message)
            if wrong:
                raise Failed(f"message {seq} of {len(message)} bytes: wrong {wrong}")
        self.done += 1
        if o.hold:
            say(f"held {seq}")
            wait_for_end()

    def receive(self, ring: annulus.Ring, into: annulus.Consumer) -> None:
        """Receives one message, or a batch."""
        o = self.o
        if o.batch == 1 and not o.die_after and not o.hold:
            message = into.recv(o.seconds)
            self.lost = into.missed
            self.check(message, into.redelivered)
            return
        most = o.batch
        if o.count is not None:
            most = min(most, o.count - self.done)
        if o.die_after > self.done:
            most = min(most, o.die_after - self.done)
        for view in into.peek_batch(most, o.seconds):
            self.lost = into.missed
            self.check(bytes(view), into.redelivered)
            if self.done == o.die_after:
                die(ring, None, o, self.stream)
        into.release()


def run_recv(ring: annulus.Ring, o: Options, stream: Stream) -> None:
    common.doing = "attach"
    got = Receiver(o, stream)
    with ring.consumer(o.wait, backlog=o.backlog, lossy=o.lossy) as into:
        if o.announce:
            say("attached")
        common.doing = "recv"
        count = 1 if o.hold else o.count
        try:
            while count is None or got.done < count:
                got.receive(ring, into)
        except annulus.End:
            if o.count is not None:
                raise Failed(f"end of stream after {got.done} of {o.count}") from None
    line = f"received {got.done} ok"
    if o.any:
        line += f" mix {got.mix} redelivered {got.redelivered}"
    if o.lossy:
        line += f" lost {got.lost}"
    say(line)


def run_hold(ring: annulus.Ring, role: str, o: Options) -> None:
    common.doing = "attach"
    with ring.producer(o.wait) if role == "producer" else ring.consumer(o.wait):
        say("attached")
        wait_for_end()


def run_cat(ring: annulus.Ring, o: Options) -> None:
    common.doing = "attach"
    with ring.consumer(o.wait, backlog=o.backlog) as into:
        common.doing = "cat"
        left = o.count
        while left is None or left > 0:
            try:
                message = into.recv(10)
            except annulus.Overrun:
                say(f"lost {into.missed}")
                continue
            line = f"message length={len(message)} payload={message.hex()}"
            say(line + (f" redelivered={into.redelivered}" if into.redelivered else ""))
            left = left and left - 1
        try:
            more = into.try_recv()
        except annulus.End:
            say("end")
        else:
            say("empty" if more is None else "more")


def run_vector(ring: annulus.Ring) -> None:
    """Does to a new ring what vectors/README.md tells of mpmc-claims.bin, and leaves its endpoints as they are."""
    producers = [ring.producer() for _ in range(2)]
    consumers = [ring.consumer() for _ in range(2)]

    def text(i: int) -> bytes:
        return bytes([ord("a") + i]) * (3 * i % 25)

    def reserve(out: annulus.Producer, i: int) -> annulus.Reservation:
        room = out.reserve(len(text(i)), 0)
        room.view[:] = text(i)
        return room

    for i in range(8):
        producers[0].send(text(i), 0)
    for _ in range(6):
        consumers[0].recv(0)
    reserve(producers[0], 8).abort()
    reserve(producers[1], 9).stage()
    reserve(producers[1], 10).stage()
    producers[1].publish()
    opened = reserve(producers[1], 11)
    producers[0].send(text(12), 0)
    consumers[1].peek(0)
    consumers[1].peek(0)
    say("made")
    os._exit(0 if opened else 1)


COMMANDS = ("create", "send", "recv", "check", "dump", "cat", "vector")


def run(arguments: List[str]) -> int:
    o = Options(arguments)
    words = o.words
    if len(words) == 3 and words[0] == "cell" and words[1] in cells.COMMANDS:
        return cells.run(words[1], words[2], o)
    hold = len(words) == 3 and words[0] == "hold" and words[1] in ("producer", "consumer")
    rates = len(words) == 3 and words[0] == "rate" and words[1] in ("send", "recv")
    if not hold and not rates and (len(words) != 2 or words[0] not in COMMANDS):
        raise Usage(f"usage: annulus.peer {'|'.join(COMMANDS)} NAME [options] | annulus.peer hold producer|consumer NAME | "
                    f"annulus.peer rate send|recv NAME --size N [options] | "
                    f"annulus.peer cell {'|'.join(cells.COMMANDS)} NAME [options]")
    command, name = words[0], words[-1]
    if o.kind in ("value", "block"):
        raise Usage(f"--kind {o.kind}: want one of bytes slots")
    size = o.size or (12, 1024)
    if command == "create":
        common.doing = "create"
        slots = o.kind == "slots" or o.topology == "mpmc"
        make = annulus.create_file if "/" in name else annulus.create
        make(name, kind=o.kind, topology=o.topology, capacity=o.capacity, slot_size=size[1] if slots else 0, members=o.members,
             fixed=o.fixed, redeliver=o.redeliver, overrun=o.overrun).close()
        say("created")
        return 0
    with open_ring(name, o.readonly or command == "dump") as ring:
        if o.kind and o.kind != ring.kind:
            raise annulus.Invalid(f"{annulus.Invalid.text}: a ring of the other kind")
        if ring.kind == "slots" and o.size is None:
            size = (ring.slot_size, ring.slot_size)
        stream = Stream(o.seed, *size)
        if command == "send":
            run_send(ring, o, stream)
        elif command == "recv":
            run_recv(ring, o, stream)
        elif command == "hold":
            run_hold(ring, words[1], o)
        elif command == "cat":
            run_cat(ring, o)
        elif command == "vector":
            run_vector(ring)
        elif command == "rate":
            rate.run(ring, words[1], o, stream.most)
        elif command == "dump":
            from .dump import dump

            return dump(ring.snapshot(), say)
        else:
            say("ok")
    return 0


def main() -> int:
    try:
        return run(sys.argv[1:])
    except Usage as e:
        print(e, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{common.doing}: interrupted", file=sys.stderr)
        return 1
    except (annulus.Error, Failed, OSError) as e:
        print(f"{common.doing}: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
