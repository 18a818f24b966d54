"""The numbers of an agent's directives: windows, counts, shares and levels, moved in the tree and said anew.

A number that the sentence does not say (an average that the market is above, by nought) is none of them. What the tree
refuses (a return that skips more than it spans) stays as it was, so whatever is asked for can be read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.substrate import Number, Numbers
from substrates.finance.agent import parse_agent
from substrates.finance.desk import text_of, with_text
from substrates.finance.directives import Directive, read, render
from substrates.finance.directives.neighbours import levels
from substrates.finance.directives.tree import (
    DAYS_PER_MONTH,
    LEAST_LEVEL,
    MOST_DAYS,
    MOST_EXPOSURE,
    CapStocks,
    Condition,
    Rank,
    Scale,
    ShrinkBook,
    StockTest,
    TradeBand,
    TradeStep,
    VetoWorst,
    VolatilityTarget,
    Window,
)

__all__ = ["numbers"]

_LEAST_SHARE = 0.001  # 0.1 %: an assumption; a share of nothing is refused by the tree
_SMALL = 3.0  # the scale of a count below it: a step of a fifth must now and then reach the next whole number
_BEYOND = 10.0  # times the largest level in use: far enough, and short of what cannot be written. An assumption
_DIGITS = 3  # that a level or share is said with: finer ones promise what no history can tell

_SHARES: dict[tuple[type, str], tuple[float, float]] = {  # what each may be
    (Scale, "factor"): (0.0, MOST_EXPOSURE),
    (VolatilityTarget, "target"): (_LEAST_SHARE, 1.0),
    (TradeBand, "band"): (_LEAST_SHARE, 1 - _LEAST_SHARE),
    (TradeStep, "step"): (_LEAST_SHARE, 1 - _LEAST_SHARE),
    (CapStocks, "cap"): (_LEAST_SHARE, 1 - _LEAST_SHARE),
    (ShrinkBook, "share"): (_LEAST_SHARE, 1.0),
}
_FORMS: dict[str, tuple[float, float]] = {  # what the level of a form can be; the others have either sign
    "volatility": (_LEAST_SHARE, 10.0),
    "drawdown": (0.0, 1.0),
    "share": (0.0, 1.0),
    "correlation": (-1.0, 1.0),
    "high": (-1.0, 0.0),
}
_BULLET = re.compile(r"\s*(?:[-*+]\s+)?")

_Path = tuple[str, ...]


def numbers(genome: Genome, stocks: int) -> Numbers:
    """Of all directives that act, line by line. `stocks`: how many there are to count."""
    path, text = next(iter(genome), ""), text_of(genome)
    lines = [] if text is None else list(_acting(text))
    sites = [(line, directive, at) for line, directive in lines for at in _said(directive)]
    found = [_number(path, directive, at, stocks) for _, directive, at in sites]

    def put(values: Sequence[float]) -> Genome | None:
        new = dict(lines)
        for (line, _, at), number, value in zip(sites, found, values, strict=True):
            if value != number.value:
                new[line] = _put(new[line], at, _rounded(number, value))
        moved = None if text is None else _rewritten(text, dict(lines), new)
        # Two directives may have become one, or one that was said twice has become two.
        if moved is None or len(parse_agent("", moved).directives) != len(lines):
            return None
        return with_text(genome, moved)

    return Numbers(tuple(found), put, "all that a directive says")


def _acting(text: str) -> Iterator[tuple[int, Directive]]:
    acting = list(parse_agent("", text).directives)
    for line, directive in read(text).directives:
        if directive in acting:
            acting.remove(directive)
            yield line, directive


def _said(node: Any) -> Iterator[_Path]:
    """Where in the tree the numbers are that a directive's sentence says."""
    for field in fields(node):
        value = getattr(node, field.name)
        if is_dataclass(value):
            yield from ((field.name, *at) for at in _said(value))
        elif _is_number(node, field.name):
            yield (field.name,)


def _is_number(node: Any, name: str) -> bool:
    if name == "level":
        return not _unsaid(node)
    return (type(node), name) in _SHARES or name in ("count", "hold")


def _unsaid(node: Condition | StockTest) -> bool:
    """To be above its own average is said without the nought that it is above it by."""
    if isinstance(node, Condition):
        return node.level == 0 and node.quantity.form == "distance"
    return node.level == 0 and node.measure.form == "average"


def _number(path: str, directive: Directive, at: _Path, stocks: int) -> Number:
    node: Any = directive
    for name in at[:-1]:
        node = getattr(node, name)
    value = float(getattr(node, at[-1]))
    whole = isinstance(node, Window | Rank | VetoWorst)
    low, high, least = _range(node, at[-1], stocks)
    return Number(
        path=path,
        place=f"{'.'.join(at)} of {_mould(directive)}",
        name=f"{type(directive).__name__} {at[-2] if at[-1] == 'count' and len(at) > 1 else at[-1]}",
        value=value,
        whole=whole,
        scale=max(abs(value), least),
        low=min(low, value),  # what was written is allowed, even a count of more stocks than there are
        high=max(high, value),
    )


def _range(node: Any, name: str, stocks: int) -> tuple[float, float, float]:
    """The least and the most that a number may be, and the least scale it has."""
    if isinstance(node, Window):
        return 1, MOST_DAYS // (DAYS_PER_MONTH if node.unit == "month" else 1), _SMALL
    if isinstance(node, Rank | VetoWorst):
        return 1, stocks, _SMALL
    if isinstance(node, Condition | StockTest):
        measured = node.quantity if isinstance(node, Condition) else node.measure
        ladder = levels(node)
        most = _BEYOND * max(abs(level) for level in (*ladder, node.level))
        low, high = _FORMS.get(measured.form, (-most, most))
        if measured.unit in ("points", "price") and measured.form in ("level", "average"):
            low = LEAST_LEVEL
        return low, high, min(abs(rung) for rung in ladder if rung != 0)
    return *_SHARES[type(node), name], _LEAST_SHARE


def _mould(node: Any) -> str:
    """A directive without its numbers: what they are numbers of."""
    if is_dataclass(node):
        return f"{type(node).__name__}({', '.join(_mould(getattr(node, f.name)) for f in fields(node))})"
    return "#" if isinstance(node, int | float) and not isinstance(node, bool) else str(node)


def _rounded(number: Number, value: float) -> float | int:
    near = number.fitted(value)
    return round(near) if number.whole else float(f"{near:.{_DIGITS}g}")


def _put(node: Any, at: _Path, value: float) -> Any:
    """The tree with another number; as it was, where that is refused."""
    name, *rest = at
    try:
        return replace(node, **{name: _put(getattr(node, name), tuple(rest), value) if rest else value})
    except UsageError:
        return node


def _rewritten(text: str, old: dict[int, Directive], new: dict[int, Directive]) -> str:
    """A line whose directive is another is said anew behind its bullet; the others keep their wording."""
    lines = text.split("\n")
    for number, directive in new.items():
        if directive != old[number]:
            line = lines[number - 1]
            bullet = _BULLET.match(line)
            end = "\r" if line.endswith("\r") else ""
            lines[number - 1] = f"{bullet[0] if bullet else ''}{render(directive)}{end}"
    return "\n".join(lines)
