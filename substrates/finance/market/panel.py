"""One market, point in time: what was known at the close of each day, and the one function that slices it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Panel"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Panel:
    """T days of N stocks, and the macro series as they were known at each close.

    `dates` [T]; `prices` [T, N], adjusted closes, nan before a listing and after a delisting; `sectors` ticker
    -> GICS sector; `series` name -> [T], lagged already, nan where there is nothing to know (whatever needs it
    is neutral then); `missing` name -> one sentence on why and since when.
    """

    dates: npt.NDArray[np.datetime64]
    tickers: tuple[str, ...]
    prices: Floats
    sectors: Mapping[str, str]
    series: Mapping[str, Floats]
    missing: Mapping[str, str]
    _parent: Panel | None = field(default=None, repr=False)
    _prefixes: dict[int, Panel] = field(default_factory=dict, repr=False)

    @cached_property
    def returns(self) -> Floats:
        """[T, N] simple daily returns; 0 on the first row and wherever a price is missing."""
        if self._parent is not None:
            head: Floats = self._parent.returns[: len(self.dates)]
            return head
        out = np.zeros_like(self.prices)
        out[1:] = self.prices[1:] / self.prices[:-1] - 1
        return np.nan_to_num(out, copy=False, nan=0.0)

    @cached_property
    def market(self) -> Floats:
        """[T] mean return of the stocks that were listed on both days."""
        if self._parent is not None:
            head: Floats = self._parent.market[: len(self.dates)]
            return head
        listed = np.isfinite(self.prices)
        both = np.vstack([listed[:1], listed[1:] & listed[:-1]])
        mean: Floats = self.returns.sum(axis=1) / np.maximum(both.sum(axis=1), 1)
        return mean

    @cached_property
    def month_starts(self) -> npt.NDArray[np.bool_]:
        """[T] whether a day is the first trading day of its month (the first row is)."""
        months = self.dates.astype("datetime64[M]")
        return np.concatenate([[True], months[1:] != months[:-1]])

    @cached_property
    def digest(self) -> str:
        """sha256 in hex: of the content, or of the parent's digest and the length."""
        if self._parent is not None:
            return hashlib.sha256(f"{self._parent.digest} {len(self.dates)}".encode()).hexdigest()
        content = hashlib.sha256(" ".join(self.tickers).encode())
        content.update(repr(sorted(self.sectors.items())).encode())
        content.update(self.dates.astype("datetime64[D]").astype(np.int64).tobytes())
        content.update(np.ascontiguousarray(self.prices).tobytes())
        for name in sorted(self.series):
            content.update(name.encode() + np.ascontiguousarray(self.series[name]).tobytes())
        return content.hexdigest()

    def until(self, stop: int) -> Panel:
        """Rows [0, stop): THE function that slices history. Views, remembered by `stop`."""
        if stop >= len(self.dates):
            return self
        if stop not in self._prefixes:
            self._prefixes[stop] = Panel(
                self.dates[:stop],
                self.tickers,
                self.prices[:stop],
                self.sectors,
                {name: values[:stop] for name, values in self.series.items()},
                self.missing,
                _parent=self,
            )
        return self._prefixes[stop]

    def index(self, day: date | str) -> int:
        """The first row on or after `day`; T when there is none."""
        return int(np.searchsorted(self.dates, np.datetime64(day, "D")))
