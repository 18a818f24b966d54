"""The controlled English, explained: to a model that rewrites agents, and to one that reads free English.

Every sentence that stands here can be read by the grammar, and every kind of directive has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from substrates.finance.agent import FITTING
from substrates.finance.directives import render, vocabulary
from substrates.finance.directives.series import phrase_of
from substrates.finance.directives.tree import (
    CapStocks,
    Keep,
    Rank,
    Scale,
    ShrinkBook,
    Tilt,
    TradeBand,
    TradeEvery,
    TradeStep,
    VetoWhere,
    VetoWorst,
    VolatilityTarget,
    WeighAgents,
)
from substrates.finance.market.panel import Panel

__all__ = ["CLAUSES", "FORMS", "MEASURES", "Form", "grammar", "nearest"]


@dataclass(frozen=True)
class Form:
    """A kind of directive: what it does, and sentences of it."""

    kind: type
    does: str
    examples: tuple[str, ...]


FORMS = (
    Form(
        Scale,
        "holds another share of the book while its clause is true (0 to 200 %, 100 % is neutral; several multiply)",
        (
            "Halve exposure when the 10-year minus 3-month spread is below 0.",
            "Cut exposure to 75 % in May to October.",
            "Raise exposure to 125 % when the market is above its 200-day average.",
        ),
    ),
    Form(
        VolatilityTarget,
        "holds target / the market's volatility; one of it",
        ("Target 12 % volatility over 63 days.",),
    ),
    Form(
        Rank,
        "holds the best stocks (or sectors) by a measure; several share the book equally",
        (
            "Rank by 12-month return skipping the last month; hold the top 5; rebalance monthly.",
            "Rank by lowest 252-day volatility; hold the top 6; rebalance weekly; weigh by inverse 63-day volatility.",
            "Rank sectors by 6-month return; hold the top 3; rebalance monthly.",
        ),
    ),
    Form(
        Keep,
        "leaves out the stocks that fail, before ranking",
        (
            "Hold a stock only while it is above its 200-day average.",
            "Hold a stock only while its 12-month return is above 0.",
            "Avoid stocks more than 30 % below their 252-day high.",
            "Avoid stocks with 63-day volatility above 40 %.",
        ),
    ),
    Form(
        Tilt,
        "holds more of a sector, or none of it, while its clause is true",
        ("Prefer Energy when the 6-month change of oil is above 0.", "Avoid Financials when the VIX is above 30."),
    ),
    Form(
        VetoWorst,
        "forbids so many stocks to the whole team, looked at weekly",
        ("Veto the 2 stocks with the highest 252-day beta.",),
    ),
    Form(
        VetoWhere,
        "forbids the stocks that it is true of",
        (
            "Veto stocks more than 40 % below their 252-day high.",
            "Veto stocks below their 200-day average.",
            "Veto stocks with 63-day volatility above 60 %.",
        ),
    ),
    Form(TradeEvery, "trades on the first day of each period; one of it", ("Trade weekly.",)),
    Form(
        TradeBand,
        "trades only where that share of the book would be replaced; one of it",
        ("Trade only when the target has moved by more than 5 %.",),
    ),
    Form(
        TradeStep,
        "goes part of the way to the target; one of it",
        ("Move 25 % of the way each day.",),
    ),
    Form(
        WeighAgents,
        "how the agents' books are added; one of it",
        ("Weigh agents by Darwinian weight.", "Weigh agents equally."),
    ),
    Form(CapStocks, "no stock above that share; one of it", ("Cap each stock at 15 %.",)),
    Form(
        ShrinkBook,
        "goes part of the way to equal weight; one of it",
        ("Shrink the book 25 % towards equal weight.",),
    ),
)

CLAUSES = (
    "when the market's 12-month return is below 0",
    "when the market's 21-day volatility is above 25 %",
    "when the market's drawdown from its 252-day high is above 15 %",
    "when the market is below its 200-day average",
    "when the share of stocks above their 200-day average is below 40 %",
    "when the VIX is above 30",
    "when the 3-month change of oil is below -10 %",
    "when the 12-month average of the momentum factor is below 0",
    "when the credit spread is above its 12-month average",
    "when the distance of gold from its 12-month average is above 20 %",
    "in September",
    "in November to April",
)
MEASURES = (
    "12-month return",
    "12-month return skipping the last month",
    "6-month risk-adjusted return",
    "63-day volatility",
    "252-day beta",
    "252-day correlation",
    "21-day best day",
    "distance from the 200-day average",
    "distance from the 252-day high",
)

_CLAUSED = (Scale, Tilt)
_MEASURED = (Rank, Keep, VetoWorst, VetoWhere)

_UNITS = (
    "A window is written 63-day, 2-week, 12-month or 1-year, and 63 days after 'over'. Returns, rates, spreads, shares "
    "and volatilities have a % sign; prices, the VIX, betas and correlations have none; 0 is 0. Changes of prices are "
    "relative, all others are differences. The sides are 'above' and 'below'. There is no 'and', 'or', 'unless', 'if', "
    "no bracket and no remark within a sentence: one sentence, one condition."
)


def grammar(roles: Sequence[str], panel: Panel) -> str:
    """What agents of these roles can say over this panel: forms with examples, clauses, measures, units, names."""
    forms = [form for form in FORMS if any(issubclass(form.kind, FITTING[role]) for role in roles)]
    said = []
    for form in forms:
        whose = [role for role in roles if form.kind in FITTING[role]]
        head = f"{', '.join(whose)}: {form.does}"
        said.append("\n".join([head, *(f"- {sentence}" for sentence in form.examples)]))
    if any(form.kind in _CLAUSED for form in forms):
        said.append("A clause is one of (any series, window, level, side):\n" + "; ".join(CLAUSES) + ".")
        said.append(f"Series: {', '.join(_series(panel))}.")
    if any(form.kind in _MEASURED for form in forms):
        said.append(
            "A measure of a stock is one of (any window; the highest are best, unless 'lowest' stands before it):\n"
            + "; ".join(MEASURES)
            + "."
        )
    if any(form.kind is Tilt for form in forms) and panel.sectors:
        said.append(f"Sectors: {', '.join(sorted(set(panel.sectors.values())))}.")
    return "\n\n".join([*said, _UNITS])


def nearest(line: str, role: str, panel: Panel) -> str:
    """The sentence of this role that is most like a line; the role's first where none is."""
    known = list(_sentences(role, panel))
    lowered = {sentence.lower(): sentence for sentence in known}
    close = get_close_matches(line.lower()[:_LOOKED_AT], lowered, 1, _ALIKE)
    return lowered[close[0]] if close else known[0]


_LOOKED_AT = 200  # characters of a line: the longest sentence has about 150
_ALIKE = 0.5  # of difflib, 0 to 1 (by trial: below, what is called like is not)


def _sentences(role: str, panel: Panel) -> Iterator[str]:
    for form in FORMS:
        if form.kind in FITTING[role]:
            yield from form.examples
    yield from map(render, vocabulary(role, panel))


def _series(panel: Panel) -> list[str]:
    """Those that have values, as a sentence names them."""
    return [phrase_of(name) for name, values in panel.series.items() if np.isfinite(values).any()]
