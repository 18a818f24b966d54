"""A user's own prices: four files say the same, and what cannot be used is refused by row and column."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.errors import UsageError
from substrates.finance.market import load_panel
from substrates.finance.market.prices import MINIMUM_DAYS, read_prices, read_sectors
from substrates.finance.market.sources import SECTORS

DAYS = MINIMUM_DAYS + 10
Rows = list[list[str]]


def closes(seed: int = 0, holes: bool = True) -> pd.DataFrame:
    """Weekdays from 2000-01-03, three tickers: one listed late, one with a hole, one that ends early."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 1, (DAYS, 3)))
    if holes:
        values[:20, 0] = values[30:33, 1] = values[-5:, 2] = np.nan
    dates = pd.bdate_range("2000-01-03", periods=DAYS, name="date")
    return pd.DataFrame(values, index=pd.DatetimeIndex(dates, freq=None), columns=["AA", "B.2", "C"])


def long_form(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a price, ticker after ticker; a missing price has no row."""
    return frame.reset_index().melt("date", var_name="ticker", value_name="close").dropna()


def save(table: pd.DataFrame, path: Path, index: bool = False) -> str:
    if path.suffix in (".parquet", ".pq"):
        table.to_parquet(path, index=index)
    else:
        table.to_csv(path, index=index)
    return str(path)


def same(read: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Equal to the last bit, whatever unit the dates are counted in."""
    assert read.index.to_numpy().astype("datetime64[D]").tolist() == wanted.index.to_numpy().astype("M8[D]").tolist()
    assert list(read.columns) == list(wanted.columns)
    assert all(isinstance(column, str) for column in read.columns)
    assert read.to_numpy().dtype == float
    assert np.array_equal(read.to_numpy(), wanted.to_numpy(), equal_nan=True)


# -- what is read ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".txt", ".CSV", ".parquet", ".pq"])
@pytest.mark.parametrize("form", ["wide", "wide by index", "long", "long by date"])
def test_wide_and_long_csv_and_parquet_are_the_same_frame(tmp_path: Path, form: str, ending: str) -> None:
    frame = closes()
    table = frame.reset_index() if form == "wide" else frame if form == "wide by index" else long_form(frame)
    if form == "long by date":
        table = table.sort_values(["date", "ticker"])
    same(read_prices(save(table, tmp_path / f"p{ending}", index=form == "wide by index")), frame)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_no_digit_is_lost(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    frame = closes(seed)
    path = tmp_path_factory.mktemp("prices") / "p.csv"
    same(read_prices(save(frame.reset_index(), path)), frame)
    same(read_prices(save(long_form(frame), path)), frame)


DATES: dict[str, Callable[[pd.DatetimeIndex], Any]] = {
    "compact": lambda dates: dates.strftime("%Y%m%d"),
    "at midnight": lambda dates: dates.strftime("%Y-%m-%d 00:00:00"),
    "at the close": lambda dates: dates.strftime("%Y-%m-%dT16:00:00Z"),
    # As the usual downloads write them: New York's midnight, in winter and in summer time.
    "with a zone": lambda dates: dates.tz_localize("America/New_York").astype(str),
    "ahead of Greenwich": lambda dates: dates.tz_localize("Asia/Tokyo").astype(str),
}


@pytest.mark.parametrize("style", DATES)
def test_a_date_is_the_day_that_is_written(tmp_path: Path, style: str) -> None:
    frame = closes()
    dates = pd.DatetimeIndex(frame.index)
    table = frame.reset_index(drop=True)
    table.insert(0, "date", DATES[style](dates))
    same(read_prices(save(table, tmp_path / "p.csv")), frame)
    same(read_prices(save(table, tmp_path / "p.parquet")), frame)


@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Tokyo"])
def test_parquet_s_own_kinds_of_date_are_days(tmp_path: Path, zone: str | None) -> None:
    frame = closes()
    table = frame.copy()
    table.index = pd.DatetimeIndex(frame.index).tz_localize(zone)
    same(read_prices(save(table, tmp_path / "zone.parquet", index=True)), frame)
    whole = frame.reset_index(drop=True)
    whole.insert(0, "date", pd.DatetimeIndex(frame.index).date)
    same(read_prices(save(whole, tmp_path / "day.parquet")), frame)
    whole["date"] = pd.DatetimeIndex(frame.index).strftime("%Y%m%d").astype(int)
    same(read_prices(save(whole, tmp_path / "number.parquet")), frame)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_first_column_without_the_name_date_is_the_date(tmp_path: Path, ending: str) -> None:
    for name in ("Date", " DATE ", "day", None):
        table = closes().rename_axis(name)
        same(read_prices(save(table, tmp_path / f"p{ending}", index=True)), closes())


def test_a_counter_of_rows_is_no_stock(tmp_path: Path) -> None:
    """What sorting and dropping leave behind as an index, pandas stores in the Parquet file."""
    table = closes().reset_index()
    table.index = pd.Index([*range(1, DAYS), 9_999])
    same(read_prices(save(table, tmp_path / "p.parquet", index=True)), closes())
    shuffled = long_form(closes()).sample(frac=1, random_state=1).sort_values(["ticker", "date"])
    same(read_prices(save(shuffled, tmp_path / "p.parquet", index=True)), closes())


def test_long_takes_any_order_of_tickers_and_columns_and_leaves_others_out(tmp_path: Path) -> None:
    table = long_form(closes()).assign(volume="many")[["volume", "close", "ticker", "date"]]
    table = pd.concat([part for _, part in reversed(list(table.groupby("ticker")))])
    named = table.rename(columns={"close": " Close", "ticker": "TICKER", "date": "Date"})
    same(read_prices(save(named, tmp_path / "p.csv")), closes())


@pytest.mark.parametrize("missing", ["", "NA", "NaN", "nan"])
def test_a_missing_price_may_be_empty_or_said(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "p.csv"
    closes().reset_index().to_csv(path, index=False, na_rep=missing)
    same(read_prices(str(path)), closes())


def test_a_ticker_may_read_like_a_word_for_missing(tmp_path: Path) -> None:
    """NA is the National Bank of Canada."""
    frame = closes().rename(columns={"B.2": "NA", "C": "True"})
    same(read_prices(save(long_form(frame), tmp_path / "long.csv")), frame)
    same(read_prices(save(frame.reset_index(), tmp_path / "wide.csv")), frame)
    (tmp_path / "s.csv").write_text("ticker,sector\nNA,Financials\n")
    assert read_sectors(str(tmp_path / "s.csv"), list(frame.columns)) == {"NA": "Financials"}


def test_numbers_may_be_written_as_a_machine_does(tmp_path: Path) -> None:
    rows = table_of(closes(holes=False))
    rows[5][1], rows[6][1], rows[7][1] = "1.5e1", " 15 ", "15"
    assert read_prices(put(tmp_path / "p.csv", rows))["AA"].iloc[4:7].tolist() == [15.0, 15.0, 15.0]


def test_three_years_are_just_enough(tmp_path: Path) -> None:
    frame = closes(holes=False)
    assert len(read_prices(save(frame.iloc[:MINIMUM_DAYS].reset_index(), tmp_path / "p.csv"))) == MINIMUM_DAYS
    too_few = rf"{MINIMUM_DAYS - 1} days of prices are too few; at least {MINIMUM_DAYS} are needed"
    for table in (frame.iloc[1:MINIMUM_DAYS].reset_index(), long_form(frame.iloc[1:MINIMUM_DAYS])):
        refused(too_few, read_prices, save(table, tmp_path / "p.csv"))


# -- what is refused ---------------------------------------------------------------------------


def refused(said: str, read: Callable[..., object], path: str, *args: object) -> None:
    """A UsageError that names the file and says `said`: one sentence or two, and where to read more."""
    with pytest.raises(UsageError, match=said) as error:
        read(path, *args)
    message = str(error.value)
    assert path in message
    assert "\n" not in message
    assert message.endswith(".")
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "''", message.replace(path, "FILE").removesuffix(" See docs/prices.md."))
    assert 1 <= len(re.findall(r"[.](?:\s|$)", plain)) <= 2, message


def table_of(frame: pd.DataFrame) -> Rows:
    """Header and rows as a CSV has them; rows[n] is the n-th under the header, which is row n + 1 of the file."""
    return [line.split(",") for line in frame.reset_index().to_csv(index=False).splitlines()]


def put(path: Path, rows: Rows) -> str:
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def cell(row: int, column: int, said: str) -> Callable[[Rows], Rows]:
    def change(rows: Rows) -> Rows:
        rows[row][column] = said
        return rows

    return change


WIDE = {
    "a word": (cell(10, 1, "abc"), r"row 11, column 'AA': 'abc' is no number\. Leave a missing price empty"),
    "a comma": (cell(10, 2, '"1,5"'), r"row 11, column 'B\.2': '1,5' is no number"),
    "a blank": (cell(10, 2, " "), r"row 11, column 'B\.2': ' ' is no number"),
    "a truth": (cell(1, 1, "True"), r"row 2, column 'AA': 'True' is no number"),
    "infinite": (cell(10, 1, "inf"), r"row 11, column 'AA': 'inf' is no number"),
    "too large": (cell(10, 1, "1e400"), r"row 11, column 'AA': '1e400' is no number"),
    "zero": (cell(10, 1, "0"), r"row 11, column 'AA': the price 0 is not above 0\. Use adjusted closes"),
    "negative": (cell(DAYS, 3, "-1.5"), rf"row {DAYS + 1}, column 'C': the price -1\.5 is not above 0"),
    "no date": (cell(10, 0, "someday"), r"row 11, column 'date': 'someday' is no date; write it as 1994-01-03"),
    "no such day": (cell(10, 0, "2000-02-30"), r"row 11, column 'date': '2000-02-30' is no date"),
    "no date at all": (cell(10, 0, ""), r"row 11, column 'date': .* is no date"),
    "unsorted": (cell(10, 0, "2000-01-03"), r"row 11, column 'date': 2000-01-03 comes after 2000-01-13\. Sort"),
    "twice": (cell(10, 0, "2000-01-13"), r"row 11, column 'date': 2000-01-13 is there twice"),
    "twice a day": (cell(10, 0, "2000-01-13 16:00"), r"row 11, column 'date': 2000-01-13 is there twice"),
    "newest first": (lambda rows: [rows[0], *rows[:0:-1]], r"row 3, column 'date': .* comes after .*\. Sort the rows"),
    "no price": (lambda rows: [[*row, "X" if not n else ""] for n, row in enumerate(rows)],
                 r"column 'X' holds no price at all\. Take it out"),
    "one ticker twice": (cell(0, 2, "AA"), r"the column 'AA' is there twice\. Take one of them out"),
    "one but for a blank": (cell(0, 2, "AA "), r"the column 'AA' is there twice"),
    "only dates": (lambda rows: [row[:1] for row in rows], r"there is no price column beside 'date'"),
    "no date column": (lambda rows: [row[1:] for row in rows], r"row 2, column 'AA': .* is no date"),
    "a nameless date": (cell(0, 0, '" "'), r"there is no column 'date'\. Name the first column 'date'"),
    "one stock's bars": (lambda rows: [["date", "open", "high", "close"], *rows[1:]],
                         r"the column 'close' is no stock\. Give a row a price \(date, ticker, close\)"),
    "no rows": (lambda rows: rows[:1], r"there are no rows under the header"),
    "a row too long": (lambda rows: [*rows[:9], [*rows[9], "1"], *rows[10:]], r"cannot be read as a table: .*line 10"),
    "an open quote": (cell(10, 1, '"1'), r"cannot be read as a table: .*inside string"),
}  # fmt: skip


@pytest.mark.parametrize("case", WIDE)
def test_a_wide_table_that_cannot_be_used_is_refused_by_row_and_column(tmp_path: Path, case: str) -> None:
    change, said = WIDE[case]
    refused(said, read_prices, put(tmp_path / "p.csv", change(table_of(closes(holes=False)))))


LONG = {
    "a word": (cell(10, 2, "abc"), r"row 11, column 'Close': 'abc' is no number\. Leave a missing price empty"),
    "infinite": (cell(10, 2, "-inf"), r"row 11, column 'Close': '-inf' is no number"),
    "zero": (cell(10, 2, "0.0"), r"row 11, column 'Close': the price 0\.0 is not above 0"),
    "no ticker": (cell(DAYS + 10, 1, ""), rf"row {DAYS + 11}, column 'ticker': there is no ticker\. Fill it in"),
    "no date": (cell(10, 0, "x"), r"row 11, column 'Date': 'x' is no date; write it as 1994-01-03"),
    "twice": (lambda rows: [*rows, rows[DAYS + 10]],
              rf"row {3 * DAYS + 2}, column 'ticker': B\.2 on 2000-01-14 is there twice"),
    "unsorted": (lambda rows: [*rows[:10], rows[11], rows[10], *rows[12:]],
                 r"row 12, column 'Date': AA goes back to 2000-01-14\. Sort each ticker's rows by date"),
    "no price": (lambda rows: [[*row[:2], "" if row[1] == "C" else row[2]] for row in rows],
                 r"ticker 'C' has no price at all\. Take its rows out"),
    "no close": (lambda rows: [row[:2] for row in rows], r"the column 'ticker' is no stock\. Give a row a price"),
}  # fmt: skip


@pytest.mark.parametrize("case", LONG)
def test_a_long_table_that_cannot_be_used_is_refused_by_row_and_column(tmp_path: Path, case: str) -> None:
    change, said = LONG[case]
    lines = long_form(closes(holes=False)).to_csv(index=False).splitlines()
    rows = change([["Date", "ticker", "Close"], *(line.split(",") for line in lines[1:])])
    refused(said, read_prices, put(tmp_path / "p.csv", rows))


@settings(max_examples=25)
@given(
    row=st.integers(1, DAYS),
    column=st.integers(1, 3),
    said=st.sampled_from(["abc", "0", "-3", "inf", "1;5", "--"]),
)
def test_the_row_and_the_column_are_those_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, row: int, column: int, said: str
) -> None:
    path = tmp_path_factory.mktemp("prices") / "p.csv"
    rows = cell(row, column, said)(table_of(closes(holes=False)))
    with pytest.raises(UsageError) as error:
        read_prices(put(path, rows))
    line, place = path.read_text().splitlines(), re.search(r"row (\d+), column '(.*?)': ", str(error.value))
    assert place is not None
    assert line[int(place[1]) - 1].split(",")[line[0].split(",").index(place[2])] == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.assign(C=np.inf), r"row 2, column 'C': 'inf' is no number"),
        (lambda frame: frame.assign(C=1 - 3.0 * (np.arange(DAYS) == 9)), r"row 11, column 'C': the price -2\.0 is not"),
        (lambda frame: frame.assign(C=np.nan), r"column 'C' holds no price at all"),
        (lambda frame: frame.iloc[::-1], r"row 3, column 'date': .* comes after"),
        (lambda frame: frame.iloc[[0, 0, *range(1, DAYS)]], r"row 3, column 'date': 2000-01-03 is there twice"),
        (lambda frame: frame.reset_index(drop=True), r"row 2, column 'AA': .* is no date"),
        (lambda frame: frame.set_axis(pd.MultiIndex.from_product([["Close"], frame.columns]), axis=1),
         r"it has 2 header rows\. Keep the closes, one column a ticker"),
    ],
)  # fmt: skip
def test_parquet_is_refused_in_the_same_words(tmp_path: Path, change: Any, said: str) -> None:
    table = change(closes(holes=False))
    refused(said, read_prices, save(table, tmp_path / "p.parquet", index=isinstance(table.index, pd.DatetimeIndex)))


@pytest.mark.parametrize("option", ["path", "sectors"])
def test_a_file_that_is_none_is_refused_by_its_option(tmp_path: Path, option: str) -> None:
    def read(path: str) -> object:
        return read_prices(path) if option == "path" else read_sectors(path, ["AA"])

    name = f"substrate.market.{option}"
    (tmp_path / "folder.csv").mkdir()
    for missing in ("nowhere.csv", "folder.csv"):
        refused(
            rf"{name}=.*: there is no such file\. Give the path of a CSV or Parquet file", read, f"{tmp_path}/{missing}"
        )
    for other, said in (
        ("p.xlsx", r"'\.xlsx'"),
        ("prices", "'no ending'"),
        ("p.csv.zip", r"'\.zip'"),
        ("p.gz", r"'\.gz'"),
    ):
        (tmp_path / other).write_text("date,A\n")
        refused(rf"{name}=.*: {said} is no type that can be read; use \.csv or \.parquet", read, f"{tmp_path}/{other}")


WHOLE = gzip.compress(closes().to_csv().encode())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", b""),
        ("p.csv", b"date,A\n\xff\xfe\x00,3\n"),
        ("p.csv.gz", b"date,A\n"),
        ("p.csv.gz", WHOLE[:-100]),
        ("p.csv.gz", WHOLE[:50] + b"x" * 20 + WHOLE[70:]),
        ("p.parquet", b""),
        ("p.parquet", b"date,A\n2000-01-03,1\n"),
        ("p.parquet", b"PAR1" + b"\0" * 100 + b"PAR1"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refused(r"cannot be read as a table: ", read_prices, str(tmp_path / name))


# -- sectors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_sector_map_may_leave_tickers_out(tmp_path: Path, ending: str) -> None:
    table = pd.DataFrame({"name": ["x", "y"], "Sector": [" Energy", "Oil & Gas"], "TICKER ": ["C", "AA"]})
    read = read_sectors(save(table, tmp_path / f"s{ending}"), ["AA", "B.2", "C"])
    assert read == {"C": "Energy", "AA": "Oil & Gas"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ticker,sector\nAA,Energy\nZZ,Energy\n", r"row 3: 'ZZ' has no prices\. Take the row out, or add prices"),
        ("ticker,sector\naa,Energy\n", r"row 2: 'aa' has no prices"),
        ("ticker,sector\nAA,\n", r"row 2: 'AA' has no sector\. Fill it in, or take the row out"),
        ("ticker,sector\nAA, \n", r"row 2: 'AA' has no sector"),
        ("ticker,sector\nAA,NA\n", r"row 2: 'AA' has no sector"),
        ("ticker,sector\n,Energy\n", r"row 2: .* has no prices"),
        ("ticker,sector\nAA,Energy\nAA,Banks\n", r"row 3: 'AA' is there twice\. Take one of the rows out"),
        ("ticker,industry\nAA,Energy\n", r"it needs the columns 'ticker' and 'sector', and has ticker, industry"),
        ("symbol;sector\nAA;Energy\n", r"it needs the columns 'ticker' and 'sector', and has symbol;sector"),
        ("", "cannot be read as a table"),
    ],
)
def test_a_sector_map_that_cannot_be_used_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    refused(said, read_sectors, str(path), ["AA", "B.2", "C"])


def test_the_panel_of_own_prices_has_the_own_sectors_and_the_built_in_series(tmp_path: Path) -> None:
    prices = save(closes().reset_index(), tmp_path / "p.csv")
    (tmp_path / "s.csv").write_text("ticker,sector\nC,Energy\n")
    panel = load_panel(prices, str(tmp_path / "s.csv"))
    assert (panel.tickers, dict(panel.sectors)) == (("AA", "B.2", "C"), {"C": "Energy"})
    assert load_panel(prices).sectors == {}, "own prices have no sectors but those that are given"
    assert np.isfinite(panel.series["oil"]).all()
    other = save(long_form(closes()), tmp_path / "p.parquet")
    assert load_panel(other, str(tmp_path / "s.csv")).digest == panel.digest


# -- the page that says so -----------------------------------------------------------------------

ROOT = Path(__file__).parents[4]


def test_the_page_shows_tables_that_are_read(tmp_path: Path) -> None:
    """Its examples, but for their length; and every refusal that it lists is one of ours."""
    page = (ROOT / "docs" / "prices.md").read_text(encoding="utf-8")
    wide, long, sectors = re.findall(r"```csv\n(.*?)```", page, flags=re.DOTALL)
    for number, example in enumerate((wide, long)):
        (tmp_path / f"{number}.csv").write_text(example)
        refused("2 days of prices are too few", read_prices, str(tmp_path / f"{number}.csv"))
    (tmp_path / "s.csv").write_text(sectors)
    assert set(read_sectors(str(tmp_path / "s.csv"), ["AAPL", "KO", "XOM"]).values()) <= set(SECTORS.values())
    listed = re.findall(r"^\| (.*?) \|", page.split("| It says |")[1], flags=re.MULTILINE)
    assert len(listed) > 12
    code = "".join(
        (ROOT / "substrates/finance" / name).read_text("utf-8") for name in ("market/prices.py", "settings.py")
    )
    code = re.sub(r"\{.*?\}", " ", re.sub(r'"\s*f?"', "", code))
    for phrase in listed[1:]:
        for part in re.split(r" ?\.\.\.;? ?|; (?=goes|has no)|'close'|\b[02] ", phrase):
            assert part in code, part
