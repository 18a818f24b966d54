"""What the judge and the process with the genome tell each other: two small files, each written by one side.

Read and written, never mapped: a file that the other side shortens must not end the reader. Each field is 8 bytes, so
that it is read whole. Whatever the child says is a claim.
"""

from __future__ import annotations

import math
import os
import struct
from enum import IntEnum
from pathlib import Path

__all__ = ["HEAD", "MOST", "POINT", "POINTS", "Ask", "Board", "Say", "State"]

_FIELD = struct.Struct("<d")
HEAD = 4096
"""Bytes of a board before its payload (tokens one way, logits the other), each of two areas of equal size."""

MOST = 2.0**53
"""The largest count that a field holds exactly."""

POINT = struct.Struct("<3d")
POINTS = 512
"""The curve of a training, in the payload of what the child says: seconds, step, loss in nats per token."""


class State(IntEnum):
    loading = 0
    booted = 3  # torch is there, and nothing of the genome yet
    ready = 1  # loaded and compiled: the clock may start
    done = 2


class Ask(IntEnum):
    """By the judge. `load`: above 0 once a training may load its genome. `go`: time.monotonic() at which the clock
    started, 0 before; `bell`: at which it ends."""

    go = 0
    bell = 1
    request = 2  # how many requests were written so far
    rows = 3  # of the request in area 0, then of that in area 1
    rows_1 = 4
    load = 5


class Say(IntEnum):
    """By the child. `saves`: how many times weights were written whole; the last lie in file `(saves - 1) % 2`."""

    state = 0
    saves = 1
    saved_steps = 2
    saved_tokens = 3
    saved_bytes = 4  # of the weights in file 0
    steps = 5
    tokens = 6
    parameters = 7
    peak_mb = 8
    answered = 9
    flops = 10  # of one token, forward and backward
    saving = 11  # seconds that saving took, of all
    saved_bytes_1 = 12  # of the weights in file 1


class Board:
    """One side's file. `make` lays it out, the other side opens it."""

    def __init__(self, file: int) -> None:
        self._file = file

    @classmethod
    def make(cls, path: Path, payload: int = 0) -> Board:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        # Reserved, not only long: where others fill the memory, neither side's writing may fail.
        os.posix_fallocate(file, 0, HEAD + payload)
        return cls(file)

    @classmethod
    def open(cls, path: Path | str, *, write: bool = False) -> Board:
        return cls(os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC))

    def get(self, field: IntEnum) -> float:
        """A field; 0 where it is no number, or not there."""
        data = os.pread(self._file, 8, 8 * field)
        value: float = _FIELD.unpack(data)[0] if len(data) == 8 else 0.0
        return value if math.isfinite(value) else 0.0

    def amount(self, field: IntEnum) -> float:
        """A field that measures: 0 or more and no larger than an exact count, whatever was written there."""
        return min(max(self.get(field), 0.0), MOST)

    def count(self, field: IntEnum) -> int:
        """A field that counts."""
        return int(self.amount(field))

    def set(self, field: IntEnum, value: float) -> None:
        os.pwrite(self._file, _FIELD.pack(value), 8 * field)

    def take(self, offset: int, size: int) -> bytes:
        """Of the payload; fewer bytes where the file is shorter."""
        pieces, at = [], HEAD + offset
        while size > 0 and (piece := os.pread(self._file, min(size, 1 << 30), at)):
            pieces.append(piece)
            at, size = at + len(piece), size - len(piece)
        return b"".join(pieces)

    def take_into(self, offset: int, into: memoryview) -> bool:
        """The same into bytes that are there already; False where the file is shorter."""
        at = HEAD + offset
        while into:
            got = os.preadv(self._file, [into[: 1 << 30]], at)
            if not got:
                return False
            into, at = into[got:], at + got
        return True

    def put(self, offset: int, data: bytes | memoryview) -> None:
        rest, at = memoryview(data).cast("B"), HEAD + offset
        while rest:
            wrote = os.pwrite(self._file, rest, at)
            rest, at = rest[wrote:], at + wrote

    def close(self) -> None:
        os.close(self._file)
