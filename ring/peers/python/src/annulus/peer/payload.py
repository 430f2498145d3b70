"""Messages that a receiver can check. PROGRAM.md says how they are made."""

from __future__ import annotations

import struct
from typing import Optional

WORD = (1 << 64) - 1
REST = 12  # sequence and checksum


def mix(z: int) -> int:
    z = (z + 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & WORD
    return z ^ z >> 31


def checksum(rest: bytes) -> int:
    h = 0xCBF29CE484222325
    padded = rest + bytes(-len(rest) % 8)
    for word in struct.unpack(f"<{len(padded) // 8}Q", padded):
        h = ((h ^ word) * 0x100000001B3) & WORD
    return (h ^ h >> 32) & 0xFFFFFFFF


class Stream:
    """Messages of a seed, with sizes from least to most."""

    def __init__(self, seed: int, least: int, most: int) -> None:
        self.seed, self.least, self.most = seed, least, most

    def length(self, seq: int) -> int:
        return self.least + mix((self.seed + seq) & WORD) % (self.most - self.least + 1)

    def message(self, seq: int) -> bytes:
        n = self.length(seq)
        x = mix((self.seed + seq) & WORD) | 1
        words = []
        for _ in range(REST, n, 8):
            x ^= x << 13 & WORD
            x ^= x >> 7
            x ^= x << 17 & WORD
            words.append(x)
        rest = struct.pack(f"<{len(words)}Q", *words)[: max(n - REST, 0)]
        return (struct.pack("<QI", seq & WORD, checksum(rest)) + rest)[:n]

    def wrong(self, seq: int, message: bytes) -> Optional[str]:
        """What is wrong with bytes as message seq."""
        if len(message) != self.length(seq):
            return "length"
        head = struct.pack("<QI", seq & WORD, checksum(message[REST:]))[: len(message)]
        if message[:8] != head[:8]:
            return "sequence"
        return None if message[:REST] == head else "checksum"
