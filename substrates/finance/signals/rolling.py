"""Rolling statistics whose row t looks at rows up to t only; rows without a full window are nan.

Sums run along axis 0 from the first row, so a later row can never change an earlier result, not even by
rounding. Cost is linear in the number of rows, whatever the window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from substrates.finance.signals.position import Floats

Rows = NDArray[np.intp]


def cumulated(values: Floats) -> Floats:
    """Running sums with a leading zero row: the sum of rows a..b is `out[b + 1] - out[a]`. Nan is 0."""
    out = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(np.nan_to_num(values, nan=0.0), axis=0, out=out[1:])
    return out


def window_sum(running: Floats, rows: Rows, days: int) -> Floats:
    """Sums of the `days` rows that end at each of `rows`, from `cumulated`; nan where rows are missing."""
    first = rows + 1 - days
    out = running[rows + 1] - running[np.maximum(first, 0)]
    out[first < 0] = np.nan
    return out


def lagged(values: Floats, rows: Rows, days: int) -> Floats:
    """The values `days` rows before each of `rows`; nan where there is none."""
    source = rows - days
    out = values[np.maximum(source, 0)].astype(np.float64)
    out[source < 0] = np.nan
    return out


def rolling_mean(values: Floats, days: int) -> Floats:
    """Mean of the last `days` rows; nan unless all of them are finite."""
    rows = np.arange(len(values))
    out = window_sum(cumulated(values), rows, days) / days
    unknown = window_sum(cumulated((~np.isfinite(values)).astype(np.float64)), rows, days)
    out[~(unknown == 0)] = np.nan
    return out


def rolling_max(values: Floats, days: int) -> Floats:
    """Largest finite value of the last `days` rows; nan without a full window."""
    known = np.where(np.isfinite(values), values, -np.inf)
    # This origin makes the filter's window end at the row itself.
    out: Floats = maximum_filter1d(known, days, axis=0, mode="nearest", origin=(days - 1) // 2)
    out[: days - 1] = np.nan
    out[np.isneginf(out)] = np.nan
    return out


def variance(total: Floats, total_of_squares: Floats, days: int) -> Floats:
    """Sample variance from sums over `days` values; rounding never makes it negative."""
    spread: Floats = np.maximum(total_of_squares - total**2 / days, 0.0) / (days - 1)
    return spread


def filled(values: Floats) -> Floats:
    """Gaps filled with the last finite value above them; leading nan stay."""
    known = np.isfinite(values)
    if known.all():
        return values
    index = np.where(known, np.arange(len(values))[:, None], 0)
    gapless: Floats = np.take_along_axis(values, np.maximum.accumulate(index, axis=0), axis=0)
    return gapless
