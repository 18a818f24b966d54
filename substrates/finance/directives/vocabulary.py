"""Documented rules that the embedded mutator may add: a short, finite list for each role.

The rules are those of the literature (in brackets) over a coarse grid of windows and thresholds. The length
of the list is the number of rules tried whenever evidence ranks it, so it is kept short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evolve.errors import UsageError
from substrates.finance.directives.parse import parse
from substrates.finance.directives.tree import Condition, Directive, Rank, Scale, Tilt

if TYPE_CHECKING:
    from substrates.finance.market.panel import Panel

__all__ = ["vocabulary"]

_CURVE = (  # the yield curve inverts before recessions (Estrella & Mishkin 1998)
    "Halve exposure when the 10-year minus 3-month spread is below 0.",
    "Halve exposure when the 10-year minus 3-month spread is below 0.5 %.",
    "Cut exposure to 75 % when the 6-month change of the 10-year yield is above 1 %.",
    "Cut exposure to 75 % when the 3-month yield is above its 12-month average.",
)
_CREDIT = (  # credit spreads lead activity (Gilchrist & Zakrajsek 2012)
    "Halve exposure when the credit spread is above its 12-month average.",
    "Halve exposure when the 3-month change of the credit spread is above 0.",
    "Cut exposure to 75 % when the credit spread is above 1.5 %.",
)
_VOLATILITY = (  # volatility-managed portfolios (Moreira & Muir 2017)
    "Target 10 % volatility over 21 days.",
    "Target 15 % volatility over 63 days.",
    "Halve exposure when the VIX is above 30.",
    "Cut exposure to 75 % when the VIX is above its 12-month average.",
    "Halve exposure when the market's 21-day volatility is above 25 %.",
)
_TREND = (  # time-series momentum (Moskowitz, Ooi & Pedersen 2012), moving averages (Faber 2007)
    "Halve exposure when the market's 12-month return is below 0.",
    "Halve exposure when the market's 6-month return is below 0.",
    "Halve exposure when the market is below its 200-day average.",
    "Raise exposure to 150 % when the market is above its 200-day average.",
    "Halve exposure when the share of stocks above their 200-day average is below 40 %.",
    "Raise exposure to 125 % when the market's 1-month return is below -5 %.",
)
_DRAWDOWN = (  # drawdown control (Grossman & Zhou 1993)
    "Halve exposure when the market's drawdown from its 252-day high is above 10 %.",
    "Cut exposure to 25 % when the market's drawdown from its 252-day high is above 20 %.",
)
_COMMODITIES = (  # oil and stocks (Driesprong, Jacobsen & Maat 2008; Hamilton 2003); gold as a refuge
    "Halve exposure when the 3-month change of oil is below 0.",
    "Halve exposure when the 3-month change of oil is above 20 %.",
    "Halve exposure when the 12-month change of oil is above 50 %.",
    "Halve exposure when oil is below its 12-month average.",
    "Halve exposure when the 3-month change of gold is above 10 %.",
    "Cut exposure to 75 % when gold is above its 12-month average.",
)
_INFLATION = (  # inflation and stock returns (Fama & Schwert 1977)
    "Cut exposure to 75 % when inflation is above 3 %.",
    "Cut exposure to 75 % when the 12-month change of inflation is above 0.",
)
_SEASONS = (  # the Halloween indicator (Bouman & Jacobsen 2002)
    "Cut exposure to 75 % in May to October.",
    "Cut exposure to 75 % in September.",
)
_FACTORS = (  # factor momentum (Ehsani & Linnainmaa 2022)
    "Cut exposure to 75 % when the 12-month average of the market factor is below 0.",
    "Cut exposure to 75 % when the 12-month average of the momentum factor is below 0.",
    "Cut exposure to 75 % when the 12-month average of the size factor is below 0.",
    "Raise exposure to 125 % when the 12-month average of the value factor is above 0.",
)

_MOMENTUM = (  # Jegadeesh & Titman 1993; George & Hwang 2004 for the distance from the high
    "Rank by 12-month return skipping the last month; hold the top 5; rebalance monthly.",
    "Rank by 9-month return; hold the top 5; rebalance monthly.",
    "Rank by 6-month return; hold the top 5; rebalance monthly.",
    "Rank by 4-month return; hold the top 5; rebalance monthly.",
    "Rank by 3-month return; hold the top 5; rebalance monthly.",
    "Rank by 12-month risk-adjusted return; hold the top 5; rebalance monthly.",
    "Rank by distance from the 252-day high; hold the top 5; rebalance monthly.",
    "Rank by distance from the 200-day average; hold the top 5; rebalance monthly.",
)
_REVERSAL = (  # Jegadeesh 1990; De Bondt & Thaler 1985 for the long run
    "Rank by lowest 1-month return; hold the top 5; rebalance monthly.",
    "Rank by lowest 5-day return; hold the top 5; rebalance weekly.",
    "Rank by lowest 36-month return; hold the top 5; rebalance monthly.",
)
_LOW_RISK = (  # Ang et al. 2006; Frazzini & Pedersen 2014; Bali, Cakici & Whitelaw 2011 for the best day
    "Rank by lowest 63-day volatility; hold the top 5; rebalance monthly.",
    "Rank by lowest 252-day volatility; hold the top 8; weigh by inverse 252-day volatility.",
    "Rank by lowest 252-day beta; hold the top 5; rebalance monthly.",
    "Rank by lowest 252-day correlation; hold the top 5; rebalance monthly.",
    "Rank by lowest 21-day best day; hold the top 5; rebalance monthly.",
)
_SECTOR_MOMENTUM = (  # Moskowitz & Grinblatt 1999
    "Rank sectors by 12-month return; hold the top 3; rebalance monthly.",
    "Rank sectors by 6-month return; hold the top 3; rebalance monthly.",
)
_FILTERS = (  # Faber 2007; Antonacci 2014
    "Hold a stock only while it is above its 200-day average.",
    "Hold a stock only while its 12-month return is above 0.",
    "Hold a stock only while its 63-day volatility is below 40 %.",
)
_TILTS = (  # sectors over the cycle (Conover et al. 2008) and their inputs
    "Prefer Energy when the 6-month change of oil is above 0.",
    "Prefer Energy when the 12-month change of inflation is above 0.",
    "Avoid Energy when oil is below its 12-month average.",
    "Prefer Financials when the 10-year minus 3-month spread is above 1.5 %.",
    "Avoid Financials when the credit spread is above its 12-month average.",
    "Prefer Information Technology when the market is above its 200-day average.",
    "Avoid Information Technology when the VIX is above 25.",
    "Prefer Consumer Staples when the VIX is above its 12-month average.",
    "Prefer Health Care when the market is below its 200-day average.",
    "Avoid Consumer Discretionary when the 6-month change of the 10-year yield is above 1 %.",
    "Prefer Industrials when the 10-year minus 3-month spread is above 1 %.",
)

_VETOES = (
    "Veto the 1 stock with the highest 63-day volatility.",
    "Veto the 3 stocks with the highest 63-day volatility.",
    "Veto the 3 stocks with the highest 252-day beta.",
    "Veto stocks more than 30 % below their 252-day high.",
    "Veto stocks below their 200-day average.",
)
_EXECUTION = (
    "Trade weekly.",
    "Trade monthly.",
    "Trade only when the target has moved by more than 2 %.",
    "Trade only when the target has moved by more than 5 %.",
    "Trade only when the target has moved by more than 10 %.",
    "Move 25 % of the way each day.",
    "Move 50 % of the way each day.",
)
_ALLOCATION = (
    "Weigh agents by Darwinian weight.",
    "Weigh agents equally.",
    "Cap each stock at 10 %.",
    "Cap each stock at 15 %.",
    "Cap each stock at 25 %.",
    "Shrink the book 25 % towards equal weight.",
    "Shrink the book 50 % towards equal weight.",
)

_EXPOSURE = (
    *_CURVE, *_CREDIT, *_VOLATILITY, *_TREND, *_DRAWDOWN,
    *_COMMODITIES, *_INFLATION, *_SEASONS, *_FACTORS,
)  # fmt: skip
_RANKERS = (*_MOMENTUM, *_REVERSAL, *_LOW_RISK)
_SENTENCES: dict[str, tuple[str, ...]] = {
    "exposure": _EXPOSURE,
    "selection": (*_RANKERS, *_SECTOR_MOMENTUM, *_FILTERS, *_TILTS),
    "alpha": (*_RANKERS, *_FILTERS),
    "risk": (*_VOLATILITY, *_DRAWDOWN, *_VETOES),
    "execution": _EXECUTION,
    "allocation": _ALLOCATION,
}


def vocabulary(role: str, panel: Panel) -> tuple[Directive, ...]:
    """The rules that an agent of this role may take up on this panel, in a fixed order.

    Rules on a series or a sector that the panel does not have are left out. UsageError for an unknown role.
    """
    if role not in _SENTENCES:
        raise UsageError(f"role {role!r} has no vocabulary; the roles are {', '.join(_SENTENCES)}")
    directives = (parse(sentence) for sentence in _SENTENCES[role])
    return tuple(d for d in directives if d is not None and _usable(d, panel))


def _usable(directive: Directive, panel: Panel) -> bool:
    if isinstance(directive, Rank) and directive.over == "sectors" and not panel.sectors:
        return False
    if isinstance(directive, Tilt):
        known = {sector.lower() for sector in panel.sectors.values()}
        if directive.sector.lower() not in known:
            return False
    if isinstance(directive, Scale | Tilt) and isinstance(directive.clause, Condition):
        subject = directive.clause.quantity.subject
        values = panel.series.get(subject)
        return subject in ("market", "breadth") or (values is not None and bool(np.isfinite(values).any()))
    return True
