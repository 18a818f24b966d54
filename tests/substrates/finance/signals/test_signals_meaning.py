"""What directives mean, checked against slow and obvious computations."""

from __future__ import annotations

import numpy as np
import pytest
from panels import SECTORS, TICKERS, changed, small_panel

from evolve.errors import UsageError
from substrates.finance.agent import LAYERS, Agent
from substrates.finance.directives import parse
from substrates.finance.market.panel import Panel
from substrates.finance.signals import AllocationRule, ExecutionRule, Memory, Position, interpret

PANEL = small_panel()
LENGTH, STOCKS = PANEL.prices.shape
EQUAL = np.full(STOCKS, 1 / STOCKS)


def position_of(role: str, *lines: str, panel: Panel = PANEL) -> Position:
    rules = tuple(parse(line) for line in lines)
    assert None not in rules
    layer = next(layer for layer, roles in LAYERS.items() if role in roles)
    return interpret(Agent("a", "A", layer, role, rules), panel, Memory())  # type: ignore[arg-type]


def exposure_of(*lines: str, panel: Panel = PANEL) -> np.ndarray:
    exposure = position_of("exposure", *lines, panel=panel).exposure
    assert exposure is not None
    return exposure


def weights_of(*lines: str, panel: Panel = PANEL) -> np.ndarray:
    weights = position_of("selection", *lines, panel=panel).weights
    assert weights is not None
    return weights


def market_level() -> np.ndarray:
    return np.cumprod(1 + PANEL.market)


def trailing(values: np.ndarray, days: int, statistic) -> np.ndarray:
    out = np.full(len(values), np.nan)
    for day in range(days - 1, len(values)):
        out[day] = statistic(values[day + 1 - days : day + 1])
    return out


def lag(values: np.ndarray, days: int) -> np.ndarray:
    return np.concatenate([np.full(days, np.nan), values[:-days]])


OIL, SPREAD, YIELD = PANEL.series["oil"], PANEL.series["credit_spread"], PANEL.series["treasury_10y"]
LEVEL = market_level()


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("the 3-month change of oil is below 0", lag(OIL, 63) > OIL),
        ("the 3-month change of oil is above 5 %", OIL / lag(OIL, 63) - 1 > 0.05),
        ("the 3-month change of the 10-year yield is above 0.1 %", YIELD - lag(YIELD, 63) > 0.001),
        ("the credit spread is above 2 %", SPREAD > 0.02),
        ("the credit spread is below its 63-day average", trailing(SPREAD, 63, np.mean) > SPREAD),
        ("the 1-month average of the 10-year yield is above 2 %", trailing(YIELD, 21, np.mean) > 0.02),
        ("the VIX is above 20", PANEL.series["vix"] > 0.2),
        ("the market's 2-month return is above 1 %", LEVEL / lag(LEVEL, 42) - 1 > 0.01),
        ("the market is below its 50-day average", trailing(LEVEL, 50, np.mean) > LEVEL),
        (
            "the market's drawdown from its 100-day high is above 3 %",
            1 - LEVEL / trailing(LEVEL, 100, np.max) > 0.03,
        ),
        (
            "the market's 20-day volatility is above 9 %",
            np.where(
                np.arange(LENGTH) >= 20,
                trailing(PANEL.market, 20, lambda x: np.std(x, ddof=1)) * np.sqrt(252) > 0.09,
                False,
            ),
        ),
        (
            "the share of stocks above their 40-day average is above 60 %",
            np.where(
                np.arange(LENGTH) >= 39,
                np.mean(
                    [PANEL.prices[:, j] > trailing(PANEL.prices[:, j], 40, np.mean) for j in range(STOCKS)],
                    axis=0,
                )
                > 0.6,
                False,
            ),
        ),
    ],
)
def test_conditions(condition: str, truth: np.ndarray) -> None:
    assert truth.any()
    assert not truth.all()
    np.testing.assert_array_equal(exposure_of(f"Halve exposure when {condition}."), np.where(truth, 0.5, 1.0))


def test_seasons() -> None:
    month = PANEL.dates.astype("datetime64[M]").astype(int) % 12 + 1
    summer = exposure_of("Hold exposure of 80 % in May to October.")
    np.testing.assert_array_equal(summer, np.where((month >= 5) & (month <= 10), 0.8, 1.0))
    winter = exposure_of("Raise exposure to 120 % in November to February.")
    np.testing.assert_array_equal(winter, np.where((month >= 11) | (month <= 2), 1.2, 1.0))


def test_exposures_multiply_within_bounds() -> None:
    half, more = "Halve exposure when oil is above 0.", "Raise exposure to 160 % when gold is above 0."
    np.testing.assert_allclose(exposure_of(half, more), 0.8)
    again = "Raise exposure to 200 % when oil is above 0."
    np.testing.assert_array_equal(exposure_of(more, again), 2.0)


def test_volatility_target() -> None:
    annual = trailing(PANEL.market, 30, lambda x: np.std(x, ddof=1)) * np.sqrt(252)
    expected = np.where(np.arange(LENGTH) >= 30, np.minimum(0.1 / annual, 2), 1)
    np.testing.assert_allclose(exposure_of("Target 10 % volatility over 30 days."), expected)


def month_starts() -> np.ndarray:
    return np.flatnonzero(PANEL.month_starts)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("4-month return", lambda p, r, m: p[-1] / p[-85] - 1),
        ("6-month return skipping the last month", lambda p, r, m: p[-22] / p[-127] - 1),
        ("lowest 1-month return", lambda p, r, m: -p[-1] / p[-22]),
        ("lowest 63-day volatility", lambda p, r, m: -r[-63:].std(axis=0)),
        ("63-day risk-adjusted return", lambda p, r, m: r[-63:].mean(axis=0) / r[-63:].std(axis=0)),
        ("63-day best day", lambda p, r, m: r[-63:].max(axis=0)),
        ("distance from the 63-day average", lambda p, r, m: p[-1] / p[-63:].mean(axis=0)),
        ("distance from the 63-day high", lambda p, r, m: p[-1] / p[-63:].max(axis=0)),
        ("63-day beta", lambda p, r, m: np.array([np.cov(x, m[-63:])[0, 1] for x in r[-63:].T])),
        ("63-day correlation", lambda p, r, m: np.array([np.corrcoef(x, m[-63:])[0, 1] for x in r[-63:].T])),
    ],
)
def test_a_ranker_holds_the_best_on_its_days_and_drifts_between(text: str, score) -> None:
    weights = weights_of(f"Rank by {text}; hold the top 3; rebalance monthly.")
    starts = month_starts()
    checked = 0
    for start, stop in zip(starts, [*starts[1:], LENGTH], strict=True):
        if start >= 130:
            prices, returns = PANEL.prices[: start + 1], PANEL.returns[: start + 1]
            best = np.argsort(-score(prices, returns, PANEL.market[: start + 1]))[:3]
            target = np.zeros(STOCKS)
            target[best] = 1 / 3
            np.testing.assert_allclose(weights[start], target)
            checked += 1
        drifted = weights[start] * PANEL.prices[start:stop] / PANEL.prices[start]
        np.testing.assert_allclose(weights[start:stop], drifted / drifted.sum(axis=1, keepdims=True))
    assert checked > 10
    np.testing.assert_allclose(weights[0], EQUAL)


def test_a_daily_ranker_is_renewed_every_day() -> None:
    weights = weights_of("Rank by 21-day return; hold the top 2; rebalance daily.")
    assert np.isin(weights[30:], (0.0, 0.5)).all()


def test_weekly_renewals_are_on_the_first_day_of_a_week() -> None:
    weights = weights_of("Rank by 21-day return; hold the top 2; rebalance weekly.")
    weekday = (PANEL.dates.astype(int) + 3) % 7
    renewed = np.isclose(weights[30:].max(axis=1), 0.5, atol=1e-12)
    np.testing.assert_array_equal(renewed, weekday[30:] == 0)


def test_inverse_volatility_weights() -> None:
    weights = weights_of("Rank by 21-day return; hold the top 3; rebalance daily; weigh by inverse 40-day volatility.")
    risk = PANEL.returns[61:101].std(axis=0)
    held = weights[100] > 0
    assert held.sum() == 3
    np.testing.assert_allclose(weights[100][held], (1 / risk[held]) / (1 / risk[held]).sum())


def test_two_rankers_share_the_book() -> None:
    one, other = (
        "Rank by 63-day return; hold the top 2; rebalance monthly.",
        "Rank by lowest 63-day volatility; hold the top 4.",
    )
    both, starts = weights_of(one, other), month_starts()
    np.testing.assert_allclose(both[starts], (weights_of(one)[starts] + weights_of(other)[starts]) / 2)


def test_filters_and_avoided_sectors_leave_the_rest() -> None:
    weights, start = weights_of("Avoid stocks below their 100-day average."), month_starts()[-1]
    above = PANEL.prices[start] > PANEL.prices[start - 99 : start + 1].mean(axis=0)
    assert 0 < above.sum() < STOCKS
    np.testing.assert_allclose(weights[start], above / above.sum())
    without = weights_of("Avoid Technology when oil is above 0.")
    np.testing.assert_allclose(without[start], np.array([0, 0, 1, 1, 1, 1, 1, 1]) / 6)


def test_a_preferred_sector_gets_more() -> None:
    weights = weights_of("Prefer Energy when oil is above 0.")[0]
    energy = np.array([SECTORS[ticker] == "Energy" for ticker in TICKERS])
    np.testing.assert_allclose(weights, np.where(energy, 3, 1) / (STOCKS + 2))
    ranked = "Rank by 21-day return; hold the top 4; rebalance daily."
    plain, lifted = weights_of(ranked), weights_of(ranked, "Prefer Energy when oil is above 0.")
    assert (lifted[30:, energy] > 0).mean() > (plain[30:, energy] > 0).mean() + 0.2


def test_sector_ranks_hold_whole_sectors() -> None:
    weights = weights_of("Rank sectors by 63-day return; hold the top 1; rebalance monthly.")
    start = month_starts()[-1]
    change = PANEL.prices[start] / PANEL.prices[start - 63] - 1
    means = {s: change[[SECTORS[t] == s for t in TICKERS]].mean() for s in set(SECTORS.values())}
    best = max(means, key=lambda sector: means[sector])
    held = np.array([SECTORS[ticker] == best for ticker in TICKERS])
    np.testing.assert_allclose(weights[start], held / held.sum())


def test_vetoes() -> None:
    veto = position_of("risk", "Veto the 2 most volatile stocks over 63 days.").veto
    assert veto is not None
    mondays = np.flatnonzero((PANEL.dates.astype(int) + 3) % 7 == 0)
    monday = mondays[-1]
    expected = np.argsort(-PANEL.returns[monday - 62 : monday + 1].std(axis=0))[:2]
    assert set(np.flatnonzero(veto[monday])) == set(expected)
    assert not veto[:60].any()
    deep = position_of("risk", "Veto stocks more than 10 % below their 63-day high.").veto
    assert deep is not None
    fall = PANEL.prices[monday] / PANEL.prices[monday - 62 : monday + 1].max(axis=0) - 1
    np.testing.assert_array_equal(deep[monday], fall < -0.1)


def test_rules() -> None:
    rule = position_of("execution", "Trade weekly.", "Move 25 % of the way each day.").execution
    assert rule == ExecutionRule("weekly", 0.0, 0.25)
    moved = "Trade only when the target has moved by more than 5 %."
    assert position_of("execution", moved).execution == ExecutionRule("daily", 0.05, 1.0)
    lines = (
        "Weigh agents by Darwinian weight.",
        "Cap each stock at 15 %.",
        "Shrink the book 50 % towards equal weight.",
    )
    assert position_of("allocation", *lines).allocation == AllocationRule(True, 0.15, 0.5)
    assert position_of("allocation", "Weigh agents equally.").allocation == AllocationRule(False, 1.0, 0.0)


def test_missing_data_is_neutral_and_said() -> None:
    ended = PANEL.series["oil"].copy()
    ended[300:] = np.nan
    poorer = changed(PANEL, sectors={}, series={"oil": ended})
    oil, gold = "Halve exposure when oil is above 0.", "Halve exposure when gold is above 0."
    position = position_of("exposure", oil, gold, panel=poorer)
    assert position.exposure is not None
    np.testing.assert_array_equal(position.exposure, np.where(np.arange(LENGTH) < 300, 0.5, 1.0))
    last = PANEL.dates[299]
    assert position.neutral == (
        f"{oil} Neutral: oil ends on {last}.",
        f"{gold} Neutral: there is no data on gold.",
    )
    tilt, rank = "Prefer Energy when oil is above 0.", "Rank sectors by 63-day return; hold the top 1."
    position = position_of("selection", tilt, rank, panel=poorer)
    assert position.weights is not None
    np.testing.assert_allclose(position.weights[month_starts()], np.tile(EQUAL, (len(month_starts()), 1)))
    assert ["no stock belongs" in position.neutral[0], "no sector map" in position.neutral[1]] == [True, True]
    assert position_of("exposure", oil).neutral == ()


def test_a_refused_agent_is_not_interpreted() -> None:
    with pytest.raises(UsageError, match="no readable directive"):
        interpret(Agent("x", "X", "macro", "exposure", ()), PANEL)


def test_positions_are_shared_and_cannot_be_changed() -> None:
    weights = weights_of("Rank by 63-day return; hold the top 2.")
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 1.0
    assert PANEL.prices.flags.writeable


def test_memory_is_bounded_and_shared() -> None:
    memory, made = Memory(limit_bytes=8 * 100), []

    def make() -> np.ndarray:
        made.append(1)
        return np.zeros(40)

    first = memory.get("a", make)
    assert memory.get("a", make) is first
    assert len(made) == 1
    memory.get("b", make)
    memory.get("a", make)
    memory.get("c", make)  # drops b, the one used longest ago
    assert memory.nbytes <= 8 * 100
    memory.get("a", make)
    assert len(made) == 3
    memory.get("b", make)
    assert len(made) == 4
