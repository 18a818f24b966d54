"""How the time of slots was used: what a night on an expensive machine is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Meter", "Usage"]


@dataclass(frozen=True)
class Usage:
    """Seconds of slots: those that were `there`, `busy` with trials, and under the trials' `clock`, as far as a domain
    tells that (the metric `clock_seconds` of an outcome, the clock of a bout)."""

    there: float = 0.0
    busy: float = 0.0
    clock: float = 0.0

    @classmethod
    def from_json(cls, value: Mapping[str, float]) -> Usage:
        return cls(**value)

    def to_json(self) -> dict[str, float]:
        return {name: round(seconds, 3) for name, seconds in vars(self).items()}

    def plus(self, other: Usage, sign: int = 1) -> Usage:
        return Usage(self.there + sign * other.there, self.busy + sign * other.busy, self.clock + sign * other.clock)

    def __str__(self) -> str:
        """A clause: slots were busy 96 % of the time, 84 % under the clock."""
        if not self.there:
            return "no slot was there"
        under = f", {100 * self.clock / self.there:.0f} % under the clock" if self.clock else ""
        return f"slots were busy {100 * self.busy / self.there:.0f} % of the time{under}"


class Meter:
    """Adds it up. Times are seconds on one clock; a slot is busy while it has any holder."""

    def __init__(self, slots: Iterable[int], now: float) -> None:
        self._there = dict.fromkeys(slots, now)  # since when
        self._busy: dict[int, float] = {}  # since when
        self._holders = Counter[int]()
        self._past = Usage()

    def begin(self, slot: int, now: float) -> None:
        self._holders[slot] += 1
        self._busy.setdefault(slot, now)

    def end(self, slot: int, now: float) -> None:
        self._holders[slot] -= 1
        if not self._holders[slot]:
            self._past = self._past.plus(Usage(busy=now - self._busy.pop(slot)))

    def lost(self, slot: int, now: float) -> None:
        self._past = self._past.plus(Usage(there=now - self._there.pop(slot)))

    def clocked(self, seconds: float) -> None:
        self._past = self._past.plus(Usage(clock=seconds))

    def read(self, now: float) -> Usage:
        there, busy = (sum(now - since for since in part.values()) for part in (self._there, self._busy))
        return self._past.plus(Usage(there, busy))
