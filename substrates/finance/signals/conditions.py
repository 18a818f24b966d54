"""Quantities [T] and clauses [T] of the market and the macro series; exposure [T] of a directive."""

from __future__ import annotations

import numpy as np

from substrates.finance.directives.series import unit_of
from substrates.finance.directives.tree import (
    MOST_EXPOSURE,
    Clause,
    Quantity,
    Scale,
    Season,
    VolatilityTarget,
)
from substrates.finance.signals.frame import Frame
from substrates.finance.signals.position import Bools, Floats
from substrates.finance.signals.rolling import lagged, rolling_max, rolling_mean, variance, window_sum

TRADING_DAYS = 252  # a year, by convention


def quantity(frame: Frame, asked: Quantity) -> Floats:
    """The value of a quantity at each close [T]; nan where it is unknown."""
    return frame.remember(asked, lambda: _quantity(frame, asked))


def holds(frame: Frame, clause: Clause) -> Bools:
    """Whether the clause holds at each close [T]; an unknown quantity is neither above nor below."""
    if isinstance(clause, Season):
        return (frame.month - clause.first) % 12 <= (clause.last - clause.first) % 12
    value = quantity(frame, clause.quantity)
    return value > clause.level if clause.side == "above" else value < clause.level


def exposure(frame: Frame, directive: Scale | VolatilityTarget) -> Floats:
    """The factor [T] by which a directive scales exposure: 1 where it has nothing to say."""
    if isinstance(directive, Scale):
        return np.where(holds(frame, directive.clause), directive.factor, 1.0)
    volatility = quantity(frame, Quantity("market", "volatility", directive.window))
    with np.errstate(divide="ignore"):
        factor = np.minimum(directive.target / volatility, MOST_EXPOSURE)
    return np.nan_to_num(factor, nan=1.0)


def _quantity(frame: Frame, asked: Quantity) -> Floats:
    if asked.subject == "market":
        return _market(frame, asked)
    if asked.subject == "breadth":
        return _breadth(frame, asked)
    values = frame.panel.series.get(asked.subject)
    if values is None:
        return np.full(frame.length, np.nan)
    return _of_series(np.asarray(values, dtype=np.float64), asked, relative=unit_of(asked.subject) == "price")


def _days(asked: Quantity) -> int:
    return 0 if asked.window is None else asked.window.days


def _of_series(values: Floats, asked: Quantity, relative: bool) -> Floats:
    """Level, average, change or distance; the last two as ratios less one for prices, else as differences."""
    days = _days(asked)
    if asked.form == "level":
        return values
    if asked.form == "average":
        return rolling_mean(values, days)
    changed = asked.form == "change"
    base = lagged(values, np.arange(len(values)), days) if changed else rolling_mean(values, days)
    return values / base - 1.0 if relative else values - base


def _market(frame: Frame, asked: Quantity) -> Floats:
    days, level = _days(asked), frame.market_level
    rows = np.arange(frame.length)
    if asked.form == "return":
        return level / lagged(level, rows, days) - 1.0
    if asked.form == "distance":
        return level / rolling_mean(level, days) - 1.0
    if asked.form == "drawdown":
        return 1.0 - level / rolling_max(level, days)
    total, squares = (window_sum(frame.sums(name), rows, days) for name in ("m", "mm"))
    annual: Floats = np.sqrt(variance(total, squares, days) * TRADING_DAYS)
    annual[:days] = np.nan  # row 0 has no return
    return annual


def _breadth(frame: Frame, asked: Quantity) -> Floats:
    """Share of the stocks with a full window whose price is above their average."""
    average = rolling_mean(frame.prices, _days(asked))
    known = np.isfinite(average).sum(axis=1)
    above = (frame.prices > average).sum(axis=1)
    return np.where(known > 0, above / np.maximum(known, 1), np.nan)
