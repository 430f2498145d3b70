"""dump: what a ring says, read from a copy of its memory by the offsets of docs/spec/layout-v1.md."""

from __future__ import annotations

import struct
from typing import Callable, List, Optional, Tuple

Say = Callable[[str], None]

KIND_BYTES, SPSC, MPMC, MPSC, ORDERED, BROADCAST = 1, 1, 2, 3, 4, 5
COMMITTED, PAD, LENGTH = 1 << 32, 1 << 33, (1 << 32) - 1
CAST_PAD, CAST_LENGTH = 1 << 31, (1 << 31) - 1
FEATURES_THAT_WAIT = 256 | 512  # BLOCK and DROP


class Image:
    """The memory of a ring, and where things lie in it."""

    def __init__(self, memory: bytes) -> None:
        self.memory = memory
        self.capacity: int
        (self.major, self.minor, _, self.kind, self.topology, self.stride) = struct.unpack_from("<6I", memory, 8)
        (self.required, self.optional, self.total, self.capacity) = struct.unpack_from("<4Q", memory, 32)
        (self.slot_size, self.slot_stride, self.slot_payload, self.max_message) = struct.unpack_from("<4I", memory, 64)
        (self.fingerprint, self.producer_area, self.consumer_area, self.shared_area, self.table, self.members, self.data_area,
         self.data_size, self.lock_base) = struct.unpack_from("<9Q", memory, 80)
        (self.created, self.creator) = struct.unpack_from("<2Q", memory, 168)
        self.element = memory[184:248].split(b"\0")[0].decode(errors="replace")
        self.checksum = self.word(248)

    def word(self, at: int) -> int:
        return int.from_bytes(self.memory[at:at + 8], "little")

    def words(self, at: int, n: int) -> Tuple[int, ...]:
        return struct.unpack_from(f"<{n}Q", self.memory, at)

    def half(self, at: int) -> int:
        return int.from_bytes(self.memory[at:at + 4], "little")

    def tail(self) -> int:
        return self.word(self.producer_area)

    def head(self) -> int:
        return self.word(self.consumer_area)


def drained(memory: bytes) -> bool:
    """Whether all that was claimed was received, in a ring where positions are drawn."""
    m = Image(memory)
    return m.tail() == m.head()


def sharp(n: int) -> str:
    return hex(n) if n else "0"


def payload(m: Image, at: int, n: int) -> str:
    return f"length={n} payload={m.memory[at:at + n].hex()}"


def header(m: Image, say: Say) -> None:
    say(f"header version={m.major}.{m.minor} kind={m.kind} topology={m.topology} stride={m.stride} required={sharp(m.required)} "
        f"optional={sharp(m.optional)} total={m.total} capacity={m.capacity}")
    say(f"header slot_size={m.slot_size} slot_stride={m.slot_stride} slot_payload={m.slot_payload} max_message={m.max_message} "
        f'fingerprint={sharp(m.fingerprint)} element="{m.element}"')
    say(f"header producer_area={m.producer_area} consumer_area={m.consumer_area} shared_area={m.shared_area} data_area={m.data_area} "
        f"data_size={m.data_size} lock_base={m.lock_base}")
    say(f"header created_ns={m.created} creator_pid={m.creator} checksum={sharp(m.checksum)}")


def side(m: Image, name: str, area: int, say: Say) -> None:
    position, messages, number = m.words(area, 3)
    seq, arm, end = area + m.stride, area + 2 * m.stride, area + 3 * m.stride
    session, closed, drained, state = struct.unpack_from("<4I", m.memory, end)
    say(f"{name} position={position} messages={messages} bytes={number} seq={m.half(seq)} wakes={m.word(seq + 8)} arm={sharp(m.word(arm))} "
        f"parks={m.word(arm + 8)} session={session} closed={closed} drained={drained} state={state} pid={m.word(end + 16)}")


def entries(m: Image) -> List[int]:
    """Entries of the endpoint table that were ever held."""
    return [i for i in range(m.members) if m.half(m.table + (2 * i + 1) * m.stride)]


def table(m: Image, say: Say) -> None:
    say(f"header endpoint_table={m.table} endpoint_count={m.members}")
    for i in entries(m):
        line = m.table + 2 * i * m.stride
        holder = line + m.stride
        intent, sent, sent_bytes, received, received_bytes, drawn, base, skipped = m.words(line, 8)
        say(f"entry {i} role={m.half(holder)} state={m.half(holder + 4)} tag={m.word(holder + 48)} intent={sharp(intent)} "
            f"sent={sent}/{sent_bytes} received={received}/{received_bytes} drawn={drawn} base={base} skipped={skipped}")


def tickets(m: Image, say: Say) -> int:
    for t in range(m.head(), m.tail()):
        at = m.data_area + t % m.capacity * m.slot_stride
        word, lap = m.word(at), t // m.capacity << 8
        if word == lap:
            say(f"claimed at={t}")
        elif word == lap | 2:
            say(f"skip at={t}")
        elif word == lap | 1:
            n = min(m.word(at + 8), m.max_message) if m.slot_payload == 16 else m.max_message
            say(f"message at={t} {payload(m, at + m.slot_payload, n)}")
        else:
            say(f"corrupt word {sharp(word)} at {t}")
            return 1
    say(f"end at={m.tail()}")
    return 0


def records(m: Image, data: int, head: int, lane: str, say: Say) -> int:
    """Records of one producer, from the consumer's position up to the first that is not committed."""
    pos = head
    while pos - head < m.capacity:
        at = data + pos % m.capacity
        word, rest = m.word(at), m.capacity - pos % m.capacity
        if word == 0:
            break
        n = word & LENGTH
        need = 8 + (n + 7) // 8 * 8
        if word & ~(LENGTH | PAD) != COMMITTED or need > rest or (word & PAD and need != rest):
            say(f"corrupt{lane} header {sharp(word)} at {pos}")
            return 1
        say(f"pad{lane} at={pos} length={n}" if word & PAD else f"message{lane} at={pos} {payload(m, at + 8, n)}")
        pos += need
    say(f"end{lane} at={pos}")
    return 0


def slots(m: Image, data: int, head: int, lane: str, say: Say) -> int:
    pos = head
    while pos - head < m.capacity:
        at = data + pos % m.capacity * m.slot_stride
        if m.word(at) != pos // m.capacity << 8 | 1:
            break
        say(f"message{lane} at={pos} {payload(m, at + 8, m.slot_size)}")
        pos += 1
    say(f"end{lane} at={pos}")
    return 0


def ordered(m: Image, say: Say) -> int:
    granules = m.capacity // 64
    words = m.data_area - -(-granules * 8 // 4096) * 4096
    p, tail = m.head(), m.tail()
    while p < tail:
        index = p % granules
        word, lap = m.word(words + index * 8), p - index
        at = m.data_area + index * 64
        length, span = m.half(at), m.half(at + 4)
        if word == lap | 1 and length <= m.max_message and (length + 8 + 63) // 64 <= span <= granules - index:
            say(f"message at={p} span={span} {payload(m, at + 8, length)}")
        elif word == lap | 2:
            say(f"skip at={p}")
            span = 1
        elif word == lap | 3 and index:
            span = granules - index
            say(f"pad at={p} span={span}")
        elif word == 0 or (word % granules in (1, 2, 3) and word - word % granules < lap):
            say(f"claimed at={p}")
            span = 1
        else:
            say(f"corrupt word {sharp(word)} at {p}")
            return 1
        p += span
    say(f"end at={p}")
    return 0


def lanes(m: Image, say: Say) -> int:
    bad = 0
    area = -(-m.members * m.stride // 4096) * 4096
    producers = m.data_area - 2 * area
    for i in entries(m):
        tail = m.word(producers + i * m.stride)
        head, messages, number = m.words(producers + area + i * m.stride, 3)
        lane = f" lane={i}"
        say(f"cursor{lane} tail={tail} head={head} messages={messages} bytes={number}")
        data = m.data_area + i * (-(-m.data_size // 4096) * 4096)
        bad |= (records if m.kind == KIND_BYTES else slots)(m, data, head, lane, say)
    return bad


def first(m: Image, latest: int, intent: int) -> Optional[int]:
    """The place where a consumer with a backlog starts; None: there is nothing."""
    tail = m.tail()
    if latest >= tail:
        return None
    lap = tail // m.capacity * m.capacity
    if not m.required & FEATURES_THAT_WAIT and lap < latest and 0 <= intent - lap <= m.capacity:
        return lap
    return latest


def broadcast(m: Image, say: Say) -> int:
    latest, dropped = m.words(m.producer_area + 24, 2)
    intent = m.word(m.producer_area + 3 * m.stride + 56)
    say(f"broadcast latest={latest} intent={intent} dropped={dropped}")
    tail, start = m.tail(), first(m, latest, intent)
    pos = tail if start is None else start
    while pos < tail:
        at = m.data_area + pos % m.capacity
        word = m.word(at)
        n, label = word & CAST_LENGTH, word >> 32
        need = 8 + (n + 7) // 8 * 8
        if need > m.capacity - pos % m.capacity or need > tail - pos:
            say(f"corrupt header {sharp(word)} at {pos}")
            return 1
        say(f"pad at={pos} number={label} length={n}" if word & CAST_PAD else f"message at={pos} number={label} {payload(m, at + 8, n)}")
        pos += need
    say(f"end at={pos}")
    return 0


def dump(memory: bytes, say: Say) -> int:
    m = Image(memory)
    header(m, say)
    side(m, "producer", m.producer_area, say)
    side(m, "consumer", m.consumer_area, say)
    if m.members:
        table(m, say)
    if m.topology == MPMC:
        return tickets(m, say)
    if m.topology == MPSC:
        return lanes(m, say)
    if m.topology == ORDERED:
        return ordered(m, say)
    if m.topology == BROADCAST:
        return broadcast(m, say)
    return (records if m.kind == KIND_BYTES else slots)(m, m.data_area, m.head(), "", say)
