"""The market: one panel, point in time.

panel.py      what was known at each close; `until` is the one function that slices history
sources.py    the built-in series, with their lags
assemble.py   raw prices and series -> panel
prices.py     a user's own prices
"""

from __future__ import annotations

from functools import lru_cache

from substrates.finance.market.assemble import assemble
from substrates.finance.market.panel import Panel
from substrates.finance.market.prices import read_prices, read_sectors
from substrates.finance.market.sources import SECTORS, built_in_prices, built_in_sources

__all__ = ["Panel", "assemble", "load_panel"]


def load_panel(path: str | None = None, sectors: str | None = None) -> Panel:
    """The built-in market, or a user's own prices with the built-in series for the days that they cover.

    Raises UsageError (which file, row, column) for prices or a sector map that cannot be used.
    """
    if path is None and sectors is None:
        return _built_in()
    prices = built_in_prices() if path is None else read_prices(path)
    tickers = [str(ticker) for ticker in prices.columns]
    named = read_sectors(sectors, tickers) if sectors is not None else SECTORS if path is None else {}
    return assemble(prices, built_in_sources(), named)


@lru_cache(1)
def _built_in() -> Panel:
    return assemble(built_in_prices(), built_in_sources(), SECTORS)
