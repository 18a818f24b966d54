"""Keep or discard: the error that a decision may make is the error that it makes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evolve.acceptance import Contest, Greedy, Lord, Significant, log_likelihood_ratio
from evolve.substrate import Bout, Duel
from evolve.testing import AcceptanceConformance


class TestGreedy(AcceptanceConformance):
    make = staticmethod(Greedy)


class TestSignificant(AcceptanceConformance):
    make = staticmethod(Significant)


# Where scipy's own noncentral density is sound: it overflows or loses its digits outside.
@given(st.floats(-6, 12), st.integers(2, 60), st.floats(0.05, 1.0))
def test_the_likelihood_ratio_is_students(t: float, count: int, effect: float) -> None:
    wanted = stats.nct.logpdf(t, count - 1, effect * math.sqrt(count)) - stats.t.logpdf(t, count - 1)
    assert log_likelihood_ratio(t, count, effect) == pytest.approx(wanted, rel=1e-4, abs=1e-4)


def test_the_likelihood_ratio_stays_finite_at_any_count() -> None:
    for t in (-1e9, -40.0, 0.0, 40.0, 1e9):
        for count in (2, 100, 10_000, 1_000_000):
            assert math.isfinite(log_likelihood_ratio(t, count, 0.5))


def sequential(rng: np.random.Generator, mean: float, alpha: float, looks: int = 200) -> str:
    duel, rule = Duel(), Significant(effect=0.5, beta=0.1)
    for _ in range(looks):
        duel = duel.fold(Bout.of([rng.normal(mean)]))
        if (decision := rule.decide(duel, alpha)) != "more":
            return decision
    return "more"


def test_noise_is_kept_no_more_often_than_alpha_at_any_look() -> None:
    rng, runs, alpha = np.random.default_rng(1), 1_000, 0.05
    kept = sum(sequential(rng, 0.0, alpha) == "keep" for _ in range(runs))
    assert kept <= stats.binom.ppf(0.999, runs, alpha)


def test_the_effect_that_it_is_made_for_is_found() -> None:
    rng, runs = np.random.default_rng(2), 300
    lost = sum(sequential(rng, 0.5, 0.05) == "discard" for _ in range(runs))
    assert lost <= stats.binom.ppf(0.999, runs, 0.1)


def test_one_look_at_all_evidence_is_a_t_test() -> None:
    rng, rule, runs = np.random.default_rng(3), Significant(), 2_000
    kept = 0
    for _ in range(runs):
        kept += rule.decide(Duel().fold(Bout.of(rng.normal(size=60), last=True)), 0.05) == "keep"
    assert stats.binom.ppf(0.001, runs, 0.05) <= kept <= stats.binom.ppf(0.999, runs, 0.05)


def test_differences_without_spread_are_judged_by_their_signs() -> None:
    rule = Significant()
    assert rule.decide(Duel().fold(Bout.of([1.0], last=True)), 0.05) == "discard"
    assert rule.decide(Duel().fold(Bout.of([1.0] * 5, last=True)), 0.05) == "keep"
    assert rule.decide(Duel().fold(Bout.of([0.0] * 500, last=True)), 0.05) == "discard"


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), min_size=1, max_size=6))
def test_a_duel_is_the_sum_of_its_bouts(parts: list[list[float]]) -> None:
    duel = Duel()
    for part in parts:
        duel = duel.fold(Bout.of(part))
    flat = np.concatenate([np.array(part) for part in parts])
    assert duel.count == flat.size
    assert duel.mean == pytest.approx(flat.mean(), abs=1e-9)
    if flat.size > 1:
        assert duel.variance == pytest.approx(flat.var(ddof=1), rel=1e-6, abs=1e-6)


def test_a_difference_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        Bout.of([1.0, math.nan])


def test_the_contest_schedule_is_flat() -> None:
    schedule = Contest(0.1)
    assert [schedule.level() for _ in range(3)] == [0.1, 0.1, 0.1]


def test_lord_controls_false_discoveries() -> None:
    """9 of 10 contests are null, 1 of 10 has an effect: the mean false share of keeps is below alpha."""
    rng, alpha, shares, found = np.random.default_rng(4), 0.1, [], 0
    for _ in range(60):
        schedule, false, true = Lord(alpha), 0, 0
        for _ in range(200):
            real = rng.random() < 0.1
            kept = rng.normal(4.0 if real else 0.0) > stats.norm.isf(schedule.level())
            schedule.close(kept)
            true, false = true + (kept and real), false + (kept and not real)
        shares.append(false / max(1, false + true))
        found += true
    assert np.mean(shares) <= alpha
    assert found > 60 * 200 * 0.1 * 0.2


def test_lord_survives_its_state() -> None:
    one, two = Lord(0.1), Lord(0.1)
    for kept in (False, True, False):
        one.level()
        one.close(kept)
    two.restore(one.state())
    assert [one.level() for _ in range(4)] == [two.level() for _ in range(4)]
