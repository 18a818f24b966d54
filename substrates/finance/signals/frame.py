"""What many signals share on one panel: filled prices, running sums, the days on which books are renewed.

Everything is remembered under the panel's digest, so agents that ask for the same thing share one array.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from substrates.finance.directives.tree import Every
from substrates.finance.portfolio import trading_days
from substrates.finance.signals.memory import Memory
from substrates.finance.signals.position import Bools, Floats
from substrates.finance.signals.rolling import Rows, cumulated, filled

if TYPE_CHECKING:
    from substrates.finance.market.panel import Panel

__all__ = ["MEMORY", "Frame"]

MEMORY = Memory()  # the one owner of remembered arrays in this process


class Frame:
    """A panel with its shared arrays. Cheap to make: it holds nothing but the panel."""

    def __init__(self, panel: Panel, memory: Memory = MEMORY) -> None:
        self.panel = panel
        self.length = len(panel.dates)
        self._memory = memory
        self._digest = panel.digest

    def remember(self, key: Hashable, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array under (this panel, key)."""
        return self._memory.get((self._digest, key), compute)

    @property
    def prices(self) -> Floats:
        """Prices [T, N], gaps filled with the last known one; nan before the first."""
        return self.remember("prices", lambda: filled(self.panel.prices))

    @property
    def listed(self) -> Bools:
        """Whether a stock has a price on the day [T, N]."""
        return self.remember("listed", lambda: np.isfinite(self.panel.prices))

    @property
    def returns(self) -> Floats:
        """Daily returns [T, N], 0 where unknown."""
        return self.remember("returns", lambda: np.nan_to_num(self.panel.returns, nan=0.0))

    @property
    def market(self) -> Floats:
        """Daily return [T] of the equal-weight market, 0 where unknown."""
        return self.remember("market", lambda: np.nan_to_num(self.panel.market, nan=0.0))

    @property
    def market_level(self) -> Floats:
        """Wealth [T] of 1 held in the market since the first day."""
        return self.remember("level", lambda: np.cumprod(1.0 + self.market))

    @property
    def month(self) -> NDArray[np.int64]:
        """Calendar month 1..12 of each day [T]."""
        months = self.panel.dates.astype("datetime64[M]").astype(np.int64)
        return self.remember("month", lambda: months % 12 + 1)

    def sums(self, name: str) -> Floats:
        """Running sums, after a zero row, of returns `r`, `rr`, `rm` [T+1, N], the market `m`, `mm` [T+1]."""
        products: dict[str, Callable[[], Floats]] = {
            "r": lambda: self.returns,
            "rr": lambda: self.returns**2,
            "rm": lambda: self.returns * self.market[:, None],
            "m": lambda: self.market,
            "mm": lambda: self.market**2,
        }
        return self.remember(("sums", name), lambda: cumulated(products[name]()))

    def known_for(self) -> NDArray[np.intp]:
        """For each stock [N] the first row with a price; the number of rows where there is none."""

        def first() -> NDArray[np.intp]:
            known = np.isfinite(self.prices)
            return np.where(known.any(axis=0), known.argmax(axis=0), self.length)

        return self.remember("first", first)

    def renewals(self, rhythms: Iterable[Every]) -> Rows:
        """The rows on which books of these rhythms are renewed: the first, and each period's first day."""
        chosen = tuple(sorted(set(rhythms)))
        return self.remember(("rows", chosen), lambda: np.flatnonzero(self._starts(chosen)))

    def _starts(self, rhythms: tuple[Every, ...]) -> Bools:
        starts = [trading_days(rhythm, self.panel.dates) for rhythm in rhythms]
        any_of: Bools = np.logical_or.reduce(starts)
        return any_of

    def segments(self, rhythms: Iterable[Every]) -> Rows:
        """For each day [T], the index into `renewals` of the latest renewal."""
        chosen = tuple(sorted(set(rhythms)))

        def index() -> Rows:
            return np.cumsum(self._starts(chosen)) - 1

        return self.remember(("segments", chosen), index)

    def growth(self, rhythms: Iterable[Every]) -> Floats:
        """Price of each day over the price at the latest renewal [T, N]; 1 where unknown."""
        chosen = tuple(sorted(set(rhythms)))

        def ratio() -> Floats:
            base = self.prices[self.renewals(chosen)][self.segments(chosen)]
            return np.nan_to_num(self.prices / base, nan=1.0)

        return self.remember(("growth", chosen), ratio)
