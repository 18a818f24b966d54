"""From target weights to daily returns: one day of lag, costs on what is traded, nothing else.

Row t of a weight matrix is what is held after trading at the close of day t; it earns the returns of day
t + 1. What is not in a stock is cash, and cash earns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "ONE_WAY_COST",
    "Days",
    "Floats",
    "Result",
    "Rule",
    "apply_execution",
    "follow",
    "growth_of",
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


def growth_of(returns: Floats) -> Floats:
    """What one unit in each asset [N] has become by each close [T, N]."""
    return np.cumprod(1.0 + returns, axis=0, dtype=np.float64)


def apply_execution(target: Floats, rule: Rule, returns: Floats, days: Days, start: Floats | None = None) -> Floats:
    """What is held [T, N] when `target` is traded by `rule` on `days` [T] only, drifting in between.

    A day trades when half the L1 distance from the drifted holding to the target (the share of the book to
    replace) is more than `rule.band`; it then goes `rule.step` of the way (1: all of it). `start` [N] is
    held into row 0 (default: cash).
    """
    growth = growth_of(returns)
    trades = _trades(target, rule, growth, days, start)
    last = np.searchsorted(trades.days, np.arange(len(target)), side="right")
    return _drift(trades.held[last], growth / trades.base[last])


def follow(
    target: Floats,
    rule: Rule,
    growth: Floats,
    days: Days,
    cost: float = ONE_WAY_COST,
    start: Floats | None = None,
) -> tuple[Result, Floats]:
    """`simulate` of `apply_execution` without the matrix in between, and what is held [N] after the last day.

    `growth`: `growth_of` the returns of these rows, made once for many targets.
    """
    trades = _trades(target, rule, growth, days, start)
    rows = np.arange(len(target))
    held_since = np.searchsorted(trades.days, rows, side="left")
    units = trades.held / trades.base
    cash = 1.0 - trades.held.sum(axis=1)
    wealth = cash[held_since] + np.einsum("tn,tn->t", units[held_since], growth)
    opening = np.ones(len(target))
    opening[1:] = wealth[:-1]
    opening[trades.days[trades.days < len(target) - 1] + 1] = 1.0
    gross = wealth / opening - 1.0
    turnover = np.zeros(len(target))
    if trades.days.size:
        drifted = units[:-1] * growth[trades.days] / wealth[trades.days, None]
        turnover[trades.days] = np.abs(trades.held[1:] - drifted).sum(axis=1)
    paid = cost * turnover * (1.0 + gross)
    final = _drift(trades.held[-1], growth[-1] / trades.base[-1])
    return Result(gross - paid, gross, turnover, paid), final


@dataclass(frozen=True)
class _Trades:
    """Days that trade [K]; then with the start before them, [K + 1, N]: what is held, and growth by then."""

    days: npt.NDArray[np.intp]
    held: Floats
    base: Floats


def _drift(weights: Floats, growth: Floats) -> Floats:
    """Weights [.., N] after each asset grew by `growth` and the cash did not."""
    value = weights * growth
    total = value.sum(axis=-1) + (1.0 - weights.sum(axis=-1))
    drifted: Floats = value / total[..., None]
    return drifted


def _trades(target: Floats, rule: Rule, growth: Floats, days: Days, start: Floats | None) -> _Trades:
    events = np.flatnonzero(days)
    first = np.zeros(target.shape[1]) if start is None else np.asarray(start, dtype=float)
    # The start has drifted since the close before row 0, where growth was 1.
    origin = np.ones(target.shape[1])
    if rule.band <= 0.0 and rule.step >= 1.0:
        return _Trades(events, np.vstack([first, target[events]]), np.vstack([origin, growth[events]]))
    return _trades_one_by_one(target[events], rule, growth[events], events, first)


def _trades_one_by_one(
    wanted: Floats, rule: Rule, growth: Floats, events: npt.NDArray[np.intp], start: Floats
) -> _Trades:
    """A band or a step makes each trade depend on the one before: one turn of the loop a trading day."""
    ratios = growth.copy()
    ratios[1:] /= growth[:-1]
    traded: list[int] = []
    held, base = [start], [np.ones(len(start))]
    # Cash is carried as one more number, so that a day costs few numpy calls (measured: 6 us).
    now, cash, reach = start, 1.0 - float(start.sum()), 2.0 * rule.band
    for i, (aim, ratio) in enumerate(zip(wanted, ratios, strict=True)):
        now = now * ratio
        total = float(np.add.reduce(now)) + cash
        now /= total
        cash /= total
        gap = aim - now
        if np.add.reduce(np.abs(gap)) > reach:
            now = now + rule.step * gap
            cash = 1.0 - float(np.add.reduce(now))
            traded.append(int(events[i]))
            held.append(now)
            base.append(growth[i])
    return _Trades(np.asarray(traded, dtype=np.intp), np.asarray(held), np.asarray(base))
