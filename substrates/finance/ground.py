"""What every book stands on, who sits in a team, and what an agent is worth by itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from substrates.finance.portfolio import ONE_WAY_COST, Days, Floats, Result, follow, trading_days
from substrates.finance.signals.position import ExecutionRule, Position

__all__ = [
    "AT_ONCE",
    "Darwin",
    "Ground",
    "Member",
    "TeamConfig",
    "exposure_of",
    "own_book",
    "timing",
    "weights_of",
]

AT_ONCE = ExecutionRule()
"""Trade whatever day is allowed, all the way."""


@dataclass(frozen=True)
class Darwin:
    """ATLAS's numbers: each day the top quartile of a layer x 1.05, the bottom one x 0.95, within 0.3-2.5."""

    start: float = 1.0
    up: float = 1.05
    down: float = 0.95
    low: float = 0.3
    high: float = 2.5
    quantile: float = 0.25


@dataclass(frozen=True)
class TeamConfig:
    """`cost`: a share of the traded value. `max_exposure`: 1 is fully invested, no borrowing."""

    cost: float = ONE_WAY_COST
    max_exposure: float = 1.0
    darwin: Darwin = field(default_factory=Darwin)


@dataclass(frozen=True, eq=False)
class Member:
    """An agent in its seat."""

    name: str
    layer: str
    position: Position

    @property
    def role(self) -> str:
        return self.position.role

    @property
    def picks(self) -> bool:
        return self.position.weights is not None

    @property
    def mixes(self) -> bool:
        """Whether it is one of those whose word is averaged."""
        return self.picks or self.role == "exposure"


@dataclass(frozen=True, eq=False)
class Ground:
    """What every book stands on: `returns` [T, N], the `market` return [T], `dates` [T], and the rules.

    `listed` [T, N]: which stocks have a price (default: all).
    """

    returns: Floats
    market: Floats
    dates: npt.NDArray[np.datetime64]
    config: TeamConfig = field(default_factory=TeamConfig)
    listed: Days | None = None

    @cached_property
    def months(self) -> Days:
        return trading_days("month", self.dates)

    @cached_property
    def equal(self) -> Floats:
        """Equal weight of the stocks that have a price [T, N]."""
        listed = np.ones(self.returns.shape) if self.listed is None else self.listed.astype(float)
        equal: Floats = listed / np.maximum(listed.sum(axis=1, keepdims=True), 1.0)
        return equal

    @cached_property
    def benchmark(self) -> Result:
        """Equal weight of the same universe, rebalanced monthly, net of the same costs."""
        return follow(self.equal, AT_ONCE, self.returns, self.months, self.config.cost)[0]

    def until(self, stop: int) -> Ground:
        """Only what is known by the close of day stop - 1."""
        return replace(
            self,
            returns=self.returns[:stop],
            market=self.market[:stop],
            dates=self.dates[:stop],
            listed=None if self.listed is None else self.listed[:stop],
        )


def timing(exposure: Floats, ground: Ground, mean: Floats) -> Floats:
    """Timing skill [T], daily: (e of the day before - its mean) x the market, net of trading |change of e|.

    Never raw returns: who is always invested has no skill by it. `mean` [T] or one number. Row 0 is 0.
    """
    series = np.zeros(len(exposure))
    series[1:] = (exposure - mean)[:-1] * ground.market[1:]
    series[1:] -= ground.config.cost * np.abs(np.diff(exposure))
    return series


def own_book(member: Member, ground: Ground) -> Result:
    """A stock picker's own book: traded when its weights change, and at the first day of each month."""
    weights = weights_of(member)
    days = ground.months.copy()
    days[1:] |= (weights[1:] != weights[:-1]).any(axis=1)
    return follow(weights, AT_ONCE, ground.returns, days, ground.config.cost)[0]


def exposure_of(member: Member) -> Floats:
    if member.position.exposure is None:
        raise ValueError(f"{member.name} ({member.role}) sets no exposure")
    return member.position.exposure


def weights_of(member: Member) -> Floats:
    if member.position.weights is None:
        raise ValueError(f"{member.name} ({member.role}) picks no stocks")
    return member.position.weights
