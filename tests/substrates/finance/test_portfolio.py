"""The lag, the cost and the drift, by hand and as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from substrates.finance.portfolio import follow, simulate, trading_days
from substrates.finance.signals.position import ExecutionRule

RULES = st.builds(
    ExecutionRule,
    every=st.sampled_from(["daily", "weekly", "monthly"]),
    band=st.sampled_from([0.0, 0.05, 0.3]),
    step=st.sampled_from([1.0, 0.5, 0.2]),
)


def world(seed: int, days: int = 130, stocks: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, targets that leave some cash, dates."""
    rng = np.random.default_rng(seed)
    target = rng.dirichlet(np.ones(stocks + 1), days)[:, :stocks]
    dates = np.datetime64("1999-12-17") + np.arange(days)
    return rng.normal(0.001, 0.03, (days, stocks)), target, dates


def test_by_hand() -> None:
    target = np.array([[1.0, 0.0], [0.5, 0.0], [0.5, 0.0]])
    returns = np.array([[0.9, 0.9], [0.1, 0.2], [-0.2, 0.0]])
    result = simulate(target, returns, cost=0.01)
    assert result.gross == pytest.approx([0.0, 0.1, -0.1])
    # Bought for all; half sold; then half a book that lost a fifth is 0.4 / 0.9 of the wealth.
    assert result.turnover == pytest.approx([1.0, 0.5, 0.5 - 0.4 / 0.9])
    assert result.cost == pytest.approx([0.01, 0.01 * 0.5 * 1.1, 0.01 * (0.5 - 0.4 / 0.9) * 0.9])
    assert result.net == pytest.approx(result.gross - result.cost)


def test_what_is_decided_today_earns_tomorrow() -> None:
    returns, target, _ = world(1)
    base = simulate(target, returns).gross
    shifted = target.copy()
    shifted[50] = 0.0
    changed = np.flatnonzero(simulate(shifted, returns).gross != base)
    assert list(changed) == [51]


def test_an_unchanged_book_of_one_stock_trades_once() -> None:
    returns, target, _ = world(2)
    target = np.zeros_like(target)
    target[:, 1] = 1.0
    result = simulate(target, returns)
    assert result.turnover[0] == 1.0
    assert np.abs(result.turnover[1:]).max() < 1e-12
    assert result.gross[1:] == pytest.approx(returns[1:, 1])


def test_wealth_is_conserved() -> None:
    """Buying and holding by shares, counted in money, gives the same wealth."""
    returns, target, dates = world(3)
    once = np.zeros(len(dates), dtype=bool)
    once[0] = True
    result, _ = follow(target, ExecutionRule(), returns, once, cost=0.0)
    shares = target[0] / (1 + returns[0])
    prices = np.cumprod(1 + returns, axis=0)
    wealth = 1 - target[0].sum() + (shares * prices).sum(axis=1)
    assert np.cumprod(1 + result.net)[1:] == pytest.approx(wealth[1:])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), RULES, st.booleans())
def test_following_is_simulating_what_was_held(seed: int, rule: ExecutionRule, from_cash: bool) -> None:
    returns, target, dates = world(seed)
    start = None if from_cash else target[7]
    days = trading_days(rule.every, dates)
    fast, held = follow(target, rule, returns, days, 0.002, start)
    slow = simulate(held, returns, 0.002, start)
    for name in ("net", "gross", "turnover", "cost"):
        assert getattr(fast, name) == pytest.approx(getattr(slow, name), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), RULES, st.integers(1, 129))
def test_two_windows_are_one(seed: int, rule: ExecutionRule, cut: int) -> None:
    """Stopping anywhere and going on from what is held changes nothing."""
    returns, target, dates = world(seed)
    days = trading_days(rule.every, dates)
    whole, last = follow(target, rule, returns, days)
    first, holdings = follow(target[:cut], rule, returns[:cut], days[:cut])
    second, end = follow(target[cut:], rule, returns[cut:], days[cut:], start=holdings[-1])
    assert np.concatenate([first.net, second.net]) == pytest.approx(whole.net, abs=1e-12)
    assert end == pytest.approx(last[cut:])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), RULES, st.integers(0, 128))
def test_the_future_changes_nothing_held_today(seed: int, rule: ExecutionRule, day: int) -> None:
    returns, target, dates = world(seed)
    other_returns, other_target, _ = world(seed + 1)
    other_returns[: day + 1], other_target[: day + 1] = returns[: day + 1], target[: day + 1]
    days = trading_days(rule.every, dates)
    _, held = follow(target, rule, returns, days)
    _, other = follow(other_target, rule, other_returns, days)
    assert np.array_equal(held[: day + 1], other[: day + 1])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), RULES)
def test_costs_only_cost(seed: int, rule: ExecutionRule) -> None:
    returns, target, dates = world(seed)
    days = trading_days(rule.every, dates)
    free, _ = follow(target, rule, returns, days, cost=0.0)
    dear, _ = follow(target, rule, returns, days, cost=0.01)
    assert (dear.net <= free.net).all()
    assert np.array_equal(free.net, free.gross)
    assert (dear.turnover[~days] == 0).all()


def test_a_band_and_a_step_trade_less() -> None:
    returns, target, dates = world(4)
    every = trading_days("daily", dates)
    full = follow(target, ExecutionRule(), returns, every)[0].turnover
    band = follow(target, ExecutionRule(band=0.3), returns, every)[0].turnover
    step = follow(target, ExecutionRule(step=0.2), returns, every)[0].turnover
    assert (band > 0).sum() < (full > 0).sum()
    assert band[band > 0].min() > 2 * 0.3 - 1e-12
    assert step.sum() < full.sum() / 2


def test_trading_days() -> None:
    dates = np.arange(np.datetime64("2021-12-29"), np.datetime64("2022-02-05"))
    weekdays = dates[np.is_busday(dates)]
    weekly = weekdays[trading_days("weekly", weekdays)]
    assert list(weekly[:3].astype(str)) == ["2021-12-29", "2022-01-03", "2022-01-10"]
    monthly = weekdays[trading_days("monthly", weekdays)]
    assert list(monthly.astype(str)) == ["2021-12-29", "2022-01-03", "2022-02-01"]
    assert trading_days("daily", weekdays).all()
    with pytest.raises(ValueError, match="fortnight"):
        trading_days("fortnight", weekdays)
