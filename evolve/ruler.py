"""What a score means, and how long a trial lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Clock", "Metric"]


@dataclass(frozen=True)
class Metric:
    """What a score means. `honest`: in one sentence, how it could be gamed and what stops that. `effect`: the unit of
    paired differences, where that is not the score's own."""

    name: str
    unit: str
    better: Literal["lower", "higher"]
    honest: str
    effect: str = ""

    @property
    def sign(self) -> int:
        """+1 where higher is better, else -1."""
        return 1 if self.better == "higher" else -1


@dataclass(frozen=True)
class Clock:
    """The temporal contract of a trial: all trials get the same `budget` (in `unit`), then `grace`."""

    budget: float
    unit: str
    why: str
    grace: float = 0.0

    @property
    def timed(self) -> bool:
        """Is it a clock of seconds, so that a trial takes about as long as it says?"""
        return self.unit in ("s", "seconds")

    def __str__(self) -> str:
        return f"{self.budget:g} {self.unit}"
