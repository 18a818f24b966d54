"""What a substrate asks of a slot: a program under limits, in the sandbox; and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Limits", "Ran"]


@dataclass(frozen=True)
class Limits:
    """What a program may use. At `seconds + grace` on the wall its whole process tree is killed.

    `memory_mb` is of all its processes together (sampled), `processes` counts threads too, `scratch_mb` is the
    size of its folder (and once more of /tmp and of /dev/shm), `file_mb` of one file, `output_kb` what is kept of each of
    stdout and stderr (the rest is thrown away). `cpu_seconds`: of one process, in whole seconds; None: as many as the wall
    allows on all its cores.
    """

    seconds: float
    grace: float = 0.5
    cpu_seconds: float | None = None
    memory_mb: int = 1024
    processes: int = 64
    file_mb: int = 64
    scratch_mb: int = 128
    output_kb: int = 256


@dataclass(frozen=True)
class Ran:
    """`status`: ok (exit code 0), crash (another, or a signal, or a limit), timeout (the clock killed it).

    `code`: the exit code, -N for signal N, None where it was killed from outside. `reason`: one sentence where the
    status is not ok. `cpu_seconds` is of all its processes that have ended. `files` are those that were asked for and
    that it left: bytes, never followed links.
    """

    status: Literal["ok", "crash", "timeout"]
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
