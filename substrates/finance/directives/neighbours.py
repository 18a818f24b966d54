"""One-step edits of a directive: the next number up or down, the other side, another rhythm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

from evolve.errors import UsageError
from substrates.finance.directives.series import Unit
from substrates.finance.directives.tree import (
    CapStocks,
    Condition,
    Directive,
    Every,
    Quantity,
    Rank,
    Scale,
    Season,
    ShrinkBook,
    StockTest,
    TradeBand,
    TradeStep,
    VetoWorst,
    VolatilityTarget,
    Window,
)

# The rungs are the values that papers and practice use for such numbers (a week, a month, a quarter, 200
# days, a year; halves and quarters); the steps between them are an assumption.
DAYS = (5, 10, 21, 42, 63, 84, 126, 150, 200, 252, 504)
MONTHS = (1, 2, 3, 4, 6, 9, 12, 18, 24)
COUNTS = (1, 2, 3, 4, 5, 6, 8, 10)
FACTORS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2.0)
TARGETS = (0.08, 0.1, 0.12, 0.15, 0.2, 0.25)
SHARES = (0.1, 0.2, 0.25, 0.35, 0.5, 0.75, 0.9)  # of a step or of shrinkage
BANDS = (0.01, 0.02, 0.05, 0.1, 0.2)
CAPS = (0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.35)

RATES = (-0.02, -0.01, -0.005, 0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06)  # yields, spreads, inflation
MOVES = (-0.5, -0.3, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3, 0.5)  # returns and relative changes
VOLATILITIES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6)
DRAWDOWNS = (0.05, 0.1, 0.15, 0.2, 0.3)
PARTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # of all stocks
LEVELS: dict[Unit, tuple[float, ...]] = {
    "points": (0.12, 0.15, 0.2, 0.25, 0.3, 0.4),
    "price": (20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 300.0, 500.0, 1000.0, 1500.0),
    "plain": (-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0),
}

_LADDERS: dict[tuple[type, str], tuple[float, ...]] = {
    (Rank, "hold"): COUNTS,
    (VetoWorst, "count"): COUNTS,
    (Scale, "factor"): FACTORS,
    (VolatilityTarget, "target"): TARGETS,
    (TradeStep, "step"): SHARES,
    (TradeBand, "band"): BANDS,
    (CapStocks, "cap"): CAPS,
    (ShrinkBook, "share"): SHARES,
}
_OPPOSITES = {"above": "below", "below": "above", "highest": "lowest", "lowest": "highest"}


def neighbours(directive: Directive) -> tuple[Directive, ...]:
    """Every directive that one edit away says something else, each once, in a fixed order."""
    return tuple(dict.fromkeys(edit for edit in _edits(directive) if edit != directive))


def _edits(node: Any) -> Iterator[Any]:
    """`node` with one of its numbers or words, or one inside its parts, moved a step."""
    if isinstance(node, Window):
        yield from _try(node, "count", _steps(node.count, DAYS if node.unit == "day" else MONTHS))
        return
    for field in fields(node):
        value = getattr(node, field.name)
        if is_dataclass(value):
            yield from _try(node, field.name, _edits(value))
        else:
            yield from _try(node, field.name, _alternatives(node, field.name, value))


def _alternatives(node: Any, name: str, value: Any) -> tuple[Any, ...]:
    if name == "level":
        return _steps(value, levels(node))
    if isinstance(node, Season):
        return (value % 12 + 1, (value - 2) % 12 + 1)
    if isinstance(value, bool):
        return (not value,)
    if name == "every":
        return tuple(every for every in get_args(Every) if every != value)
    if isinstance(value, str) and value in _OPPOSITES:
        return (_OPPOSITES[value],)
    ladder = _LADDERS.get((type(node), name))
    return () if ladder is None else _steps(value, ladder)


def levels(node: Condition | StockTest) -> tuple[float, ...]:
    measured = node.quantity if isinstance(node, Condition) else node.measure
    if measured.form == "volatility":
        return VOLATILITIES
    if measured.form == "drawdown":
        return DRAWDOWNS
    if measured.form == "share":
        return PARTS
    if measured.unit == "percent":
        relative = not isinstance(measured, Quantity) or measured.subject in (
            "market",
            "oil",
            "gold",
            "index",
        )
        return MOVES if relative else RATES
    if measured.unit == "points" and measured.form in ("change", "distance"):
        return MOVES
    return LEVELS[measured.unit]


def _steps(value: float, ladder: tuple[float, ...]) -> tuple[Any, ...]:
    """The rungs next below and next above a value, which need not be on the ladder."""
    below = [rung for rung in ladder if rung < value]
    above = [rung for rung in ladder if rung > value]
    return (*below[-1:], *above[:1])


def _try(node: Any, name: str, values: Any) -> Iterator[Any]:
    for value in values:
        try:
            yield replace(node, **{name: value})
        except UsageError:  # this step leaves what the tree allows
            continue
