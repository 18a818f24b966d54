"""What a substrate asks of its bench: a slot, and a program under limits in the sandbox; and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, Unpack

if TYPE_CHECKING:
    from evolve.evidence import Outcome
    from evolve.substrate import Case

__all__ = ["Bench", "Given", "Limits", "Ran", "Running"]


@dataclass(frozen=True)
class Limits:
    """What a program may use. At `seconds + grace` on the wall its whole process tree is killed.

    `memory_mb` is of all its processes together (sampled), `processes` counts threads too, `scratch_mb` is the size
    of its folder (and once more of /tmp and of /dev/shm), `file_mb` of one file, `output_kb` what is kept of the
    beginning of each of stdout and stderr, `tail_kb` of its end beyond that (the rest is thrown away).
    `cpu_seconds`: of one process, in whole seconds; None: as many as the wall allows on all its cores. `children`: may
    it start other processes? Threads it may; bubblewrap's alone is held to it.
    """

    seconds: float
    grace: float = 0.5
    cpu_seconds: float | None = None
    memory_mb: int = 1024
    processes: int = 64
    children: bool = True
    file_mb: int = 64
    scratch_mb: int = 128
    output_kb: int = 256
    tail_kb: int = 0


@dataclass(frozen=True)
class Ran:
    """`status`: ok (exit code 0), crash (another, or a signal, or a limit), timeout (the clock killed it), stopped (who
    started it did).

    `code`: the exit code, -N for signal N, None where it was killed from outside. `reason`: one sentence where the
    status is not ok. `cpu_seconds` is of all its processes that have ended. `files` are those that were asked for and
    that it left: bytes, never followed links.
    """

    status: Literal["ok", "crash", "timeout", "stopped"]
    code: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    files: Mapping[str, bytes] = field(default_factory=dict)
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.status == "ok"


class Given(TypedDict, total=False):
    """What a program gets besides its arguments; nothing of it unless it is said.

    `files` lie in its folder (relative path -> content), those of `keep` are brought back from there. `visible`: host
    paths that it may read, at the same place, with what comes into a folder meanwhile; all users must be allowed to, or
    it may not either. `environment`: all its variables but PATH and HOME. `packages`: False hides Python's installed
    packages, so that only the standard library is there. `shared`: regular host files, which all users may write, that
    it may read and write, at the same place (the file itself: one that replaces it is not seen), each up to `file_mb`;
    their owner reads them, and never maps them, for it may shorten them. `hidden`: host files and folders that it sees
    empty, wherever they lie in all this, by whatever path but a hard link (plain: not enforced); one that is not there
    is no error. `talks`: its stdin and stdout are `Running.talk`; then `stdin` means nothing, and nothing of stdout is
    kept.
    """

    files: Mapping[str, str | bytes] | None
    keep: Sequence[str]
    visible: Sequence[Path]
    stdin: bytes
    environment: Mapping[str, str] | None
    packages: bool
    shared: Sequence[Path]
    hidden: Sequence[Path]
    talks: bool


class Running(Protocol):
    """A program that was started and not waited for.

    `talk`: where it was asked for, (its stdin to write to, its stdout to read from), unbuffered and not blocking; to be
    closed by whoever asked. A program that floods its stdout waits until somebody reads it.
    """

    talk: tuple[FileIO, FileIO] | None

    def stop(self) -> None:
        """Kill it with all that it started; returns when nothing of it is left. Its end is `stopped`, unless it had
        ended before."""

    def done(self) -> bool:
        """Has it ended? Never waits."""

    def result(self) -> Ran:
        """Waits for its end. Raises what `Bench.run` raises."""


class Bench(Protocol):
    """A substrate's only door to slots, time and remembered outcomes."""

    def trials(self, cases: Sequence[Case]) -> list[Outcome]:
        """The outcome of each case, in order: parallel, remembered, each computed once."""

    def run(self, argv: Sequence[str], limits: Limits, **given: Unpack[Given]) -> Ran:
        """A program in the sandbox of the held slot. Raises RuntimeError where none is held.

        It starts in an empty folder of its own, sees the system's programs, this Python, what it is given and nothing
        else, and has no network.
        """

    def start(self, argv: Sequence[str], limits: Limits, **given: Unpack[Given]) -> Running:
        """As `run`, without waiting for it; several at once share the slot. What still runs when the slot is given
        back is stopped."""

    def turn(self) -> None:
        """Returns when the slot's cores and accelerators are this trial's alone: another, that has handed over, may
        still be finishing there. To be called when all is loaded, before a clock starts that must not be disturbed."""

    def hand_over(self) -> None:
        """What is left of this trial needs no clock: the next one may take the slot and load meanwhile; its turn comes
        when this one is over."""

    def lease(self) -> AbstractContextManager[Bench]:
        """This bench with one slot held. A trial holds one already; `measure` and `compare` none until they ask."""

    def exclusive(self) -> AbstractContextManager[Bench]:
        """This bench with the machine to itself: no other slot is busy, for time as fitness."""

    @property
    def scratch(self) -> Path:
        """A host folder for the judge's own files while the slot is held; empty at first, removed after. No trial
        sees it but by `visible`."""

    @property
    def deadline(self) -> float:
        """`time.monotonic()` at which the trial's clock ends: its start, plus the clock's budget and grace where that
        is in seconds; infinity otherwise."""

    @property
    def devices(self) -> Sequence[str]:
        """The accelerators of the held slot, by name (`cuda:0`); none on most."""
