"""Starting the programs of a trial: what a launcher must offer, and one without a sandbox."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

__all__ = ["Allowed", "Bare", "Ended", "Launcher", "Program", "end_with_parent"]

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""


class Ended(Protocol):
    """`status`: ok (exit code 0), crash, timeout, or stopped (by whoever started it)."""

    @property
    def status(self) -> Literal["ok", "crash", "timeout", "stopped"]: ...
    @property
    def reason(self) -> str: ...
    @property
    def stdout(self) -> bytes: ...
    @property
    def stderr(self) -> bytes: ...


class Program(Protocol):
    """A program that runs."""

    def stop(self) -> None:
        """Kill it with all that it started; returns when nothing of it is left. Its end is `stopped`, unless it had
        ended before."""

    def done(self) -> bool: ...

    def result(self) -> Ended:
        """Waits for its end."""


@dataclass(frozen=True)
class Allowed:
    """What a program may use and see. At `seconds` it is killed, whatever it does. It may read `visible` (files or
    folders), read and write the files `shared`, and must not see `hidden`."""

    seconds: float
    memory_mb: int
    processes: int
    file_mb: int
    visible: Sequence[Path] = ()
    shared: Sequence[Path] = ()
    hidden: Sequence[Path] = ()


class Launcher(Protocol):
    """Starts programs beside each other on one slot."""

    def start(self, argv: Sequence[str], files: Mapping[str, str], allowed: Allowed) -> Program:
        """In a folder of its own with `files` in it."""

    @property
    def scratch(self) -> Path:
        """A folder for the judge's own files, on the file system of `visible` ones or not."""

    def turn(self) -> None:
        """Returns when the processors and accelerators of this slot are this trial's alone: before the clock starts."""

    def hand_over(self) -> None:
        """The clock has ended: another trial may load meanwhile. Its turn comes when this trial is over."""


@dataclass(frozen=True)
class Finished:
    """How a program without a sandbox ended."""

    status: Literal["ok", "crash", "timeout", "stopped"]
    reason: str
    stdout: bytes
    stderr: bytes


class Bare:
    """Programs as this user, who sees everything and is held by nothing but the clock: for one's own genomes."""

    said = "No sandbox: the genome runs as you, and could read the text that it is scored on."

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    @classmethod
    @contextmanager
    def here(cls) -> Iterator[Bare]:
        """A launcher whose files are gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="trainer-", ignore_cleanup_errors=True) as folder:
            yield cls(Path(folder))

    def start(self, argv: Sequence[str], files: Mapping[str, str], allowed: Allowed) -> Program:
        return _Bare(argv, files, allowed.seconds, self._scratch)

    @property
    def scratch(self) -> Path:
        return self._scratch

    def turn(self) -> None:
        return None

    def hand_over(self) -> None:
        return None


class _Bare:
    """A process group under a clock; a thread collects what it writes."""

    _KEPT = 1 << 18  # bytes of each output: the end is what tells

    def __init__(self, argv: Sequence[str], files: Mapping[str, str], seconds: float, scratch: Path) -> None:
        folder = Path(tempfile.mkdtemp(dir=scratch))
        for path, text in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        self._end = time.monotonic() + seconds
        self._stopped = self._late = False
        self._process = subprocess.Popen(
            list(argv),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._outputs = [bytearray(), bytearray()]
        pipes = (self._process.stdout, self._process.stderr)
        self._readers = [
            threading.Thread(target=self._read, args=(pipe, kept), daemon=True)
            for pipe, kept in zip(pipes, self._outputs, strict=True)
        ]
        self._clock = threading.Timer(seconds, self._expire)
        for thread in (*self._readers, self._clock):
            thread.daemon = True
            thread.start()

    def stop(self) -> None:
        if not self.done():
            self._stopped = True
        self._clock.cancel()
        self._kill()

    def done(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> Finished:
        code = self._process.wait()
        self._clock.cancel()
        self._kill()  # what it left behind in its group
        for reader in self._readers:
            reader.join(1.0)
        out, err = (bytes(kept) for kept in self._outputs)
        if self._late:
            return Finished("timeout", "killed by the clock", out, err)
        if self._stopped:
            return Finished("stopped", "", out, err)
        return Finished("crash" if code else "ok", _explain(code), out, err)

    def _expire(self) -> None:
        if not self.done():
            self._late = True
            self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _read(self, pipe: object, kept: bytearray) -> None:
        read = pipe.read1  # type: ignore[attr-defined]
        while piece := read(1 << 16):
            kept += piece
            del kept[: -self._KEPT]


def end_with_parent() -> None:
    """Said by a program of a trial before all else: where the judge is killed, nobody else would end it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _explain(code: int) -> str:
    if code >= 0:
        return f"exit code {code}" if code else ""
    return f"ended by signal {-code} ({signal.Signals(-code).name})"
