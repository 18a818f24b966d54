"""The market, point in time: what was known at each close, found again from the raw series by other means."""

from __future__ import annotations

import bisect
import calendar
import itertools
import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from panels import changed, small_panel

from evolve.errors import UsageError
from substrates.finance.market import assemble, load_panel, sources
from substrates.finance.market.assemble import CARRIED
from substrates.finance.market.panel import Panel
from substrates.finance.market.sources import SECTORS, Source, built_in_prices, built_in_sources

PANEL = load_panel()
SOURCES = built_in_sources()
DAYS = [date.fromisoformat(str(day)) for day in PANEL.dates]
DELAYS = {"credit_spread": 5, "inflation": 20}  # days after the end of the month; the French data below
LENGTH = len(DAYS)


def first_known(name: str, observed: date) -> date:
    """The day from which an observation may be used: by the table at the head of sources.py, not by its code."""
    if SOURCES[name].every == "day":
        return observed + timedelta(days=1)
    end = observed.replace(day=calendar.monthrange(observed.year, observed.month)[1])
    return end + timedelta(days=DELAYS.get(name, 35))


class Raw:
    """A raw series as plain lists: when each value became known, and for how long it is worth something."""

    def __init__(self, name: str) -> None:
        values = SOURCES[name].values.sort_index()
        self.values = [float(value) for value in values]
        self.known = [first_known(name, when.date()) for when in values.index]
        self.lasts = timedelta(days=10 if SOURCES[name].every == "day" else 41)

    def at(self, day: date) -> float:
        place = bisect.bisect_right(self.known, day) - 1
        return self.values[place] if place >= 0 and day - self.known[place] <= self.lasts else math.nan


def row_of(day: str) -> int:
    return DAYS.index(date.fromisoformat(day))


# -- the built-in market -----------------------------------------------------------------------


def test_the_built_in_market_is_twenty_stocks_of_thirty_three_years() -> None:
    assert PANEL.prices.shape == (LENGTH, 20)
    assert (DAYS[0], DAYS[-1]) == (date(1990, 1, 2), date(2022, 12, 28))
    assert all(one < two for one, two in itertools.pairwise(DAYS))
    assert all(day.weekday() < 5 for day in DAYS)
    assert np.isfinite(PANEL.prices).all()
    assert (PANEL.prices > 0).all()
    assert list(PANEL.tickers) == sorted(SECTORS)
    assert PANEL.sectors == SECTORS
    assert load_panel() is PANEL, "it is read once"


def test_the_prices_are_the_raw_ones_day_by_day() -> None:
    raw = built_in_prices()
    assert [when.date() for when in raw.index] == DAYS
    assert np.array_equal(raw.to_numpy(), PANEL.prices)


def test_every_series_of_the_table_is_there() -> None:
    known = {"oil", "gold", "vix", "index", "credit_spread", "inflation", "term_spread"}
    known |= {f"treasury_{short}" for short in ("3m", "6m", "1y", "2y", "5y", "10y", "30y")}
    known |= {f"factor_{name}" for name in ("market", "size", "value", "momentum")}
    industries = [name for name in PANEL.series if name.startswith("industry_")]
    assert set(PANEL.series) == set(SOURCES) == known | set(industries)
    assert len(industries) == 12
    assert all(values.shape == (LENGTH,) for values in PANEL.series.values())


@pytest.mark.parametrize(
    ("name", "day", "value"),
    [
        ("oil", "2008-07-03", 145.31),  # WTI's highest close, in dollars
        ("gold", "2011-09-05", 1895.0),  # the London fixing's
        ("index", "2008-09-15", 1192.70),  # the day Lehman failed
        ("vix", "2015-08-24", 0.4074),  # 40.74
        ("treasury_10y", "2003-06-13", 0.0313),
        ("term_spread", "2007-02-27", 0.0450 - 0.0514),  # inverted
        ("credit_spread", "2008-12-01", 0.0843 - 0.0505),
        ("inflation", "2007-12-01", 0.0244),
        ("factor_market", "2008-10-01", -0.1723),
        ("factor_momentum", "2009-04-01", -0.3458),  # the momentum crash
    ],
)
def test_the_raw_series_are_those_that_history_knows(name: str, day: str, value: float) -> None:
    """In decimals and dollars, on the right day: what anybody can look up."""
    assert SOURCES[name].values[day] == pytest.approx(value, abs=6e-5 * max(1.0, value))


# -- point in time -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_each_day_holds_the_last_value_that_was_known(name: str) -> None:
    """On random days, and around every boundary: the rows beside a sample of first known days, both ends."""
    raw, rng = Raw(name), np.random.default_rng(len(name))
    rows = {*range(5), *range(LENGTH - 5, LENGTH), *map(int, rng.integers(0, LENGTH, 300))}
    ends = [raw.known[0], raw.known[-1], raw.known[-1] + raw.lasts]
    for day in [*ends, *(raw.known[i] for i in rng.integers(0, len(raw.known), 200))]:
        place = bisect.bisect_left(DAYS, day)
        rows |= {row for row in range(place - 2, place + 3) if 0 <= row < LENGTH}
    for row in sorted(rows):
        assert np.array_equal(PANEL.series[name][row], raw.at(DAYS[row]), equal_nan=True), DAYS[row]


@pytest.mark.parametrize("name", [name for name in sorted(SOURCES) if SOURCES[name].every == "day"])
def test_a_daily_value_is_used_from_the_next_market_day_on(name: str) -> None:
    values = SOURCES[name].values
    observed = {when.date() for when in values.index}
    consecutive = [row for row in range(1, LENGTH) if DAYS[row - 1] in observed]
    assert len(consecutive) > 5_000
    for row in consecutive[::7]:
        between = values.loc[str(DAYS[row - 1]) : str(DAYS[row] - timedelta(days=1))]
        assert PANEL.series[name][row] == between.iloc[-1]


@pytest.mark.parametrize(
    ("name", "month", "before", "first"),
    [
        ("credit_spread", "2008-11-01", "2008-12-04", "2008-12-05"),
        ("inflation", "2008-01-01", "2008-02-19", "2008-02-20"),
        ("inflation", "2007-02-01", "2007-03-19", "2007-03-20"),
        ("factor_value", "2008-01-01", "2008-03-05", "2008-03-06"),
        ("industry_energy", "2008-02-01", "2008-04-03", "2008-04-04"),
    ],
)
def test_a_month_is_known_some_days_after_its_end(name: str, month: str, before: str, first: str) -> None:
    values = SOURCES[name].values
    place = values.index.get_loc(month)
    assert isinstance(place, int)
    assert PANEL.series[name][row_of(before)] == values.iloc[place - 1]
    assert PANEL.series[name][row_of(first)] == values.iloc[place]
    assert values.iloc[place] != values.iloc[place - 1]


def test_the_vix_before_2014_is_the_realised_volatility_of_the_index() -> None:
    index, vix = SOURCES["index"].values, SOURCES["vix"].values
    assert vix.loc["2014-01-03"] == pytest.approx(0.1376)
    for day in ("1990-01-31", "1998-08-31", "2008-10-10", "2013-12-31", "2014-01-02"):
        closes = index.loc[:day].iloc[-22:].to_numpy()
        moves = closes[1:] / closes[:-1] - 1
        by_hand = math.sqrt(((moves - moves.mean()) ** 2).sum() / 20 * 252)
        assert vix.loc[day] == pytest.approx(by_hand, rel=1e-9)
        assert PANEL.series["vix"][row_of(day) + 1] == vix.loc[day]
    assert vix.index[0] == pd.Timestamp("1990-01-31"), "21 returns are needed"
    assert vix.index.is_unique
    assert vix.index.is_monotonic_increasing


# -- silence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "last", "said"),
    [
        (["treasury_3m", "treasury_10y", "term_spread"], "2017-04-07",
         "the Treasury curve ends 2017-03-29: whatever needs it is neutral from 2017-04-10"),
        (["oil"], "2019-01-14", "WTI ends 2019-01-03: whatever needs it is neutral from 2019-01-15"),
        (["vix"], "2019-01-14", "the VIX ends 2019-01-03: whatever needs it is neutral from 2019-01-15"),
        (["gold"], "2020-03-24", "the gold price ends 2020-03-13: whatever needs it is neutral from 2020-03-25"),
        (["credit_spread"], "2019-02-15",
         "the yield of BAA over AAA ends 2018-12-01: whatever needs it is neutral from 2019-02-19"),
        (["inflation"], "2019-01-30", "core CPI ends 2018-11-01: whatever needs it is neutral from 2019-01-31"),
        (["factor_momentum", "industry_other"], "2017-06-15",
         "the Fama-French data ends 2017-03-01: whatever needs it is neutral from 2017-06-16"),
    ],
)  # fmt: skip
def test_a_series_that_has_ended_goes_silent_and_says_so(names: list[str], last: str, said: str) -> None:
    for name in names:
        assert np.isfinite(PANEL.series[name][row_of(last)])
        assert np.isnan(PANEL.series[name][row_of(last) + 1 :]).all()
        assert PANEL.missing[name] == said
        assert PANEL.missing[name].endswith(str(DAYS[row_of(last) + 1]))


def test_only_what_has_ended_is_said_to_be_missing() -> None:
    silent = {name for name, values in PANEL.series.items() if np.isnan(values[-1])}
    assert set(PANEL.missing) == silent == set(SOURCES) - {"index"}
    for name, values in PANEL.series.items():
        begins = row_of({"vix": "1990-02-01"}.get(name, "1990-01-03"))
        holes = np.isnan(values[begins : int(np.flatnonzero(np.isfinite(values))[-1])])
        assert holes.any() == (name == "treasury_30y")


def test_there_was_no_30_year_bond_for_four_years() -> None:
    values = PANEL.series["treasury_30y"]
    assert np.isfinite(values[row_of("2002-02-26")])
    assert np.isnan(values[row_of("2002-02-27") : row_of("2006-02-10")]).all()
    assert values[row_of("2006-02-10")] == 0.0451


def short(first: str, length: int) -> pd.DataFrame:
    days = pd.bdate_range(first, periods=length)
    return pd.DataFrame({"A": np.linspace(10.0, 20.0, length)}, index=days)


def test_dates_that_no_series_covers_are_said() -> None:
    for first in ("1900-01-01", "2030-01-01"):
        panel = assemble(short(first, 30), SOURCES, {})
        for name, source in SOURCES.items():
            assert np.isnan(panel.series[name]).all()
            assert panel.missing[name] == f"{source.said} does not cover these dates: whatever needs it is neutral"


def test_dates_that_a_series_covers_to_their_end_are_not_said_to_be_missing() -> None:
    panel = assemble(short("2017-03-01", 27), SOURCES, {})
    assert str(panel.dates[-1]) == "2017-04-06"
    assert panel.missing == {}
    assert all(np.isfinite(values).all() for values in panel.series.values())


def test_a_package_that_is_not_installed_is_named_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs the package skfolio\. Install it: pip install skfolio"):
        built_in_prices()


def test_a_package_that_no_longer_carries_its_data_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: False)
    with pytest.raises(UsageError, match=r"The installed arch has no data/.*\. Install the version that constraints"):
        built_in_sources()


# -- the future changes nothing ------------------------------------------------------------------


def tampered(source: Source, after: date, how: str, seed: int) -> Source:
    """The source with everything observed on that day or later made up, cut off, or thinned out."""
    values = source.values.copy()
    start = pd.Timestamp(after.replace(day=1) if source.every == "month" else after)
    later = np.asarray(values.index >= start)
    rng = np.random.default_rng(seed)
    if how == "cut":
        return replace(source, values=values[~later])
    if how == "thin":
        return replace(source, values=values[~later | (rng.random(len(values)) < 0.5)])
    values[later] = rng.normal(0, 1e6, int(later.sum()))
    return replace(source, values=values)


@given(
    name=st.sampled_from(sorted(SOURCES)),
    row=st.integers(0, LENGTH - 1),
    how=st.sampled_from(["noise", "cut", "thin"]),
    seed=st.integers(0, 99),
)
def test_what_is_observed_from_today_on_changes_nothing_known_today(name: str, row: int, how: str, seed: int) -> None:
    """Not even today's own observation: it is known tomorrow, and this month's after its end."""
    other = tampered(SOURCES[name], DAYS[row], how, seed)
    assume(not other.values.empty)
    panel = assemble(built_in_prices(), {name: other}, {})
    assert np.array_equal(panel.series[name][: row + 1], PANEL.series[name][: row + 1], equal_nan=True)


@pytest.mark.parametrize("name", ["oil", "credit_spread", "factor_size"])
def test_what_was_observed_before_does_change_it(name: str) -> None:
    """The tampering of the test above is seen as soon as it may be."""
    row = row_of("2005-06-15")
    panel = assemble(built_in_prices(), {name: tampered(SOURCES[name], DAYS[row], "noise", 1)}, {})
    differs = np.flatnonzero(panel.series[name] != PANEL.series[name])
    delay = {"oil": 1, "credit_spread": 14, "factor_size": 35}[name]  # market days, from the middle of a month
    assert row < differs[0] <= row + delay


@given(st.integers(1, 119), st.integers(0, 99))
def test_later_prices_change_no_earlier_ones(row: int, seed: int) -> None:
    """Whether a missing price will ever be followed by another must make no difference before it is."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 1, (120, 4)))
    values[rng.random(values.shape) < 0.2] = np.nan
    other = values.copy()
    other[row:] *= rng.uniform(0.5, 2, other[row:].shape)
    other[row:, :2] = np.nan
    days = pd.bdate_range("2000-01-03", periods=120)
    one, two = (assemble(pd.DataFrame(v, index=days), {}, {}) for v in (values, other))
    assert np.array_equal(one.prices[:row], two.prices[:row], equal_nan=True)
    assert np.array_equal(one.returns[:row], two.returns[:row])


# -- gaps, listings, delistings ------------------------------------------------------------------


def test_a_gap_is_carried_on_and_said() -> None:
    nan = math.nan
    frame = pd.DataFrame(
        {"late": [nan, nan, 5.0, 6.0, 6.0], "gap": [1.0, nan, nan, 2.0, 3.0], "whole": [1.0, 2.0, 3.0, 4.0, 5.0]},
        index=pd.bdate_range("2000-01-03", periods=5),
    )
    panel = assemble(frame, {}, {"gap": "Energy"})
    assert np.array_equal(panel.prices.T, [[nan, nan, 5, 6, 6], [1, 1, 1, 2, 3], [1, 2, 3, 4, 5]], equal_nan=True)
    assert panel.missing == {"gap": "gap: 2 missing prices were carried on from the day before"}
    assert panel.sectors == {"gap": "Energy"}
    assert panel.returns[:, 1].tolist() == [0, 0, 0, 1, 0.5]
    # A stock is out of the mean on the days on which it has no return.
    assert panel.market == pytest.approx([0, (0 + 1) / 2, (0 + 0.5) / 2, (0.2 + 1 + 1 / 3) / 3, (0 + 0.5 + 0.25) / 3])


def test_a_long_silence_is_a_delisting_until_a_price_returns() -> None:
    values = [4.0] + [math.nan] * (CARRIED + 3) + [8.0, 9.0]
    days = pd.bdate_range("2000-01-03", periods=len(values))
    panel = assemble(pd.DataFrame({"A": values, "B": [1.0] * len(values)}, index=days), {}, {})
    assert panel.prices[: CARRIED + 1, 0].tolist() == [4.0] * (CARRIED + 1)
    assert np.isnan(panel.prices[CARRIED + 1 : -2, 0]).all()
    assert panel.returns[:, 0] == pytest.approx([0.0] * (len(values) - 1) + [9 / 8 - 1])


# -- slicing ---------------------------------------------------------------------------------------


def holed(length: int = 150, seed: int = 3) -> Panel:
    panel = small_panel(length, seed)
    prices = panel.prices.copy()
    prices[:40, 0], prices[90:, 1] = np.nan, np.nan
    return changed(panel, prices=prices, missing={"oil": "it is missing"})


@given(st.integers(1, 149))
def test_a_prefix_is_what_one_would_have_made_of_its_days(stop: int) -> None:
    whole = holed()
    head = whole.until(stop)
    alone = changed(
        whole,
        dates=whole.dates[:stop].copy(),
        prices=whole.prices[:stop].copy(),
        series={name: values[:stop].copy() for name, values in whole.series.items()},
    )
    for part in ("dates", "prices", "returns", "market", "month_starts"):
        assert np.array_equal(getattr(head, part), getattr(alone, part), equal_nan=part == "prices"), part
    for name, values in head.series.items():
        assert np.array_equal(values, alone.series[name])
    assert (head.tickers, head.sectors, head.missing) == (whole.tickers, whole.sectors, whole.missing)
    assert list(head.series) == list(whole.series)
    assert np.array_equal(head.returns, whole.returns[:stop])


def test_until_is_a_view_that_is_made_once() -> None:
    panel = holed()
    assert panel.until(70) is panel.until(70)
    assert panel.until(150) is panel
    assert panel.until(10_000) is panel
    assert np.shares_memory(panel.until(70).prices, panel.prices)
    twice = panel.until(70).until(40)
    assert np.array_equal(twice.returns, panel.returns[:40])
    assert len(panel.until(0).dates) == 0


def test_the_digest_tells_every_prefix_and_every_change_apart() -> None:
    panel = holed()
    digests = {panel.until(stop).digest for stop in range(1, 151)}
    assert len(digests) == 150
    assert panel.until(70).digest == holed().until(70).digest, "equal content, equal digest"

    def altered(array: np.ndarray) -> np.ndarray:
        other = array.copy()
        other[-1] += 1
        return other

    variants: list[dict[str, Any]] = [
        {"dates": altered(panel.dates)},
        {"prices": np.where(np.isnan(panel.prices), panel.prices, altered(panel.prices))},
        {"tickers": panel.tickers[::-1]},
        {"sectors": {**panel.sectors, "AAPL": "Energy"}},
        {"series": {**panel.series, "oil": altered(panel.series["oil"])}},
        {"series": {**panel.series, "oil": panel.series["gold"], "gold": panel.series["oil"]}},
    ]
    found = {panel.digest, *(changed(panel, **parts).digest for parts in variants)}
    assert len(found) == 1 + len(variants)


def test_index_is_the_first_row_on_or_after_a_day() -> None:
    assert PANEL.index("1990-01-02") == PANEL.index("1980-01-01") == 0
    assert PANEL.index("1994-01-01") == PANEL.index(date(1994, 1, 3)) == row_of("1994-01-03")
    assert PANEL.index("2022-12-28") == LENGTH - 1
    assert PANEL.index("2022-12-29") == LENGTH


def test_a_month_starts_on_its_first_market_day() -> None:
    starts = np.flatnonzero(PANEL.month_starts)
    assert len(starts) == 33 * 12
    assert [DAYS[row].day for row in starts[:3]] == [2, 1, 1]
    assert all(DAYS[row].month != DAYS[row - 1].month for row in starts[1:])
