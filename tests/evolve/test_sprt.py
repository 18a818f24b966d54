"""The sequential test of engine testers: against published runs, and against its own promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evolve.sprt import ELO_OF_T, PAIR, Sprt, log_likelihood_ratio, normalised_elo
from evolve.substrate import Bout, Duel

TALLIES = st.tuples(*[st.integers(0, 400)] * 5)


@pytest.mark.parametrize(
    ("tally", "bounds", "published"),
    [
        ((89, 192, 310, 249, 153), (0, 5), "2.96"),
        ((487, 1490, 2363, 1633, 527), (0, 5), "2.97"),
        ((125, 1629, 3543, 1796, 126), (0, 4), "2.55"),
        ((1, 14, 25, 81, 85), (0, 5), "3.10"),
    ],
)
def test_published_runs(tally: tuple[int, ...], bounds: tuple[float, float], published: str) -> None:
    """fastchess's runs, as FIELD.md has them."""
    assert abs(log_likelihood_ratio(tally, *bounds) - float(published)) < 0.00501


@given(TALLIES)
def test_a_mirror_image_says_the_opposite(tally: tuple[int, ...]) -> None:
    ratio, mirrored = log_likelihood_ratio(tally, -30, 70), log_likelihood_ratio(tally[::-1], -70, 30)
    assert ratio == pytest.approx(-mirrored, rel=1e-6, abs=1e-6)
    assert normalised_elo(tally) == pytest.approx(-normalised_elo(tally[::-1]), abs=1e-6)


@given(TALLIES, st.integers(0, 3))
def test_a_better_pair_is_better_evidence(tally: tuple[int, ...], worse: int) -> None:
    """Where there are both wins and losses: one pair more in the next better place."""
    base = [count + 5 for count in tally]
    low, high = list(base), list(base)
    low[worse] += 1
    high[worse + 1] += 1
    assert log_likelihood_ratio(high, 0, 50) > log_likelihood_ratio(low, 0, 50)


def test_bounds_of_equal_errors_are_those_that_people_know() -> None:
    assert math.log(0.95 / 0.05) == pytest.approx(2.944, abs=5e-4)
    keep = Duel().fold(Bout(1000, 100.0, 100.0, tally=(50, 150, 300, 300, 200)))
    assert Sprt().decide(keep, 0.05) == "keep"
    assert Sprt().decide(Duel().fold(Bout(1000, -100.0, 100.0, tally=(200, 300, 300, 150, 50))), 0.05) == "discard"
    assert Sprt().decide(Duel().fold(Bout(2, 0.0, 0.0, tally=(0, 0, 2, 0, 0))), 0.05) == "more"
    assert Sprt().decide(Duel(), 0.05) == "more"
    assert Sprt().decide(Duel().fold(Bout(failed="crash", last=True)), 0.05) == "discard"


def test_differences_that_are_no_pairs_are_said() -> None:
    with pytest.raises(ValueError, match="pairs of games"):
        Sprt().decide(Duel().fold(Bout.of([0.1, 0.2])), 0.05)


def test_a_duel_adds_tallies_and_survives_json() -> None:
    duel = Duel().fold(Bout(2, 0.0, 0.0, tally=(1, 0, 0, 0, 1))).fold(Bout(1, 0.5, 0.25, tally=(0, 0, 0, 0, 1)))
    assert duel.tally == (1, 0, 0, 0, 2)
    assert Duel(**{**vars(duel), "tally": list(duel.tally)}) == duel


def kept(share: np.ndarray, contests: int, seed: int) -> int:
    """Of contests whose pairs are drawn from `share`, at most 2,000 pairs each, a look a bout of 4."""
    rng, test, count = np.random.default_rng(seed), Sprt(), 0
    for _ in range(contests):
        tally = np.zeros(5, dtype=int)
        for _ in range(500):
            tally += rng.multinomial(4, share)
            n = int(tally.sum())
            decision = test.decide(Duel(n, tally=tuple(map(int, tally))), 0.05)
            if decision != "more":
                count += decision == "keep"
                break
    return count


def test_equal_engines_are_kept_no_more_often_than_said() -> None:
    share = np.array([0.12, 0.2, 0.36, 0.2, 0.12])
    assert kept(share, 120, 1) <= binom.ppf(0.999, 120, 0.05)


def test_an_engine_of_the_upper_bound_is_mostly_kept() -> None:
    share = np.array([0.12, 0.2, 0.36, 0.2, 0.12])
    t = 50 / ELO_OF_T * math.sqrt(2)
    deviation = math.sqrt(share @ (PAIR - 0.5) ** 2)
    better = share * (1 + t * deviation / (share @ (PAIR - 0.5) ** 2) * (PAIR - 0.5))
    assert kept(better / better.sum(), 60, 2) >= binom.ppf(0.001, 60, 0.95)


def test_who_has_come_half_of_the_way_to_a_discard_is_not_promising() -> None:
    even, behind, lost = (Duel(sum(t), tally=t) for t in ((1, 5, 10, 5, 1), (4, 9, 20, 6, 2), (30, 40, 30, 5, 0)))
    test = Sprt(0, 50, 0.05)
    ratios = [log_likelihood_ratio(duel.tally, 0, 50) for duel in (even, behind, lost)]
    assert math.log(0.05 / 0.95) / 2 < ratios[0] < 0
    assert math.log(0.05 / 0.95) < ratios[1] < math.log(0.05 / 0.95) / 2
    assert [test.promising(duel, 0.05) for duel in (Duel(), even, behind, lost)] == [True, True, False, False]
    assert [test.decide(duel, 0.05) for duel in (even, behind, lost)] == ["more", "more", "discard"]
