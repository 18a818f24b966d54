"""The trainer's programs on a slot of the engine, in its sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evolve.substrate import Bench, Limits, Running
from trainer.launch import Allowed

__all__ = ["SlotLauncher"]

_GRACE = 1.0
"""Seconds beyond a program's own: the judge stops it before."""

_VARIABLES = {"USER": "trial", "TOKENIZERS_PARALLELISM": "false", "PYTHONDONTWRITEBYTECODE": "1"}


class SlotLauncher:
    """What `trainer.trial` asks of a launcher, by a bench that holds a slot. `last`: no other training follows on this
    lease, whose clock another trial that loads would disturb."""

    def __init__(self, bench: Bench, scratch_mb: int, last: bool = True) -> None:
        self._bench, self._scratch_mb, self._last = bench, scratch_mb, last

    def start(self, argv: Sequence[str], files: Mapping[str, str], allowed: Allowed) -> Running:
        limits = Limits(
            allowed.seconds,
            grace=_GRACE,
            memory_mb=allowed.memory_mb,
            processes=allowed.processes,
            file_mb=allowed.file_mb,
            scratch_mb=self._scratch_mb,
            output_kb=16,
            tail_kb=64,
        )
        return self._bench.start(
            argv,
            limits,
            files=files,
            visible=allowed.visible,
            shared=allowed.shared,
            hidden=allowed.hidden,
            environment=_VARIABLES,
        )

    @property
    def scratch(self) -> Path:
        return self._bench.scratch

    def turn(self) -> None:
        self._bench.turn()

    def hand_over(self) -> None:
        if self._last:
            self._bench.hand_over()
