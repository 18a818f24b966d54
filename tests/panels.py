"""Small synthetic panels for finance tests: prices by random walk, series by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

TICKERS = ("AAPL", "AMD", "BAC", "GE", "JNJ", "KO", "BBY", "XOM")
SECTORS = {
    "AAPL": "Information Technology",
    "AMD": "Information Technology",
    "BAC": "Financials",
    "GE": "Industrials",
    "JNJ": "Health Care",
    "KO": "Consumer Staples",
    "BBY": "Consumer Discretionary",
    "XOM": "Energy",
}
SERIES = (
    "treasury_3m", "treasury_2y", "treasury_10y", "term_spread", "oil", "gold", "vix", "credit_spread",
    "inflation", "index", "factor_market", "factor_size", "factor_value", "factor_momentum", "industry_energy",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SmallPanel:
    """What signals need of a panel, and nothing that reads files."""

    dates: np.ndarray
    tickers: tuple[str, ...]
    prices: np.ndarray
    sectors: Mapping[str, str]
    series: Mapping[str, np.ndarray]
    missing: tuple[str, ...] = ()

    @cached_property
    def returns(self) -> np.ndarray:
        out = np.zeros(self.prices.shape)
        out[1:] = self.prices[1:] / self.prices[:-1] - 1.0
        return out

    @cached_property
    def market(self) -> np.ndarray:
        return np.nan_to_num(self.returns, nan=0.0).mean(axis=1)

    @cached_property
    def month_starts(self) -> np.ndarray:
        months = self.dates.astype("datetime64[M]")
        return np.concatenate([[True], months[1:] != months[:-1]])

    @cached_property
    def digest(self) -> str:
        held = [self.dates.astype("int64"), self.prices, *(self.series[name] for name in sorted(self.series))]
        text = repr((self.tickers, sorted(self.sectors.items()), sorted(self.series)))
        return hashlib.sha256(b"".join([text.encode(), *(array.tobytes() for array in held)])).hexdigest()


def small_panel(length: int = 420, seed: int = 0) -> SmallPanel:
    """Weekdays from 2000-01-03; eight stocks; every series, rates around 2 % and prices around 50."""
    rng = np.random.default_rng(seed)
    days = np.arange(np.datetime64("2000-01-03"), np.datetime64("2000-01-03") + 2 * length)
    dates = days[np.is_busday(days)][:length]
    moves = rng.normal(0.0004, 0.015, (length, len(TICKERS)))
    prices = 50.0 * np.exp(np.cumsum(moves, axis=0))
    series = {name: 0.02 + np.cumsum(rng.normal(0, 0.0008, length)) for name in SERIES}
    for name in ("oil", "gold", "index"):
        series[name] = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.02, length)))
    series["vix"] = 0.2 * np.exp(0.3 * rng.normal(size=length))
    return SmallPanel(dates, TICKERS, prices, SECTORS, series)


def scrambled(panel: SmallPanel, day: int, seed: int) -> SmallPanel:
    """The panel with everything after row `day` replaced by noise; rows up to `day` as they were."""
    rng = np.random.default_rng(seed)
    after = slice(day + 1, None)
    prices = panel.prices.copy()
    prices[after] = 50.0 * np.exp(rng.normal(0, 0.5, prices[after].shape))
    series = {}
    for name, values in panel.series.items():
        series[name] = values.copy()
        series[name][after] = rng.normal(0, 50, len(values[after]))
    return replace(panel, prices=prices, series=series)
