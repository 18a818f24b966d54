"""Closed forms, published values, a second implementation, and simulation against exact binomial bounds."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from skfolio import measures

from substrates.finance import statistics as s


def fat(seed: int, days: int = 1500, mean: float = 0.0005) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, days) * 0.008 + mean


def most(trials: int, rate: float) -> int:
    """At most this many, at a chance of 1 in 10,000 to fail by luck."""
    return int(stats.binom.ppf(1 - 1e-4, trials, rate))


def test_sharpe_by_hand() -> None:
    assert s.sharpe(np.array([0.01, 0.03]), annualised=False) == pytest.approx(0.02 / math.sqrt(2e-4))
    assert s.sharpe(np.array([0.01, 0.03])) == pytest.approx(math.sqrt(2) * math.sqrt(252))
    assert s.sharpe(np.zeros(10)) == 0.0
    assert math.isnan(s.sharpe(np.full(10, 0.01)))
    assert math.isnan(s.sharpe(np.array([0.01])))


def test_t_statistics() -> None:
    x = fat(1, 400)
    assert s.t_statistic(x) == pytest.approx(stats.ttest_1samp(x, 0.0).statistic)
    assert s.hac_t(x, lags=0) == pytest.approx(s.t_statistic(x))
    # A series said five times over has five times the plain evidence, and no more of the honest one.
    repeated = np.repeat(x, 5)
    assert s.t_statistic(repeated) > 2 * s.t_statistic(x)
    assert s.hac_t(repeated, lags=100) == pytest.approx(s.t_statistic(x), rel=0.25)
    assert s.hac_t(np.zeros(50)) == 0.0


def test_hac_rejects_at_its_level_where_the_plain_t_does_not() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(400, 760))
    series = np.cumsum(noise, axis=1)
    moving = series[:, 10:] - series[:, :-10]
    plain = sum(s.t_statistic(row) > 1.6449 for row in moving)
    robust = sum(s.hac_t(row, lags=30) > 1.6449 for row in moving)
    assert robust <= most(400, 0.075) < plain


def test_published_deflated_sharpe() -> None:
    """Bailey & Lopez de Prado (2014), their numerical example: five years of 250 days, 100 trials."""
    best = s.expected_best(100, 0.5 / 250)
    assert best == pytest.approx(0.1132, abs=5e-5)
    assert s.above_benchmark(2.5 / math.sqrt(250), best, 1250, -3.0, 10.0) == pytest.approx(0.9004, abs=5e-5)


def test_the_best_of_200_rules_without_skill() -> None:
    """The measured example: Sharpe 0.66 over ten years looks sure until the 200 trials are counted."""
    ratio, days = 0.66 / math.sqrt(252), 2520
    assert s.above_benchmark(ratio, 0.0, days, 0.0, 3.0) == pytest.approx(0.981, abs=1e-3)
    spread = 0.2914**2 / 252  # of the trials, as that figure implies; 0.66 is rounded
    best = s.expected_best(200, spread)
    assert s.above_benchmark(ratio, best, days, 0.0, 3.0) == pytest.approx(0.328, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_against_skfolio(seed: int) -> None:
    x = fat(seed)
    trials = np.random.default_rng(seed).normal(0, 0.03, 200)
    theirs = measures.probabilistic_sharpe_ratio(x, 0.01)
    assert s.probabilistic_sharpe(x, 0.01) == pytest.approx(theirs, abs=2e-3)
    assert s.expected_best(200, 0.03**2) == pytest.approx(measures.expected_max_sharpe_ratio(200, 0.03))
    theirs = measures.deflated_sharpe_ratio(x, trials)
    assert s.deflated_sharpe(x, 200, float(trials.var(ddof=1))) == pytest.approx(theirs, abs=2e-3)


def test_expected_best_is_the_mean_of_the_best() -> None:
    best = np.random.default_rng(2).normal(size=(20_000, 50)).max(axis=1)
    assert s.expected_best(50, 1.0) == pytest.approx(best.mean(), rel=0.02)
    assert s.expected_best(1, 1.0) == 0.0
    with pytest.raises(ValueError, match="at least one"):
        s.expected_best(0, 1.0)


def test_jobson_korkie_memmel_holds_its_level_and_finds_what_is_there() -> None:
    rng = np.random.default_rng(11)
    common = rng.normal(size=(600, 500))
    first = (common + rng.normal(size=common.shape)) * 0.01 + 0.0005
    second = (common + rng.normal(size=common.shape)) * 0.01 + 0.0005
    z = np.array([s.jobson_korkie_memmel(a, b) for a, b in zip(first, second, strict=True)])
    assert int((z > 1.6449).sum()) <= most(600, 0.05)
    assert z.std() == pytest.approx(1.0, abs=0.12)  # four standard errors of a spread of 600
    assert s.jobson_korkie_memmel(first[0] + 0.002, second[0]) > 3
    assert s.jobson_korkie_memmel(first[0], first[0]) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_sharpe_differences_are_antisymmetric_and_know_no_scale(seed: int, scale: float) -> None:
    a, b = fat(seed, 300), fat(seed + 1, 300)
    z = s.jobson_korkie_memmel(a, b)
    assert s.jobson_korkie_memmel(b, a) == pytest.approx(-z)
    assert s.jobson_korkie_memmel(scale * a, b) == pytest.approx(z)
    assert s.sharpe(scale * a) == pytest.approx(s.sharpe(a))


def test_bootstrap_holds_its_level() -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(size=(60, 500))
    rows = [(c + rng.normal(size=500), c + rng.normal(size=500)) for c in common]
    p = [s.bootstrap_difference(a, b, seed=i, draws=200).p for i, (a, b) in enumerate(rows)]
    assert sum(x <= 0.05 for x in p) <= most(60, 0.06)
    assert 0.35 < float(np.mean(p)) < 0.65


def test_bootstrap_agrees_with_jobson_korkie_memmel() -> None:
    x = fat(9, 2000)
    other = 0.5 * x + np.random.default_rng(9).normal(0, 0.005, 2000)
    found = s.bootstrap_difference(x, other, seed=1)
    assert found.difference == pytest.approx(s.sharpe(x) - s.sharpe(other))
    assert found.low < found.difference < found.high
    assert found.p == pytest.approx(stats.norm.sf(s.jobson_korkie_memmel(x, other)), abs=0.04)
    assert s.bootstrap_difference(x, other, seed=1) == found
    assert s.bootstrap_difference(x, x, seed=1).p == 1.0
    assert s.bootstrap_difference(x[:20], other[:20], seed=1).p == 1.0


def test_bootstrap_finds_a_planted_difference() -> None:
    noise = fat(4, 1000, mean=0.0)
    assert s.bootstrap_difference(noise + 0.002, -noise, seed=0, draws=400).p < 0.01


def slow_pbo(trials: np.ndarray, blocks: int) -> float:
    parts = np.array_split(trials, blocks)
    failures = []
    for split in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in split])
        outside = np.concatenate([parts[i] for i in range(blocks) if i not in split])
        best = int((inside.mean(0) / inside.std(0)).argmax())
        ranks = stats.rankdata(outside.mean(0) / outside.std(0))
        failures.append(0.5 * (1 + np.sign((trials.shape[1] + 1) / 2 - ranks[best])))
    return float(np.mean(failures))


@pytest.mark.parametrize("count", [2, 5, 8])
def test_pbo_by_the_book(count: int) -> None:
    trials = np.random.default_rng(count).normal(0.02, 1, (240, count))
    assert s.overfitting_probability(trials, 6) == pytest.approx(slow_pbo(trials, 6))


def test_pbo_means_what_it_says() -> None:
    rng = np.random.default_rng(8)
    noise = rng.normal(size=(1600, 10))
    skilled = noise.copy()
    skilled[:, 3] += 0.3
    assert s.overfitting_probability(skilled) == 0.0
    assert s.overfitting_probability(np.repeat(noise[:, :1], 4, axis=1)) == pytest.approx(0.5)
    assert np.mean([s.overfitting_probability(rng.normal(size=(320, 6)), 8) for _ in range(60)]) > 0.4
    assert math.isnan(s.overfitting_probability(noise[:, :1]))
    with pytest.raises(ValueError, match="even number"):
        s.overfitting_probability(noise, 5)


def test_drawdown_and_turnover() -> None:
    assert s.max_drawdown(np.array([0.1, -0.5, 0.2])) == pytest.approx(0.5)
    assert s.max_drawdown(np.array([-0.2, 0.5])) == pytest.approx(0.2)
    assert s.max_drawdown(np.array([0.1, 0.0])) == 0.0
    assert s.annual_turnover(np.full(10, 2 / 252)) == pytest.approx(2.0)
