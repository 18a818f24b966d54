"""What was measured: one trial's outcome, one bout's paired differences, a duel's sums over them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

import numpy as np

__all__ = ["Bout", "Duel", "Outcome", "Status"]

Status = Literal["ok", "crash", "timeout", "refused", "invalid"]


@dataclass(frozen=True)
class Outcome:
    """What one trial gave. A missing score is None, never 0; only an `ok` trial may have one.

    `evidence` is what the mutator may read (JSON): attribution, failing cases, the tail of a log.
    """

    status: Status
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.score is not None and (self.status != "ok" or not math.isfinite(self.score)):
            raise ValueError(f"an outcome of status {self.status!r} has the score {self.score!r}")

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def reason(self) -> str:
        """Why it failed, in words; empty where nothing was said."""
        return str(self.evidence.get("reason", ""))

    def to_json(self) -> dict[str, Any]:
        """Shallow: `evidence` is JSON already, and may be large."""
        return {**vars(self), "metrics": dict(self.metrics), "evidence": dict(self.evidence)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        return cls(**value)


@dataclass(frozen=True)
class Bout:
    """One more piece of paired evidence, as sums over differences (> 0: the challenger is better).

    `last`: no more can be had under these conditions (an empty bout says so too). `failed`: the
    challenger broke in this bout, with this status. `exact`: a single difference that is known without
    noise, whose sign decides: of two such scores, or nought where both are seen to do the same. `tally`: how often each
    difference occurred, where only a few can, the worst for the challenger first (pairs of games: five). `clock`: what
    it used of the clock that a contest has in a generation; 0 where bouts alone are counted. `reason`: what ended it,
    for a mutator too, where that is no difference.
    """

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    last: bool = False
    failed: Status | None = None
    exact: bool = False
    tally: tuple[int, ...] = ()
    clock: float = 0.0
    reason: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tally", tuple(self.tally))  # a list, where it was JSON

    @classmethod
    def of(cls, differences: Sequence[float] | np.ndarray, last: bool = False) -> Bout:
        """From the differences themselves. Raises ValueError when one of them is not finite."""
        d = np.asarray(differences, dtype=float)
        if not np.isfinite(d).all():
            raise ValueError("a paired difference is not finite")
        return cls(int(d.size), float(d.sum()), float((d * d).sum()), last)


@dataclass(frozen=True)
class Duel:
    """The sums over bouts, owned by the engine; folded in repeat order."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    looks: int = 0
    exhausted: bool = False
    failed: Status | None = None
    exact: bool = False
    tally: tuple[int, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tally", tuple(self.tally))

    def fold(self, bout: Bout) -> Duel:
        return Duel(
            self.count + bout.count,
            self.total + bout.total,
            self.squares + bout.squares,
            self.looks + (1 if bout.count else 0),
            bout.last or not bout.count,
            bout.failed,
            bout.exact,
            tuple(a + b for a, b in zip_longest(self.tally, bout.tally, fillvalue=0)),
            bout.reason,
        )

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    @property
    def variance(self) -> float | None:
        """Unbiased; None below two differences."""
        if self.count < 2:
            return None
        return max(0.0, (self.squares - self.total * self.total / self.count) / (self.count - 1))

    @property
    def t(self) -> float | None:
        """The studentised mean; None where there is no spread to measure it by."""
        v = self.variance
        if v is None or v <= 1e-14 * max(self.squares / self.count, 1e-300):
            return None
        return self.total / self.count / math.sqrt(v / self.count)
