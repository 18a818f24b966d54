"""Measures of stocks on the days of renewal: [E, N], nan where a stock has too little history."""

from __future__ import annotations

import numpy as np

from substrates.finance.directives.tree import Every, Measure, StockTest
from substrates.finance.signals.conditions import TRADING_DAYS
from substrates.finance.signals.frame import Frame
from substrates.finance.signals.position import Bools, Floats
from substrates.finance.signals.rolling import Rows, lagged, rolling_max, rolling_mean, variance, window_sum

_LEAST_VARIANCE = 1e-12  # daily; below it (1 bp a day) a stock does not trade, and ratios are rounding


def measure(frame: Frame, asked: Measure, every: Every) -> Floats:
    """The measure [E, N] on the renewal days of a rhythm."""
    return frame.remember((asked, every), lambda: _measure(frame, asked, frame.renewals((every,))))


def passes(frame: Frame, test: StockTest, every: Every) -> Bools:
    """Whether the measure is on the asked side of the level [E, N]; an unknown one is on neither."""
    value = measure(frame, test.measure, every)
    return value > test.level if test.side == "above" else value < test.level


def _measure(frame: Frame, asked: Measure, rows: Rows) -> Floats:
    days = asked.window.days
    if asked.form == "return":
        skipped = 0 if asked.skip is None else asked.skip.days
        return lagged(frame.prices, rows, skipped) / lagged(frame.prices, rows, days) - 1.0
    if asked.form == "average":
        return frame.prices[rows] / rolling_mean(frame.prices, days)[rows] - 1.0
    if asked.form == "high":
        value = frame.prices[rows] / rolling_max(frame.prices, days)[rows] - 1.0
        return _experienced(frame, value, rows, days - 1)
    if asked.form == "best day":
        return _experienced(frame, rolling_max(frame.returns, days)[rows], rows, days)
    return _experienced(frame, _moment(frame, asked, rows, days), rows, days)


def _experienced(frame: Frame, value: Floats, rows: Rows, days: int) -> Floats:
    """Nan where the stock had no price yet `days` before."""
    return np.where((rows - days)[:, None] >= frame.known_for()[None, :], value, np.nan)


def _moment(frame: Frame, asked: Measure, rows: Rows, days: int) -> Floats:
    total, squares = (window_sum(frame.sums(name), rows, days) for name in ("r", "rr"))
    spread = variance(total, squares, days)
    value: Floats
    if asked.form == "volatility":
        value = np.sqrt(spread * TRADING_DAYS)
        return value
    safe = np.where(spread > _LEAST_VARIANCE, spread, np.nan)
    if asked.form == "risk-adjusted return":
        value = total / days / np.sqrt(safe) * np.sqrt(TRADING_DAYS)
        return value
    market, market_squares = (window_sum(frame.sums(name), rows, days)[:, None] for name in ("m", "mm"))
    market_spread = variance(market, market_squares, days)
    market_safe = np.where(market_spread > _LEAST_VARIANCE, market_spread, np.nan)
    shared = (window_sum(frame.sums("rm"), rows, days) - total * market / days) / (days - 1)
    value = shared / market_safe if asked.form == "beta" else shared / np.sqrt(safe * market_safe)
    return value
