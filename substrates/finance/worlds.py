"""Markets whose answer is known: in a null world nothing can be found, in a planted one a rule is there to find.

A null world draws its days one by one out of a panel's, all stocks together, after their means were made equal,
and turns the series round in time: what the stocks do tomorrow depends on nothing that can be read. Real days in
random order would not do: their means differ, so that a lucky ranking stays lucky. Nor do blocks of days: they
keep what follows what (in blocks of 21 a rule that buys after a fall of 5 % had a Sharpe ratio of +0.28 over 24
worlds, 8 standard errors; day by day -0.07, which is less than 2). A planted world pays those who follow one
rule, as much as gives it a wanted Sharpe ratio net of costs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from substrates.finance.agent import FITTING, Agent
from substrates.finance.desk import Desk
from substrates.finance.directives import Directive, parse
from substrates.finance.directives.tree import Rank, Scale
from substrates.finance.ground import TeamConfig
from substrates.finance.market.panel import Floats, Panel
from substrates.finance.settings import Calendar
from substrates.finance.signals import interpret
from substrates.finance.statistics import DAYS_A_YEAR

__all__ = ["MOMENTUM", "REGIME", "null_world", "planted_world", "realised"]

MOMENTUM = "Rank by 4-month return; hold the top 5; rebalance monthly."
REGIME = "Halve exposure when the 3-month change of oil is below 0."
"""What is planted: the grammar can say it, and neither a seed nor a near variant of one does."""

_MOST_A_DAY = 0.01
"""The largest daily pay for following the rule that is looked for: far more than a Sharpe ratio of 10."""

_HALVINGS = 30


def null_world(panel: Panel, seed: int, days: Calendar) -> Panel:
    """As long as `panel`, with its dates, tickers and sectors; every day of it is one of the walk or before it,
    so that nothing of what is sealed is in it."""
    return _market(panel, *_drawn(panel, seed, days))


def planted_world(panel: Panel, seed: int, rule: str, sharpe: float, days: Calendar, config: TeamConfig) -> Panel:
    """The null world of `seed` in which following `rule` realises `sharpe` (a year) over the walked days.

    Raises ValueError for a rule that is neither a monthly ranking by past return nor a scaling of exposure.
    """
    returns, series = _drawn(panel, seed, days)
    directive = parse(rule)

    def pays(amount: float) -> Panel:
        return _market(panel, plant(amount), series)

    if isinstance(directive, Rank) and directive.measure.form == "return" and directive.every == "monthly":
        ranking = directive

        def plant(amount: float) -> Floats:
            return _with_momentum(panel, returns, ranking, amount)

    elif isinstance(directive, Scale):
        exposure = _exposure(_market(panel, returns, series), directive)

        def plant(amount: float) -> Floats:
            return _with_regime(returns, exposure, amount)

    else:
        raise ValueError(f"{rule!r} cannot be planted: a monthly ranking by return, or a scaling of exposure")
    return pays(_solved(lambda amount: realised(pays(amount), directive, days, config), sharpe))


def realised(panel: Panel, directive: Directive, days: Calendar, config: TeamConfig) -> float:
    """The Sharpe ratio (a year, net of costs) of a directive's own skill over the walked days."""
    role = next(role for role, kinds in FITTING.items() if isinstance(directive, kinds))
    ratio = Desk(panel.until(days.end), config).ratio(role, (directive,), slice(days.first, days.end))
    return ratio * float(np.sqrt(DAYS_A_YEAR))


def _market(panel: Panel, returns: Floats, series: dict[str, Floats]) -> Panel:
    prices: Floats = 100.0 * np.cumprod(1.0 + returns, axis=0, dtype=np.float64)
    return Panel(panel.dates, panel.tickers, prices, panel.sectors, series, {})


def _drawn(panel: Panel, seed: int, days: Calendar) -> tuple[Floats, dict[str, Floats]]:
    """Returns [T, N] with equal means, day by day; and every series turned round by the same number of days."""
    rng = np.random.default_rng([seed, 1])
    known = panel.until(days.end)
    returns = known.returns[1:]
    equal = returns - returns.mean(axis=0) + returns.mean()
    turn = int(rng.integers(DAYS_A_YEAR, max(days.end - DAYS_A_YEAR, DAYS_A_YEAR + 1)))
    series = {}
    for name, values in panel.series.items():
        seen = known.series[name][np.isfinite(known.series[name])]
        there = np.flatnonzero(np.isfinite(values))
        series[name] = np.full(len(values), np.nan)
        if len(seen):
            series[name][there] = np.resize(np.roll(seen, turn), len(there))
    return equal[rng.integers(0, len(equal), len(panel.dates))], series


def _with_momentum(panel: Panel, returns: Floats, rule: Rank, amount: float) -> Floats:
    """Each month the best by past return earn `amount` a day more, and the others so much less in sum."""
    out = returns.copy()
    skipped = 0 if rule.measure.skip is None else rule.measure.skip.days
    window, stocks = rule.measure.window.days, returns.shape[1]
    grown = np.ones((len(out) + 1, stocks))
    renewals = np.flatnonzero(panel.month_starts)
    for day, after in zip(renewals, [*renewals[1:], len(out) - 1], strict=True):
        # The holding of `day` earns from the day after on, to the next renewal's close.
        rows = slice(day + 1, after + 1)
        if day >= window:
            past = grown[day + 1 - skipped] / grown[day + 1 - window]
            order = np.argsort(-past if rule.order == "highest" else past, kind="stable")
            bonus = np.full(stocks, -amount * rule.hold / (stocks - rule.hold))
            bonus[order[: rule.hold]] = amount
            out[rows] += bonus
        if day == 0:
            grown[1] = 1.0 + out[0]
        grown[rows.start + 1 : rows.stop + 1] = grown[rows.start] * np.cumprod(1.0 + out[rows], axis=0)
    return out


def _exposure(panel: Panel, rule: Scale) -> Floats:
    """[T], as the rule alone sets it; of the series alone, so that pay can depend on it."""
    exposure = interpret(Agent("planted", "", "macro", "exposure", (rule,)), panel).exposure
    if exposure is None:
        raise ValueError("the planted rule sets no exposure")
    return exposure


def _with_regime(returns: Floats, exposure: Floats, amount: float) -> Floats:
    """The day after a high exposure all stocks earn more, after a low one less; the mean stays as it was."""
    spread = float(exposure.std())
    if spread == 0.0:
        raise ValueError("the planted rule never changes its exposure in this world")
    out = returns.copy()
    out[1:] += amount * ((exposure - exposure.mean()) / spread)[:-1, None]
    return out


def _solved(rising: Callable[[float], float], wanted: float) -> float:
    low, high = -_MOST_A_DAY, _MOST_A_DAY
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2
