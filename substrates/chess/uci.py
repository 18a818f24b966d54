"""A talk with a UCI engine that may be hostile: every answer has a deadline and a size.

Not by python-chess's engine module: it waits for ever, takes any flood, and accepts moves that are none; what it does
better, rules and notation, is used in `game`.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from typing import Protocol, TypeVar

__all__ = ["Fault", "Info", "Limit", "Player", "Reply", "Talk", "plain"]

_MOST = 1 << 20
"""Bytes of one answer at most: some 5,000 lines, where an honest engine writes some tens."""

_PIECE = 1 << 16
_MATE = 100_000
"""Centipawns that stand for mate in 0; a mate in n is so much less."""


_T = TypeVar("_T")


class Fault(Exception):
    """The engine broke the rules of the talk. `kind`: late, crash, flood or protocol."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


@dataclass(frozen=True)
class Limit:
    """How long a move may take: `movetime` in ms, or `nodes` (for engines that are trusted to count). `patience`: the
    seconds after which the answer is late."""

    movetime: int | None = None
    nodes: int | None = None
    patience: float = 10.0

    @property
    def command(self) -> str:
        return f"go movetime {self.movetime}" if self.movetime is not None else f"go nodes {self.nodes}"


@dataclass(frozen=True)
class Info:
    """What it last claimed of its search; `score` in centipawns for the side to move. Claims, all of it."""

    depth: int = 0
    nodes: int = 0
    score: int | None = None


@dataclass(frozen=True)
class Reply:
    """`move`: the word after `bestmove`, whatever it is."""

    move: str
    seconds: float
    info: Info


class Spent(Protocol):
    """CPU seconds of a program that has ended, with all that it started."""

    @property
    def cpu_seconds(self) -> float: ...


class Talk(Protocol):
    """A program's pipes, and its end: `evolve.jobs.Running` of a program that talks, or a plain process."""

    @property
    def talk(self) -> tuple[FileIO, FileIO] | None: ...
    def stop(self) -> None: ...
    def result(self) -> Spent: ...


class Player:
    """One engine, from its handshake to its end. Raises Fault wherever it doesn't keep to the protocol."""

    def __init__(self, running: Talk, name: str = "") -> None:
        if running.talk is None:
            raise ValueError("the program was started without talks=True")
        self._running, self.name = running, name
        self._to, self._from = running.talk
        self._hears, self._answers = select.poll(), select.poll()
        self._hears.register(self._to, select.POLLOUT)
        self._answers.register(self._from, select.POLLIN | select.POLLHUP)
        self._heard: deque[bytes] = deque()
        self._begun = b""
        self._read = 0

    def handshake(self, options: Mapping[str, str | int], seconds: float) -> str:
        """`uci`, the options, and ready. Returns the name that it gives itself."""
        end, name = time.monotonic() + seconds, ""
        self._say("uci", end)
        for line in self._lines(end, "uciok after 'uci'"):
            if line.startswith("id name "):
                name = line[8:]
            if line == "uciok":
                break
        for option, value in options.items():
            self._say(f"setoption name {option} value {value}", end)
        self._ready(end)
        return name

    def new_game(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._say("ucinewgame", end)
        self._ready(end)

    def go(self, position: str, limit: Limit) -> Reply:
        """The best move for `position` (the arguments of the command `position`). The time counts from `go`."""
        began = time.monotonic()
        end = began + limit.patience
        self._say(f"position {position}\n{limit.command}", end)
        info = Info()
        for line in self._lines(end, "bestmove"):
            if line.startswith("info "):
                info = _read(line, info)
            elif line.startswith("bestmove"):
                words = line.split()
                return Reply(words[1] if len(words) > 1 else "", time.monotonic() - began, info)
        raise AssertionError  # `_lines` ends by a fault only

    def perft(self, position: str, depth: int, seconds: float) -> int:
        """Leaves of the tree of legal moves, as the engine counts them."""
        end = time.monotonic() + seconds
        self._say(f"position {position}\ngo perft {depth}", end)
        for line in self._lines(end, "'Nodes searched: N' after 'go perft'"):
            name, _, count = line.partition(":")
            counted = _number(count.strip(), None)
            if name.strip().lower() == "nodes searched" and counted is not None:
                return counted
        raise AssertionError

    def close(self) -> float:
        """Ends it with all that it started. Returns the CPU seconds of its life."""
        self._running.stop()
        for file in (self._to, self._from):
            file.close()
        return self._running.result().cpu_seconds

    def _ready(self, end: float) -> None:
        self._say("isready", end)
        for line in self._lines(end, "readyok after 'isready'"):
            if line == "readyok":
                return

    def _say(self, line: str, end: float) -> None:
        data = memoryview(f"{line}\n".encode())
        self._read = 0
        while data:
            try:
                data = data[self._to.write(data) or 0 :]
            except BrokenPipeError:
                raise Fault("crash", "it has ended") from None
            if data and not self._hears.poll(max(0.0, 1000 * (end - time.monotonic()))):
                raise Fault("late", "it does not read what it is told")

    def _lines(self, end: float, wanted: str) -> Iterator[str]:
        """Until the caller has what it wanted. Raises Fault at `end`, at the end of the program, and after too much."""
        while True:
            while self._heard:
                yield self._heard.popleft().decode("utf-8", "replace").strip()
            left = end - time.monotonic()
            if left <= 0 or not self._answers.poll(1000 * left):
                raise Fault("late", f"no {wanted} in time")
            piece = self._from.read(_PIECE)
            if piece == b"":
                raise Fault("crash", f"it ended instead of {wanted}")
            if piece:
                self._read += len(piece)
                # All lines of a piece at once: line by line, a flood of empty ones would cost its length squared.
                *heard, self._begun = (self._begun + piece).split(b"\n")
                self._heard.extend(heard)
            if self._read > _MOST:
                raise Fault("flood", f"more than {_MOST:,} bytes instead of {wanted}")


def _read(line: str, before: Info) -> Info:
    """An `info` line over what was known; what isn't a number is passed over."""
    words = line.split()
    if "string" in words:
        words = words[: words.index("string")]
    depth, nodes, score = before.depth, before.nodes, before.score
    for word, value, *more in zip(words[1:], words[2:], [*words[3:], ""], strict=False):
        if word == "depth":
            depth = _number(value, depth)
        elif word == "nodes":
            nodes = _number(value, nodes)
        elif word == "score" and value in ("cp", "mate"):
            said = _number(more[0], None)
            if said is not None:
                score = said if value == "cp" else (_MATE - min(abs(said), _MATE)) * (1 if said > 0 else -1)
    return Info(depth, nodes, score)


def _number(word: str, otherwise: _T) -> int | _T:
    digits = word.removeprefix("-")
    return int(word) if digits.isdecimal() and digits.isascii() and len(digits) < 16 else otherwise


def plain(argv: list[str]) -> Talk:
    """A program that is trusted, outside every sandbox (a referee): the same talk."""
    return _Plain(argv)


@dataclass(frozen=True)
class _Unknown:
    cpu_seconds: float = 0.0


class _Plain:
    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        pipes = self._process.stdin, self._process.stdout
        for pipe in pipes:
            os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]
        self.talk: tuple[FileIO, FileIO] | None = pipes  # type: ignore[assignment]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def result(self) -> _Unknown:
        return _Unknown()
