"""The typed tree of a directive. Every tree that can be built can be written in English and read back.

Levels and factors are decimals (0.01 is 1 %). A month is 21 trading days. Building a tree that means
nothing (a window of no days, an exposure "cut" to 100 %) raises UsageError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from evolve.errors import UsageError
from substrates.finance.directives.series import MONTHS, Unit, is_series, sector_name, unit_of

DAYS_PER_MONTH = 21  # convention: 252 trading days a year
MOST_DAYS = 2520  # ten years; longer windows leave nothing to test on
FEWEST_FOR_MOMENTS = 5  # assumption: below a week a variance is only noise
MOST_EXPOSURE = 2.0
LEAST_LEVEL, MOST_LEVEL = 1e-9, 1e9  # assumption: finer or larger numbers are slips of the pen

Side = Literal["above", "below"]
Every = Literal["daily", "weekly", "monthly"]


def _need(good: bool, problem: str) -> None:
    if not good:
        raise UsageError(problem)


def _level(value: float) -> float:
    """A float that can be written in a short line; minus zero becomes zero, so that equal trees read equal."""
    sayable = value == 0 or LEAST_LEVEL <= abs(value) <= MOST_LEVEL
    _need(sayable, f"a number is 0 or between {LEAST_LEVEL} and {MOST_LEVEL:,.0f} in size, not {value}")
    return float(value) + 0.0


@dataclass(frozen=True)
class Window:
    """A span of trading days, said in days or months."""

    count: int
    unit: Literal["day", "month"] = "day"

    def __post_init__(self) -> None:
        _need(1 <= self.days <= MOST_DAYS, f"a window spans 1 to {MOST_DAYS} trading days, not {self.days}")

    @property
    def days(self) -> int:
        return self.count * (DAYS_PER_MONTH if self.unit == "month" else 1)


MeasureForm = Literal[
    "return", "risk-adjusted return", "volatility", "beta", "correlation", "best day", "average", "high"
]
_MOMENTS = ("risk-adjusted return", "volatility", "beta", "correlation")


@dataclass(frozen=True)
class Measure:
    """A number for each stock and day. `average` and `high` are the relative distance from it.

    `skip` (only for `return`) leaves out the most recent days. Beta and correlation are to the
    equal-weight market; volatility is annualised; `best day` is the largest daily return.
    """

    form: MeasureForm
    window: Window
    skip: Window | None = None

    def __post_init__(self) -> None:
        _need(self.form in get_args(MeasureForm), f"no measure is called {self.form!r}")
        if self.form in _MOMENTS:
            _need(
                self.window.days >= FEWEST_FOR_MOMENTS,
                f"a {self.form} needs {FEWEST_FOR_MOMENTS} days or more",
            )
        if self.skip is not None:
            _need(self.form == "return", "only a return can skip its last days")
            _need(self.skip.days < self.window.days, "a return must skip fewer days than it spans")

    @property
    def unit(self) -> Unit:
        return "plain" if self.form in ("risk-adjusted return", "beta", "correlation") else "percent"


QuantityForm = Literal["return", "volatility", "drawdown", "share", "level", "change", "average", "distance"]
_MARKET_FORMS = ("return", "volatility", "drawdown", "distance")
_SERIES_FORMS = ("level", "change", "average", "distance")


@dataclass(frozen=True)
class Quantity:
    """A number for each day, of the `market` (equal weight of the universe), its `breadth`, or a series.

    `share` is the share of stocks above their average; `drawdown` is positive; `distance` is from the own
    average. Change and distance are relative for prices, else differences.
    """

    subject: str
    form: QuantityForm
    window: Window | None = None

    def __post_init__(self) -> None:
        if self.subject == "market":
            forms: tuple[str, ...] = _MARKET_FORMS
        elif self.subject == "breadth":
            forms = ("share",)
        else:
            _need(is_series(self.subject), f"no series is called {self.subject!r}")
            forms = _SERIES_FORMS
        _need(self.form in forms, f"{self.subject} has no {self.form}; it has {', '.join(forms)}")
        _need((self.window is None) == (self.form == "level"), f"a {self.form} and its window do not fit")
        if self.form == "volatility" and self.window is not None:
            _need(
                self.window.days >= FEWEST_FOR_MOMENTS,
                f"a volatility needs {FEWEST_FOR_MOMENTS} days or more",
            )

    @property
    def unit(self) -> Unit:
        own = "percent" if self.subject in ("market", "breadth") else unit_of(self.subject)
        relative = own == "price" and self.form in ("change", "distance")
        return "percent" if relative else own


@dataclass(frozen=True)
class Condition:
    """True on the days on which the quantity is above (or below) the level."""

    quantity: Quantity
    side: Side
    level: float

    def __post_init__(self) -> None:
        _need(self.side in get_args(Side), f"a side is above or below, not {self.side!r}")
        object.__setattr__(self, "level", _level(self.level))


@dataclass(frozen=True)
class Season:
    """True in the calendar months from `first` to `last` (1 to 12, both included, may span the new year)."""

    first: int
    last: int

    def __post_init__(self) -> None:
        _need(1 <= self.first <= 12 and 1 <= self.last <= 12, f"a month is 1 to {len(MONTHS)}")
        _need((self.last + 1 - self.first) % 12 != 0, "a season of all twelve months is no season")


Clause = Condition | Season


@dataclass(frozen=True)
class StockTest:
    """True for the stocks whose measure is above (or below) the level."""

    measure: Measure
    side: Side
    level: float

    def __post_init__(self) -> None:
        _need(self.side in get_args(Side), f"a side is above or below, not {self.side!r}")
        object.__setattr__(self, "level", _level(self.level))


@dataclass(frozen=True)
class Scale:
    """Multiply exposure by `factor` (0 to 2, not 1) while the clause holds."""

    factor: float
    clause: Clause

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", _level(self.factor))
        _need(0 <= self.factor <= MOST_EXPOSURE, f"an exposure is 0 to 200 %, not {self.factor:.0%}")
        _need(self.factor != 1, "an exposure of 100 % changes nothing")


@dataclass(frozen=True)
class VolatilityTarget:
    """Exposure = target / the market's annualised volatility over the window, at most 2."""

    target: float
    window: Window

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", _level(self.target))
        _need(0 < self.target <= 1, f"a volatility target is above 0 and at most 100 %, not {self.target:.0%}")
        _need(self.window.days >= FEWEST_FOR_MOMENTS, f"a volatility needs {FEWEST_FOR_MOMENTS} days or more")


@dataclass(frozen=True)
class Rank:
    """Hold the `hold` best stocks (or all stocks of the best sectors) by a measure, renewed `every` so often.

    `order` says which end is best. Weights are equal, or inverse to volatility over `inverse_volatility`.
    """

    measure: Measure
    hold: int
    every: Every = "monthly"
    order: Literal["highest", "lowest"] = "highest"
    over: Literal["stocks", "sectors"] = "stocks"
    inverse_volatility: Window | None = None

    def __post_init__(self) -> None:
        _need(self.hold >= 1, f"a book holds at least 1, not {self.hold}")
        _need(self.every in get_args(Every), f"a rhythm is daily, weekly or monthly, not {self.every!r}")
        if self.inverse_volatility is not None:
            _need(self.inverse_volatility.days >= FEWEST_FOR_MOMENTS, "a volatility needs 5 days or more")


@dataclass(frozen=True)
class Keep:
    """Hold a stock only while it passes the test."""

    test: StockTest


_SECTOR = re.compile(r"[A-Za-z][A-Za-z&-]*( [A-Za-z&-]+)*")
_NO_SECTOR = re.compile(r"\b(when|in|stocks)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Tilt:
    """While the clause holds, hold more of a sector's stocks (`prefer`) or none of them."""

    sector: str
    prefer: bool
    clause: Clause

    def __post_init__(self) -> None:
        plain = _SECTOR.fullmatch(self.sector) is not None and _NO_SECTOR.search(self.sector) is None
        _need(plain, f"a sector is named by plain words without 'when', 'in' or 'stocks', not {self.sector!r}")
        object.__setattr__(self, "sector", sector_name(self.sector))


@dataclass(frozen=True)
class VetoWorst:
    """Veto the `count` stocks with the highest (or lowest) measure."""

    measure: Measure
    count: int
    order: Literal["highest", "lowest"] = "highest"

    def __post_init__(self) -> None:
        _need(self.count >= 1, f"a veto names at least 1 stock, not {self.count}")


@dataclass(frozen=True)
class VetoWhere:
    """Veto the stocks that pass the test."""

    test: StockTest


@dataclass(frozen=True)
class TradeEvery:
    """Trade only on the first trading day of each period."""

    every: Every

    def __post_init__(self) -> None:
        _need(self.every in get_args(Every), f"a rhythm is daily, weekly or monthly, not {self.every!r}")


@dataclass(frozen=True)
class TradeBand:
    """Trade only when the target is further than `band` from the holdings (sum of absolute weights / 2)."""

    band: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "band", _level(self.band))
        _need(0 < self.band < 1, f"a band is above 0 and below 100 %, not {self.band:.0%}")


@dataclass(frozen=True)
class TradeStep:
    """On a day of trading, move this share of the way to the target."""

    step: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", _level(self.step))
        _need(0 < self.step < 1, f"a step is above 0 and below 100 % of the way, not {self.step:.0%}")


@dataclass(frozen=True)
class WeighAgents:
    """How the CIO adds the agents' books: by Darwinian weight, or equally."""

    darwinian: bool


@dataclass(frozen=True)
class CapStocks:
    """No stock above this share of the book."""

    cap: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "cap", _level(self.cap))
        _need(0 < self.cap < 1, f"a cap is above 0 and below 100 %, not {self.cap:.0%}")


@dataclass(frozen=True)
class ShrinkBook:
    """Move the book this share of the way to equal weight."""

    share: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", _level(self.share))
        _need(0 < self.share <= 1, f"a book shrinks by more than 0 and at most 100 %, not {self.share:.0%}")


Directive = (
    Scale | VolatilityTarget | Rank | Keep | Tilt | VetoWorst | VetoWhere
    | TradeEvery | TradeBand | TradeStep | WeighAgents | CapStocks | ShrinkBook
)  # fmt: skip
