"""Small synthetic panels for finance tests: prices by random walk, series by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from substrates.finance.market.panel import Panel

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


def small_panel(length: int = 420, seed: int = 0) -> Panel:
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
    return Panel(dates, TICKERS, prices, SECTORS, series, {})


def changed(panel: Panel, **parts: Any) -> Panel:
    """A new panel with some parts replaced; nothing that the old one remembers goes along."""
    names = ("dates", "tickers", "prices", "sectors", "series", "missing")
    return Panel(**{name: parts.get(name, getattr(panel, name)) for name in names})


def scrambled(panel: Panel, day: int, seed: int) -> Panel:
    """The panel with everything after row `day` replaced by noise; rows up to `day` as they were."""
    rng = np.random.default_rng(seed)
    after = slice(day + 1, None)
    prices = panel.prices.copy()
    prices[after] = 50.0 * np.exp(rng.normal(0, 0.5, prices[after].shape))
    series = {}
    for name, values in panel.series.items():
        series[name] = values.copy()
        series[name][after] = rng.normal(0, 50, len(values[after]))
    return changed(panel, prices=prices, series=series)
