"""From target weights to daily returns: one day of lag, costs on what is traded, nothing else.

Row t of a weight matrix is what is held after trading at the close of day t; it earns the returns of day
t + 1. What is not in a stock is cash, and cash earns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from substrates.finance.loops import traded

__all__ = [
    "ONE_WAY_COST",
    "Days",
    "Floats",
    "Result",
    "Rule",
    "follow",
    "simulate",
    "trading_days",
]

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.bool_]

ONE_WAY_COST = 5e-4
"""Cost of trading, as a share of the traded value: 5 bps, a convention for US large caps."""


class Rule(Protocol):
    """How a target is traded: on which days, from which distance, and how far towards it."""

    @property
    def every(self) -> str: ...
    @property
    def band(self) -> float: ...
    @property
    def step(self) -> float: ...


@dataclass(frozen=True)
class Result:
    """Daily, [T] each, as shares of the day's opening wealth, save `turnover`: a share of the closing one.

    net = gross - cost. `turnover` counts buys and sells: replacing the whole book is 2.
    """

    net: Floats
    gross: Floats
    turnover: Floats
    cost: Floats

    def __getitem__(self, rows: slice) -> Result:
        return Result(self.net[rows], self.gross[rows], self.turnover[rows], self.cost[rows])


def simulate(target: Floats, returns: Floats, cost: float = ONE_WAY_COST, start: Floats | None = None) -> Result:
    """The returns of holding `target` [T, N] over `returns` [T, N], in wealth shares a day.

    Each close the book is traded from its drifted weights to the day's row, and `cost` is paid on the
    distance. `start` [N] is held into row 0 (default: cash, so the first purchase is paid for).
    """
    before = np.empty_like(target)
    before[0] = 0.0 if start is None else start
    before[1:] = target[:-1]
    earned = before * returns
    gross = earned.sum(axis=1)
    wealth = 1.0 + gross
    earned += before
    earned /= wealth[:, None]
    np.subtract(target, earned, out=earned)
    turnover = np.abs(earned, out=earned).sum(axis=1)
    paid = cost * turnover * wealth
    return Result(gross - paid, gross, turnover, paid)


def trading_days(every: Literal["day", "week", "month"] | str, dates: npt.NDArray[np.datetime64]) -> Days:
    """Which days [T] a rule may trade: all, or the first market day of each week (Monday on) or month.

    First days, for that a day is the last of its month is known only on the next one.
    """
    if every in ("day", "daily"):
        return np.ones(len(dates), dtype=bool)
    days = dates.astype("datetime64[D]")
    if every in ("week", "weekly"):
        # Day 0 of the epoch was a Thursday: three days on, weeks begin on Mondays.
        period = (days.astype(np.int64) + 3) // 7
    elif every in ("month", "monthly"):
        period = days.astype("datetime64[M]").astype(np.int64)
    else:
        raise ValueError(f"trading every {every!r} is unknown: day, week or month")
    first = np.ones(len(dates), dtype=bool)
    first[1:] = period[1:] != period[:-1]
    return first


def follow(
    target: Floats, rule: Rule, returns: Floats, days: Days, cost: float = ONE_WAY_COST, start: Floats | None = None
) -> tuple[Result, Floats]:
    """`target` [T, N] traded by `rule` on `days` [T] only, drifting in between; and what is held [T, N].

    A day trades when half the L1 distance from the drifted holding to the target (the share of the book to
    replace) is more than `rule.band`; it then goes `rule.step` of the way (1: all of it). `start` [N] is
    held into row 0 (default: cash).
    """
    first = np.zeros(target.shape[1]) if start is None else np.asarray(start, dtype=float)
    gross, turnover, held = traded(target, returns, days, 2.0 * rule.band, rule.step, first)
    paid = cost * turnover * (1.0 + gross)
    return Result(gross - paid, gross, turnover, paid), held
