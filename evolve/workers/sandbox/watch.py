"""One trial under its clock: output, memory and processes, until it ends or must."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evolve.jobs import Limits
from evolve.workers.sandbox.kernel import resident, share_of, wait_readable

__all__ = ["EVERY", "INODES", "Caller", "Output", "Process", "Verdict", "explain", "members_excess", "watch"]

EVERY = 0.02
"""Seconds between looks at memory. A process fills some 2 GB/s (measured on one core), so 40 MB go unseen."""

INODES = 65_536
"""Files a trial may have: tmpfs takes about 1 KB of kernel memory for each, whatever its size."""

_CHUNK = 1 << 16


class Process(Protocol):
    """A started trial, of either kind."""

    exited: int
    """Readable once the program itself has ended."""

    def excess(self, limits: Limits) -> str:
        """What it has too much of, in words; empty where nothing."""


class Caller(Protocol):
    """Who asked for the trial."""

    descriptors: list[int]
    """Readable where there is something to hear."""

    def stops(self, ready: Sequence[int]) -> bool:
        """Is the trial to be stopped, by what was heard on those that are ready? Raises EOFError where nobody waits
        for it any more."""


@dataclass(frozen=True)
class Verdict:
    """Why watching ended: by itself (all false), late, too large (a reason), or stopped by who asked for it."""

    late: bool = False
    reason: str = ""
    stopped: bool = False


class Output:
    """What is kept of one pipe: its first `most` bytes and, beyond them, its last `tail`. Without a tail what is beyond
    moves to `nowhere` (/dev/null) inside the kernel, so that a flood costs little. Both files are the caller's."""

    def __init__(self, pipe: int, most: int, nowhere: int, tail: int = 0) -> None:
        self.pipe, self._most, self._nowhere, self._tail = pipe, most, nowhere, tail
        self._kept, self._last, self._lost = bytearray(), bytearray(), False
        os.set_blocking(pipe, False)

    def take(self) -> bool:
        """Take a piece of what is there; False where nothing will come any more, or is there now."""
        room = self._most - len(self._kept)
        try:
            if room <= 0 and not self._tail:
                return os.splice(self.pipe, self._nowhere, 1 << 20) > 0
            piece = os.read(self.pipe, _CHUNK if room <= 0 else min(room, _CHUNK))
        except BlockingIOError:
            return False
        if room > 0:
            self._kept += piece
        else:
            self._last += piece
            self._lost |= len(self._last) > self._tail
            del self._last[: -self._tail]
        return bool(piece)

    def finish(self) -> bytes:
        """The writers are dead: what the pipe still holds (never more than its own size), and what was kept."""
        end = time.monotonic() + 1.0
        while self.take() and time.monotonic() < end:
            pass
        return bytes(self._kept) + (b"\n[...]\n" if self._lost else b"") + bytes(self._last)


def watch(process: Process, outputs: list[Output], limits: Limits, started: float, caller: Caller) -> Verdict:
    """Until the program has ended, its clock has (`started` on `time.monotonic`), it has too much of something, or
    the caller stops it."""
    deadline = started + limits.seconds + limits.grace
    look = started + EVERY
    open_pipes = {output.pipe: output for output in outputs}
    while True:
        now = time.monotonic()
        if now >= deadline:
            return Verdict(late=True)
        if now >= look:
            reason = process.excess(limits)
            if reason:
                return Verdict(reason=reason)
            spent = time.monotonic() - now
            # Looks at many processes are dear: never more than a fifth of a core.
            look = now + max(EVERY, 5 * spent)
        ready = wait_readable(
            [process.exited, *caller.descriptors, *open_pipes], min(deadline, look) - time.monotonic()
        )
        for descriptor in ready:
            if descriptor in open_pipes and not open_pipes[descriptor].take():
                del open_pipes[descriptor]
        if process.exited in ready:
            return Verdict()
        if caller.stops(ready):
            return Verdict(stopped=True)


def members_excess(folder: int, pids: list[str], limits: Limits) -> str:
    """Too many processes, or too much memory of all together? `folder`: a /proc in which they are `pids`."""
    most = limits.memory_mb << 20
    if len(pids) > limits.processes:
        return f"killed: more than {limits.processes} processes"
    if sum(resident(folder, pid) for pid in pids) > most and sum(share_of(folder, pid) for pid in pids) > most:
        return f"killed: more than {limits.memory_mb} MB of memory"
    return ""


def explain(code: int, limits: Limits) -> str:
    """An exit code (-N for signal N) in a sentence; empty for 0."""
    if code >= 0:
        return f"exit code {code}" if code else ""
    if -code == signal.SIGXCPU:
        return f"killed: more than {limits.cpu_seconds:g} s of CPU in one process" if limits.cpu_seconds else "SIGXCPU"
    if -code == signal.SIGXFSZ:
        return f"killed: a file of more than {limits.file_mb} MB"
    try:
        return f"ended by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"ended by signal {-code}"
