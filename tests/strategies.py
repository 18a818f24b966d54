"""Hypothesis strategies for finance: every kind of directive, as trees, and texts that hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from evolve.errors import UsageError
from substrates.finance.agent import FITTING
from substrates.finance.directives import Directive
from substrates.finance.directives.series import PHRASES, SECTORS
from substrates.finance.directives.tree import (
    CapStocks,
    Condition,
    Keep,
    Measure,
    Quantity,
    Rank,
    Scale,
    Season,
    ShrinkBook,
    StockTest,
    Tilt,
    TradeBand,
    TradeEvery,
    TradeStep,
    VetoWhere,
    VetoWorst,
    VolatilityTarget,
    WeighAgents,
    Window,
)


def valid(kind: Callable[..., Any], *parts: st.SearchStrategy[Any], **named: st.SearchStrategy[Any]) -> Any:
    """What `kind` builds from the drawn parts, leaving out the combinations that it refuses."""

    def build(drawn: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        try:
            return kind(*drawn[0], **drawn[1])
        except UsageError:
            return None

    drawn = st.tuples(st.tuples(*parts), st.fixed_dictionaries(named))
    return drawn.map(build).filter(lambda built: built is not None)


plain_windows = st.builds(Window, st.integers(1, 300)) | st.builds(Window, st.integers(1, 30), st.just("month"))
moment_windows = plain_windows.filter(lambda window: window.days >= 5)
sides = st.sampled_from(["above", "below"])
orders = st.sampled_from(["highest", "lowest"])
rhythms = st.sampled_from(["daily", "weekly", "monthly"])
levels = st.floats(allow_nan=False, allow_infinity=False, width=64) | st.sampled_from([0.0, 0.05, -0.2, 30.0])
shares = st.floats(0, 1, exclude_min=True, exclude_max=True) | st.sampled_from([0.05, 0.25, 0.5])

series = st.sampled_from([*PHRASES, "factor_market", "factor_momentum", "industry_energy", "industry_x_y_z"])
forms = st.sampled_from(
    ["return", "risk-adjusted return", "volatility", "beta", "correlation", "best day", "average", "high"]
)
measures = valid(Measure, forms, moment_windows) | valid(Measure, st.just("return"), plain_windows, plain_windows)
quantities = st.one_of(
    valid(Quantity, series, st.just("level")),
    valid(Quantity, series, st.sampled_from(["change", "average", "distance"]), plain_windows),
    valid(
        Quantity,
        st.just("market"),
        st.sampled_from(["return", "volatility", "drawdown", "distance"]),
        moment_windows,
    ),
    valid(Quantity, st.just("breadth"), st.just("share"), plain_windows),
)
clauses = valid(Condition, quantities, sides, levels) | valid(Season, st.integers(1, 12), st.integers(1, 12))
tests_of_stocks = valid(StockTest, measures, sides, levels)
sector_names = st.sampled_from([*SECTORS, "Banks", "Oil & Gas", "semi-conductors"])

KINDS: dict[type, st.SearchStrategy[Directive]] = {
    Scale: valid(Scale, st.floats(0, 2) | st.sampled_from([0.0, 0.25, 0.5, 1.5]), clauses),
    VolatilityTarget: valid(VolatilityTarget, shares, moment_windows),
    Rank: valid(
        Rank,
        measures,
        st.integers(1, 12),
        rhythms,
        orders,
        st.sampled_from(["stocks", "sectors"]),
        st.none() | moment_windows,
    ),
    Keep: valid(Keep, tests_of_stocks),
    Tilt: valid(Tilt, sector_names, st.booleans(), clauses),
    VetoWorst: valid(VetoWorst, measures, st.integers(1, 12), orders),
    VetoWhere: valid(VetoWhere, tests_of_stocks),
    TradeEvery: valid(TradeEvery, rhythms),
    TradeBand: valid(TradeBand, shares),
    TradeStep: valid(TradeStep, shares),
    WeighAgents: valid(WeighAgents, st.booleans()),
    CapStocks: valid(CapStocks, shares),
    ShrinkBook: valid(ShrinkBook, shares),
}


def directives(role: str | None = None) -> st.SearchStrategy[Directive]:
    """Any directive, or any that fits a role."""
    kinds = KINDS if role is None else FITTING[role]
    return st.one_of([KINDS[kind] for kind in kinds])


prose = st.sampled_from(["Be careful.", "- I am prose.", "", "### A heading", "  * Rank by gut feeling.", "|"])
