"""The options of the program."""

from __future__ import annotations

from typing import List, Optional, Tuple

FLAGS = ("cut", "any", "hold", "announce", "mpmc", "fixed", "redeliver", "backlog", "readonly", "lossy", "resume")
NUMBERS = ("count", "start", "seed", "batch", "timeout", "checks", "die-after", "tag", "per-sender", "capacity", "members", "until", "warm")
WORDS = {
    "topology": ("spsc", "mpmc", "mpsc", "mpsc-ordered", "broadcast"),
    "kind": ("bytes", "slots", "value", "block"),
    "wait": ("spin", "futex", "semaphore"),
    "overrun": ("overwrite", "block", "drop"),
    "size": (),
}


class Usage(Exception):
    """A command line that means nothing."""


def number(option: str, value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise Usage(f"--{option} {value}: want a number")
    return int(value)


class Options:
    """What the options say, and the words that are none."""

    count: Optional[int] = None
    start = 0
    seed = 0
    batch = 1
    timeout: Optional[int] = None
    checks = 1
    die_after = 0
    tag = 0
    per_sender = 0
    capacity = 0
    members = 0
    until = 0
    warm = 0
    topology = "spsc"
    kind = ""
    wait = "futex"
    overrun = "overwrite"
    size: Optional[Tuple[int, int]] = None
    cut = any = hold = announce = mpmc = fixed = redeliver = backlog = readonly = lossy = resume = False

    def __init__(self, arguments: List[str]) -> None:
        self.words: List[str] = []
        rest = iter(arguments)
        for argument in rest:
            if not argument.startswith("--"):
                self.words.append(argument)
                continue
            name = argument[2:]
            if name in FLAGS:
                setattr(self, name, True)
                continue
            if name not in NUMBERS and name not in WORDS:
                raise Usage(f"{argument}: no such option")
            value = next(rest, None)
            if value is None:
                raise Usage(f"{argument}: its value is missing")
            setattr(self, name.replace("-", "_"), self._value(name, value))
        if self.mpmc:
            self.topology = "mpmc"
        if self.batch == 0 or (self.size and not self.size[0] <= self.size[1] < 1 << 31):
            raise Usage("--batch 0, or --size of less than nothing or more than a message")

    @staticmethod
    def _value(name: str, value: str) -> object:
        if name in NUMBERS:
            return number(name, value)
        if name == "size":
            least, colon, most = value.partition(":")
            return number(name, least), number(name, most if colon else least)
        if value not in WORDS[name]:
            raise Usage(f"--{name} {value}: want one of {' '.join(WORDS[name])}")
        return value

    @property
    def seconds(self) -> Optional[float]:
        return None if self.timeout is None else self.timeout / 1000
