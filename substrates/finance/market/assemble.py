"""From raw prices and raw series to one point-in-time panel. Pure: no file is read here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from substrates.finance.market.panel import Floats, Panel
from substrates.finance.market.sources import Source

__all__ = ["CARRIED", "assemble"]

CARRIED = 10
"""Market days: two weeks, longer than exchanges have closed (assumption: a longer silence is a delisting)."""


def assemble(prices: pd.DataFrame, sources: Mapping[str, Source], sectors: Mapping[str, str]) -> Panel:
    """`prices`: closes by date x ticker, dates ascending.

    A missing price carries the last one on for `CARRIED` days; then the stock is delisted, until it returns.
    Whether it will return is not known on the day, so it must make no difference.
    """
    dates = prices.index.to_numpy().astype("datetime64[D]")
    values = prices.to_numpy(dtype=float)
    filled = pd.DataFrame(values).ffill(limit=CARRIED).to_numpy(copy=True)
    missing: dict[str, str] = {}
    gaps = np.isnan(values) & np.isfinite(filled)
    for column, ticker in enumerate(prices.columns):
        if count := int(gaps[:, column].sum()):
            said = "1 missing price was" if count == 1 else f"{count} missing prices were"
            missing[str(ticker)] = f"{ticker}: {said} carried on from the day before"
    series = {}
    for name, source in sources.items():
        series[name], silent = _as_known(source, dates)
        if silent is not None:
            missing[name] = silent
    return Panel(
        dates=dates,
        tickers=tuple(str(t) for t in prices.columns),
        prices=filled,
        sectors=dict(sectors),
        series=series,
        missing=missing,
    )


def _as_known(source: Source, dates: np.ndarray) -> tuple[Floats, str | None]:
    """[T] the last value known at each close, and where it falls silent for good, if it does."""
    known = source.known()
    days = known.index.to_numpy().astype("datetime64[D]")
    at = np.searchsorted(days, dates, side="right") - 1
    out = np.full(len(dates), np.nan)
    there = at >= 0
    age = dates[there] - days[at[there]]
    fresh = age <= np.timedelta64(source.lasts.days, "D")
    rows = np.flatnonzero(there)[fresh]
    out[rows] = known.to_numpy(dtype=float)[at[rows]]
    if len(rows) == 0:
        return out, f"{source.said} does not cover these dates: whatever needs it is neutral"
    if rows[-1] < len(dates) - 1:
        since = dates[rows[-1] + 1]
        return (
            out,
            f"{source.said} ends {source.values.index[-1]:%Y-%m-%d}: whatever needs it is neutral from {since}",
        )
    return out, None
