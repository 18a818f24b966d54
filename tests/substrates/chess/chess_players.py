"""Engines of a few lines, honest and hostile, and a bench without a sandbox for those that are harmless."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from substrates.chess.engine import Contestant
from substrates.chess.uci import Limit, Player, Talk, plain

__all__ = ["PlainBench", "alive", "argv_of", "contestant", "engine", "player", "scripted"]

_TALK = """
import os, sys, time
out = sys.stdout.buffer

def say(line):
    out.write(line.encode() + b"\\n")
    out.flush()

n = 0
for line in sys.stdin:
    words = line.split()
    if words[0] == "uci":
        say("id name scripted")
        say("uciok")
    elif words[0] == "isready":
        say("readyok")
    elif words[0] == "position":
        position = line
    elif words[0] == "go":
        n += 1
        GO
"""


def engine(go: str, before: str = "") -> str:
    """A program that talks UCI and does `go` for the n-th move; `before` runs first."""
    return before + _TALK.replace("GO", go.strip().replace("\n", "\n        "))


def scripted(*moves: str) -> str:
    """It plays these, then 0000. In a second game it goes on where it was."""
    return engine(f"moves = {moves!r}\nsay('bestmove ' + (moves[n - 1] if n <= len(moves) else '0000'))")


def argv_of(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


@contextmanager
def player(code: str, name: str = "", shake: bool = True) -> Iterator[Player]:
    one = Player(plain(argv_of(code)), name)
    try:
        if shake:
            one.handshake({}, 30.0)
        yield one
    finally:
        one.close()


def contestant(name: str, code: str, patience: float = 10.0, trusted: bool = False) -> Contestant:
    return Contestant(name, argv_of(code), Limit(movetime=1, patience=patience), trusted=trusted)


class PlainBench:
    """As far as a match asks: a slot that is always there, programs that run as they are."""

    def __init__(self) -> None:
        self.started: list[Talk] = []

    @contextmanager
    def lease(self) -> Iterator[PlainBench]:
        yield self

    def start(self, argv: Sequence[str], *_: Any, **__: Any) -> Talk:
        self.started.append(plain(list(argv)))
        return self.started[-1]


def alive(token: str) -> list[str]:
    """Processes of this machine that were started with `token` among their words."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = entry.joinpath("cmdline").read_bytes()
            state = entry.joinpath("stat").read_text(errors="replace").rpartition(")")[2].split()[0]
        except OSError:
            continue
        if token.encode() in words and state != "Z":
            found.append(entry.name)
    return found
