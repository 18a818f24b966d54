"""From a line of English to a typed directive, or to None: what cannot be read is never guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from evolve.errors import UsageError
from substrates.finance.directives import tree
from substrates.finance.directives.series import MONTHS, Unit, phrase_pattern, series_of
from substrates.finance.directives.tree import Directive, Measure, Quantity, Side, StockTest, Window

LONGEST_LINE = 300  # characters; the longest sentence of the grammar has about 150
REMEMBERED_LINES = 65_536  # a whole run writes a few thousand different lines

_BULLET = re.compile(r"^\s*[-*+]\s+")
_SPACES = re.compile(r"\s+")
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)[\s#]*$")
_MONTH_NUMBER = {name.lower(): index for index, name in enumerate(MONTHS, start=1)}
_SPELLED = {  # how a window may be written -> its unit in the tree, and how many of them
    "day": ("day", 1),
    "week": ("day", 5),
    "month": ("month", 1),
    "year": ("month", 12),
}


@dataclass(frozen=True)
class Reading:
    """What a text says: its directives and the lines that could not be read, with line numbers from 1."""

    directives: tuple[tuple[int, Directive], ...]
    unread: tuple[tuple[int, str], ...]


def parse(line: str) -> Directive | None:
    """The directive that a line states, or None; case, spaces, bullet and last full stop do not matter."""
    text = _SPACES.sub(" ", _BULLET.sub("", line)).strip().removesuffix(".").rstrip()
    return _parse(text.replace("\N{MINUS SIGN}", "-"))


def read(text: str) -> Reading:
    """Read the lines of the `## Directives` sections of an agent's Markdown; blank lines are skipped."""
    directives: list[tuple[int, Directive]] = []
    unread: list[tuple[int, str]] = []
    for number, line in section_lines(text, "directives"):
        if not line.strip() or _HEADING.match(line):
            continue
        directive = parse(line)
        if directive is None:
            unread.append((number, line.strip()))
        else:
            directives.append((number, directive))
    return Reading(tuple(directives), tuple(unread))


def section_lines(text: str, title: str) -> list[tuple[int, str]]:
    """The lines, numbered from 1, under second-level headings `## <title>` (any case), headings left out."""
    found: list[tuple[int, str]] = []
    inside = False
    for number, line in enumerate(text.split("\n"), start=1):
        heading = _HEADING.match(line)
        if heading and len(heading[1]) <= 2:
            inside = opens_section(line, title)
        elif inside:
            found.append((number, line.rstrip("\r")))
    return found


def opens_section(line: str, title: str) -> bool:
    """Whether a line is the heading `## <title>`, in any case."""
    heading = _HEADING.match(line)
    return heading is not None and len(heading[1]) == 2 and heading[2].lower() == title


@lru_cache(maxsize=REMEMBERED_LINES)
def _parse(text: str) -> Directive | None:
    if not 0 < len(text) <= LONGEST_LINE:
        return None
    try:
        return _parser().parse(text)  # type: ignore[return-value]  # the transformer makes it a Directive
    except (UnexpectedInput, VisitError, UsageError):
        return None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    grammar += f"\nSERIES.5: /{phrase_pattern()}/i\n"
    return Lark(grammar, parser="lalr", transformer=_Builder())


def _scaled(number: str, percent: bool) -> float:
    exact = Decimal(number)
    return float(exact / 100 if percent else exact)


def _window(text: str) -> Window:
    count, spelled = re.split(r"[- ]", text.lower())
    unit, times = _SPELLED[spelled.removesuffix("s")]
    return Window(int(count) * times, unit)  # type: ignore[arg-type]  # the table holds only its units


@dataclass(frozen=True)
class _Level:
    """A number as written: whether "5" may stand for 5 %, only its unit knows."""

    text: str
    percent: bool

    def as_(self, unit: Unit) -> float:
        zero = Decimal(self.text) == 0
        if not zero and self.percent != (unit == "percent"):
            raise UsageError(f"{self.text} is not written in {unit}")  # 5 or 5 %: not ours to guess
        return _scaled(self.text, unit in ("percent", "points"))


@v_args(inline=True)
class _Builder(Transformer[Any, Any]):
    """Builds the tree bottom-up; one method a rule (or alias) of the grammar."""

    # leaves
    def level_percent(self, number: str, _: str) -> _Level:
        return _Level(number, True)

    def level_plain(self, number: str) -> _Level:
        return _Level(number, False)

    def percent(self, number: str, _: str) -> float:
        return _scaled(number, True)

    def window(self, text: str) -> Window:
        return _window(text)

    span = window

    def series(self, phrase: str) -> str:
        return series_of(phrase)

    def market(self) -> str:
        return "market"

    def months(self, first: str, last: str | None = None) -> tree.Season:
        return tree.Season(_MONTH_NUMBER[first.lower()], _MONTH_NUMBER[(last or first).lower()])

    # conditions
    def market_return(self, window: Window) -> Quantity:
        return Quantity("market", "return", window)

    def market_volatility(self, window: Window) -> Quantity:
        return Quantity("market", "volatility", window)

    def market_drawdown(self, window: Window) -> Quantity:
        return Quantity("market", "drawdown", window)

    def breadth(self, window: Window) -> Quantity:
        return Quantity("breadth", "share", window)

    def change(self, window: Window, name: str) -> Quantity:
        return Quantity(name, "change", window)

    def average_of(self, window: Window, name: str) -> Quantity:
        return Quantity(name, "average", window)

    def distance(self, name: str, window: Window) -> Quantity:
        return Quantity(name, "distance", window)

    def compared(self, quantity: Quantity, side: Side, level: _Level) -> tree.Condition:
        return tree.Condition(quantity, side, level.as_(quantity.unit))

    def series_compared(self, name: str, side: Side, level: _Level) -> tree.Condition:
        return self.compared(Quantity(name, "level"), side, level)

    def beside_average(self, name: str, side: Side, window: Window) -> tree.Condition:
        return tree.Condition(Quantity(name, "distance", window), side, 0.0)

    def market_beside_average(self, side: Side, window: Window) -> tree.Condition:
        return self.beside_average("market", side, window)

    # exposure
    def halve(self, clause: tree.Clause) -> tree.Scale:
        return tree.Scale(0.5, clause)

    def cut(self, factor: float, clause: tree.Clause) -> tree.Scale:
        if factor >= 1:
            raise UsageError("a cut is to below 100 %")
        return tree.Scale(factor, clause)

    def raise_(self, factor: float, clause: tree.Clause) -> tree.Scale:
        if factor <= 1:
            raise UsageError("a raise is to above 100 %")
        return tree.Scale(factor, clause)

    def hold(self, factor: float, clause: tree.Clause) -> tree.Scale:
        return tree.Scale(factor, clause)

    def target(self, level: float, window: Window) -> tree.VolatilityTarget:
        return tree.VolatilityTarget(level, window)

    # stocks
    def return_(self, window: Window, skip: Window | None = None) -> Measure:
        return Measure("return", window, skip)

    def risk_adjusted(self, window: Window) -> Measure:
        return Measure("risk-adjusted return", window)

    def volatility(self, window: Window) -> Measure:
        return Measure("volatility", window)

    def beta(self, window: Window) -> Measure:
        return Measure("beta", window)

    def correlation(self, window: Window) -> Measure:
        return Measure("correlation", window)

    def best_day(self, window: Window) -> Measure:
        return Measure("best day", window)

    def average(self, window: Window) -> Measure:
        return Measure("average", window)

    def high(self, window: Window) -> Measure:
        return Measure("high", window)

    def skip_one(self, unit: str) -> Window:
        return _window(f"1 {unit}")

    def skip_span(self, span: Window) -> Window:
        return span

    def rebalance(self, every: str) -> dict[str, Any]:
        return {"every": every}

    def equally(self) -> dict[str, Any]:
        return {"inverse_volatility": None}

    def inversely(self, window: Window) -> dict[str, Any]:
        return {"inverse_volatility": window}

    def stocks(self) -> dict[str, Any]:
        return {"over": "stocks"}

    def sectors(self) -> dict[str, Any]:
        return {"over": "sectors"}

    def lowest(self) -> dict[str, Any]:
        return {"order": "lowest"}

    def highest(self) -> dict[str, Any]:
        return {"order": "highest"}

    def rank(self, *parts: Any) -> tree.Rank:
        measure = next(part for part in parts if isinstance(part, Measure))
        hold = next(part for part in parts if isinstance(part, str))
        options = {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}
        return tree.Rank(measure, int(hold), **options)

    def where_average(self, side: Side, window: Window) -> StockTest:
        return StockTest(Measure("average", window), side, 0.0)

    def where_high(self, depth: float, window: Window) -> StockTest:
        return StockTest(Measure("high", window), "below", -depth)

    def where_measure(self, measure: Measure, side: Side, level: _Level) -> StockTest:
        return StockTest(measure, side, level.as_(measure.unit))

    def keep_measure(self, measure: Measure, side: Side, level: _Level) -> tree.Keep:
        return tree.Keep(StockTest(measure, side, level.as_(measure.unit)))

    def keep_average(self, side: Side, window: Window) -> tree.Keep:
        return tree.Keep(StockTest(Measure("average", window), side, 0.0))

    def avoid_stocks(self, test: StockTest) -> tree.Keep:
        opposite: Side = "below" if test.side == "above" else "above"
        return tree.Keep(StockTest(test.measure, opposite, test.level))

    def prefer(self, sector: str, clause: tree.Clause) -> tree.Tilt:
        return tree.Tilt(str(sector), True, clause)

    def avoid(self, sector: str, clause: tree.Clause) -> tree.Tilt:
        return tree.Tilt(str(sector), False, clause)

    # risk, execution, allocation
    def veto_worst(self, count: str, order: dict[str, Any], measure: Measure) -> tree.VetoWorst:
        return tree.VetoWorst(measure, int(count), **order)

    def veto_volatile(self, count: str, window: Window) -> tree.VetoWorst:
        return tree.VetoWorst(Measure("volatility", window), int(count))

    def veto_where(self, test: StockTest) -> tree.VetoWhere:
        return tree.VetoWhere(test)

    def trade_every(self, every: Any) -> tree.TradeEvery:
        return tree.TradeEvery(every)

    def trade_band(self, band: float) -> tree.TradeBand:
        return tree.TradeBand(band)

    def step(self, share: float) -> tree.TradeStep:
        return tree.TradeStep(share)

    def daily(self) -> str:
        return "daily"

    def weekly(self) -> str:
        return "weekly"

    def monthly(self) -> str:
        return "monthly"

    def darwinian(self) -> tree.WeighAgents:
        return tree.WeighAgents(True)

    def equal_agents(self) -> tree.WeighAgents:
        return tree.WeighAgents(False)

    def cap(self, level: float) -> tree.CapStocks:
        return tree.CapStocks(level)

    def shrink(self, share: float) -> tree.ShrinkBook:
        return tree.ShrinkBook(share)

    def above(self) -> Side:
        return "above"

    def below(self) -> Side:
        return "below"
