"""A user's own prices: CSV or Parquet, wide (date x ticker) or long (date, ticker, close)."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evolve.errors import UsageError

__all__ = ["MINIMUM_DAYS", "read_prices", "read_sectors"]

# Three years: one to learn from, one to be ranked by, one to trade.
MINIMUM_DAYS = 756
_HELP = "See docs/prices.md."
_NO_PRICE = ("NA", "NaN", "nan")
_TIME_OF_DAY = r"[T ]\d{1,2}:\d{2}.*$"


def read_prices(path: str) -> pd.DataFrame:
    """Closes by date x ticker, dates ascending. Raises UsageError that names row and column, counted as in the
    file: its header is row 1."""
    file = Path(path)
    table = _table(file, "substrate.market.path")
    names = {str(column).strip().lower(): column for column in table.columns}
    if "date" not in names and table.columns.size and str(table.columns[0]).strip():
        names["date"] = table.columns[0]
    if "date" not in names:
        raise UsageError(f"{file}: there is no column 'date'. Name the first column 'date'. {_HELP}")
    days = _days(file, table, names["date"])
    told = {"ticker", "close"} & set(names)
    if len(told) == 1:
        raise UsageError(
            f"{file}: the column {names[told.pop()]!r} is no stock. Give a row a price (date, ticker, close), or a "
            f"column of closes a ticker. {_HELP}"
        )
    frame = _long(file, table, days, names) if told else _wide(file, table, days, names["date"])
    if len(frame) < MINIMUM_DAYS:
        raise UsageError(f"{file}: {len(frame)} days of prices are too few; at least {MINIMUM_DAYS} are needed.")
    return frame


def read_sectors(path: str, tickers: Sequence[str]) -> dict[str, str]:
    """ticker -> sector, of a CSV or Parquet with these two columns. Raises UsageError."""
    file = Path(path)
    table = _table(file, "substrate.market.sectors")
    names = {str(column).strip().lower(): column for column in table.columns}
    if not {"ticker", "sector"} <= set(names):
        had = ", ".join(map(str, table.columns))
        raise UsageError(f"{file}: it needs the columns 'ticker' and 'sector', and has {had}. {_HELP}")
    found: dict[str, str] = {}
    for row, (ticker, sector) in enumerate(zip(table[names["ticker"]], table[names["sector"]], strict=True)):
        if str(ticker) not in tickers:
            raise UsageError(f"{file}: row {row + 2}: {ticker!r} has no prices. Take the row out, or add prices.")
        if not isinstance(sector, str) or sector.strip() in ("", *_NO_PRICE):
            raise UsageError(f"{file}: row {row + 2}: {ticker!r} has no sector. Fill it in, or take the row out.")
        if str(ticker) in found:
            raise UsageError(f"{file}: row {row + 2}: {ticker!r} is there twice. Take one of the rows out.")
        found[str(ticker)] = sector.strip()
    return found


def _table(file: Path, option: str) -> pd.DataFrame:
    if not file.is_file():
        raise UsageError(f"{option}={file}: there is no such file. Give the path of a CSV or Parquet file. {_HELP}")
    name = file.name.lower()
    if not name.endswith((".parquet", ".pq", ".csv", ".csv.gz", ".txt")):
        raise UsageError(
            f"{option}={file}: {file.suffix or 'no ending'!r} is no type that can be read; use .csv or .parquet."
        )
    try:
        if name.endswith((".parquet", ".pq")):
            table = _with_index(pd.read_parquet(file))
            header = pd.Series([str(column) for column in table.columns])
        else:
            table = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""])
            # As it is written: pandas gives a second column of the same name another one.
            header = pd.read_csv(file, dtype=str, keep_default_na=False, header=None, nrows=1).iloc[0]
    except (ValueError, OSError, EOFError, zlib.error) as error:
        said = str(error).strip().splitlines()
        raise UsageError(f"{file} cannot be read as a table: {said[0] if said else error!r}. {_HELP}") from None
    if table.columns.nlevels > 1:
        raise UsageError(f"{file}: it has {table.columns.nlevels} header rows. Keep the closes, one column a ticker.")
    header = header.astype(str).str.strip()
    twice = header[header.duplicated() & (header != "")]
    if len(twice):
        raise UsageError(f"{file}: the column {twice.iloc[0]!r} is there twice. Take one of them out.")
    return table


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    """The index as the first column, unless it only counts the rows."""
    if isinstance(table.index, pd.RangeIndex):
        return table
    dated = "date" in {str(column).strip().lower() for column in table.columns}
    return table.reset_index(drop=dated and list(table.index.names) == [None])


def _days(file: Path, table: pd.DataFrame, column: object) -> pd.Series:
    """The days as they are written, whatever the time of day and its zone."""
    if len(table) == 0:
        raise UsageError(f"{file}: there are no rows under the header. {_HELP}")
    raw = table[column]
    if pd.api.types.is_numeric_dtype(raw):
        raw = raw.astype(str)  # 19940103 is a day, and no nanosecond of 1970
    if pd.api.types.is_string_dtype(raw):
        raw = raw.str.replace(_TIME_OF_DAY, "", regex=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a format is not clear; the refusal below says more
        days = pd.to_datetime(raw, errors="coerce", format="mixed" if raw.dtype == object else None)
    if isinstance(days.dtype, pd.DatetimeTZDtype):
        days = days.dt.tz_localize(None)
    bad = np.flatnonzero(days.isna().to_numpy())
    if bad.size:
        value = str(table[column].iloc[bad[0]])
        raise UsageError(f"{file}: row {bad[0] + 2}, column {column!r}: {value!r} is no date; write it as 1994-01-03.")
    return days.dt.normalize()


def _numbers(file: Path, table: pd.DataFrame, column: object) -> np.ndarray:
    raw = table[column].mask(table[column].isin(_NO_PRICE))
    numbers = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=float)
    there = raw.notna().to_numpy()
    bad = np.flatnonzero(there & ~np.isfinite(numbers))
    if bad.size:
        raise UsageError(
            f"{file}: row {bad[0] + 2}, column {column!r}: {str(raw.iloc[bad[0]])!r} is no number. "
            "Leave a missing price empty."
        )
    low = np.flatnonzero(there & (numbers <= 0))
    if low.size:
        raise UsageError(
            f"{file}: row {low[0] + 2}, column {column!r}: the price {raw.iloc[low[0]]} is not above 0. "
            "Use adjusted closes; leave a missing one empty."
        )
    return numbers


def _wide(file: Path, table: pd.DataFrame, days: pd.Series, date: object) -> pd.DataFrame:
    _ascending(file, days, date)
    columns = [column for column in table.columns if column != date]
    if not columns:
        raise UsageError(f"{file}: there is no price column beside {date!r}. {_HELP}")
    values = {}
    for column in columns:
        values[str(column)] = _numbers(file, table, column)
        if np.isnan(values[str(column)]).all():
            raise UsageError(f"{file}: column {column!r} holds no price at all. Take it out.")
    return pd.DataFrame(values, index=pd.DatetimeIndex(days))


def _ascending(file: Path, days: pd.Series, date: object) -> None:
    step = np.diff(days.to_numpy())
    back = np.flatnonzero(step < np.timedelta64(0))
    if back.size:
        row = back[0] + 1
        raise UsageError(
            f"{file}: row {row + 2}, column {date!r}: {days.iloc[row]:%Y-%m-%d} comes after "
            f"{days.iloc[row - 1]:%Y-%m-%d}. Sort the rows by date."
        )
    same = np.flatnonzero(step == np.timedelta64(0))
    if same.size:
        row = same[0] + 1
        raise UsageError(f"{file}: row {row + 2}, column {date!r}: {days.iloc[row]:%Y-%m-%d} is there twice.")


def _long(file: Path, table: pd.DataFrame, days: pd.Series, columns: Mapping[str, Hashable]) -> pd.DataFrame:
    ticker = columns["ticker"]
    numbers = _numbers(file, table, columns["close"])
    names = table[ticker]
    nameless = np.flatnonzero(names.isna().to_numpy())
    if nameless.size:
        raise UsageError(f"{file}: row {nameless[0] + 2}, column {ticker!r}: there is no ticker. Fill it in.")
    rows = pd.DataFrame({"date": days, "ticker": names.astype(str), "close": numbers})
    back = np.flatnonzero((rows.groupby("ticker")["date"].diff() < pd.Timedelta(0)).to_numpy())
    twice = np.flatnonzero(rows.duplicated(["date", "ticker"]).to_numpy())
    if twice.size:
        row = rows.iloc[twice[0]]
        raise UsageError(
            f"{file}: row {twice[0] + 2}, column {ticker!r}: {row['ticker']} on {row['date']:%Y-%m-%d} is there twice."
        )
    if back.size:
        row = rows.iloc[back[0]]
        raise UsageError(
            f"{file}: row {back[0] + 2}, column {columns['date']!r}: {row['ticker']} goes back to "
            f"{row['date']:%Y-%m-%d}. Sort each ticker's rows by date."
        )
    frame = rows.pivot(index="date", columns="ticker", values="close").sort_index()
    empty = [str(name) for name in frame.columns if frame[name].isna().all()]
    if empty:
        raise UsageError(f"{file}: ticker {empty[0]!r} has no price at all. Take its rows out.")
    frame.index = pd.DatetimeIndex(frame.index)
    frame.columns = pd.Index([str(name) for name in frame.columns])
    return frame
