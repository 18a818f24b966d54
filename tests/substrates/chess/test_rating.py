"""Ratings: finite, in order, with intervals that hold what they say."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from evolve.errors import UsageError
from substrates.chess.rating import Rung, bradley_terry, expected, fitted, head_to_head, next_rung, rated

SCORES = (0.0, 0.25, 0.5, 0.75, 1.0)
LADDER = {f"r{i}": Rung(f"r{i}", 1300.0 + 120 * i, 4.0 * i) for i in range(8)}
EXACT = {name: Rung(name, rung.elo, 0.0) for name, rung in LADDER.items()}

results = st.lists(st.tuples(st.sampled_from(sorted(LADDER)), st.sampled_from(SCORES)), min_size=1, max_size=60)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def pairs_of(
    elo: float, name: str, ladder: dict[str, Rung], count: int, dice: np.random.Generator
) -> list[tuple[str, float]]:
    """Of an engine of that strength, two games a pair, three games in ten drawn where it would be even."""
    hope = float(expected(elo - ladder[name].elo))
    draw = 1.2 * hope * (1 - hope)
    drawn = dice.random((count, 2))
    points = np.where(drawn < hope - draw / 2, 1.0, np.where(drawn < hope + draw / 2, 0.5, 0.0))
    return [(name, score) for score in points.mean(axis=1).tolist()]


def test_no_result_is_no_rating() -> None:
    assert rated([], LADDER, rng()) is None


@given(results)
def test_every_result_gives_finite_elos_in_order(made: list[tuple[str, float]]) -> None:
    rating = rated(made, LADDER, rng(), draws=50)
    assert rating is not None
    assert np.isfinite([rating.low, rating.elo, rating.high]).all()
    assert rating.low <= rating.elo <= rating.high
    assert rating.pairs == len(made)


@given(results, st.randoms(use_true_random=False))
def test_the_order_of_results_is_nothing(made: list[tuple[str, float]], shuffle: random.Random) -> None:
    other = list(made)
    shuffle.shuffle(other)
    assert rated(made, LADDER, rng(), draws=50) == rated(other, LADDER, rng(), draws=50)
    assert next_rung(made, LADDER) == next_rung(other, LADDER)


@given(results, st.data())
def test_a_better_result_is_a_better_rating(made: list[tuple[str, float]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(made) - 1))
    name, score = made[place]
    better = [*made[:place], (name, min(1.0, score + 0.25)), *made[place + 1 :]]
    one, other = (rated(each, EXACT, rng(), draws=2) for each in (made, better))
    assert one is not None
    assert other is not None
    assert (other.elo > one.elo) if score < 1 else (other.elo == one.elo)


@given(results)
def test_swapped_sides_mirror_the_rating(made: list[tuple[str, float]]) -> None:
    mirrored = {name: Rung(name, -rung.elo, rung.error) for name, rung in LADDER.items()}
    one = rated(made, LADDER, rng(), draws=2)
    other = rated([(name, 1 - score) for name, score in made], mirrored, rng(), draws=2)
    assert one is not None
    assert other is not None
    assert one.elo == pytest.approx(-other.elo, abs=1e-6)


def test_even_results_are_the_rungs_own_elo() -> None:
    rating = rated([("r3", 1.0), ("r3", 0.0)] * 10, EXACT, rng())
    assert rating is not None
    assert rating.elo == pytest.approx(EXACT["r3"].elo, abs=1e-6)


def test_three_in_four_is_191_elo_less_what_the_prior_takes() -> None:
    rating = rated([("r3", 0.75)] * 400, EXACT, rng())
    assert rating is not None
    assert 188 < rating.elo - EXACT["r3"].elo < 190.85


def test_wins_alone_have_a_width_and_more_of_them_a_higher_low_end() -> None:
    few, many = (rated([("r3", 1.0)] * count, EXACT, rng()) for count in (4, 40))
    assert few is not None
    assert many is not None
    assert few.low < few.elo - 50
    assert few.low < many.low
    assert many.elo > few.elo


def test_a_rungs_own_error_widens_the_interval() -> None:
    loose = {name: Rung(name, rung.elo, 80.0) for name, rung in LADDER.items()}
    one, other = (rated([("r3", 0.5), ("r3", 0.75)] * 40, ladder, rng()) for ladder in (EXACT, loose))
    assert one is not None
    assert other is not None
    assert other.elo == one.elo
    assert other.high - other.low > 2 * 1.9 * 80
    assert other.high - other.low > one.high - one.low


@pytest.mark.parametrize("elo", [1400.0, 1700.0, 2000.0])
def test_a_planted_elo_is_inside_as_often_as_said(elo: float) -> None:
    """300 gauntlets of 40 adaptive pairs against a ladder whose rungs are off by their errors, all in one direction."""
    dice, inside, level, gauntlets = rng(int(elo)), 0, 0.9, 300
    for _ in range(gauntlets):
        off = dice.standard_normal()
        true = {name: Rung(name, rung.elo + off * rung.error, 0.0) for name, rung in LADDER.items()}
        made: list[tuple[str, float]] = []
        while len(made) < 40:
            made += pairs_of(elo, next_rung(made, LADDER), true, 4, dice)
        rating = rated(made, LADDER, dice, level=level, draws=300)
        assert rating is not None
        inside += rating.low <= elo <= rating.high
    assert inside >= binom.ppf(1e-3, gauntlets, level - 0.03)
    assert inside <= binom.ppf(1 - 1e-3, gauntlets, level + 0.03)


def test_a_score_that_no_pair_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not \[0\.3\]"):
        rated([("r3", 0.3)], LADDER, rng())


def test_the_next_rung_is_where_half_is_expected() -> None:
    assert next_rung([], LADDER) == "r4"
    assert next_rung([("r4", 1.0)] * 2, LADDER) in ("r6", "r7")
    assert next_rung([("r4", 0.0)] * 20, LADDER) == "r0"
    assert next_rung([("r4", 0.5)] * 20, LADDER) == "r4"


@settings(max_examples=20)
@given(st.floats(1300, 2140), st.integers(0, 10**6))
def test_a_gauntlet_comes_to_the_rungs_around_the_engine(elo: float, seed: int) -> None:
    made: list[tuple[str, float]] = []
    while len(made) < 80:
        made += pairs_of(elo, next_rung(made, EXACT), EXACT, 4, rng(seed + len(made)))
    assert abs(EXACT[next_rung(made, EXACT)].elo - elo) <= 60 + 120


names = st.sampled_from("abcde")
score = st.integers(0, 40)
games = st.dictionaries(st.tuples(names, names).filter(lambda two: two[0] < two[1]), st.tuples(score, score))


def whole(made: dict[tuple[str, str], tuple[int, int]]) -> dict[tuple[str, str], float]:
    """With a chain a–b–c–d–e of drawn games, so that all are joined."""
    chain = dict.fromkeys(zip("abcd", "bcde", strict=True), (1, 1))
    points = {}
    for (one, other), (won, lost) in (made | chain).items():
        points[one, other], points[other, one] = won / 2, lost / 2
    return points


@pytest.fixture(scope="module")
def evalica() -> None:
    pytest.importorskip("evalica", reason='pip install "evolve[chess]"')


@pytest.mark.usefixtures("evalica")
@given(games)
def test_a_league_by_evalica_is_our_own_fit(made: dict[tuple[str, str], tuple[int, int]]) -> None:
    wins = whole(made)
    elos = bradley_terry(wins)
    points = np.zeros((1, 5, 5))
    for (one, other), won in wins.items():
        points[0, "abcde".index(one), "abcde".index(other)] = won
    ours = fitted(points, points + points.transpose(0, 2, 1), 2)[0]
    assert [elos[name] for name in "abcde"] == pytest.approx(list(ours - ours.mean()), abs=0.01)
    assert sum(elos.values()) == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("evalica")
def test_one_who_never_lost_is_finite_and_those_apart_are_refused() -> None:
    assert bradley_terry({}) == {}
    elos = bradley_terry({("a", "b"): 20.0})
    assert 500 < elos["a"] - elos["b"] < 800
    with pytest.raises(ValueError, match="no chain of games"):
        bradley_terry({("a", "b"): 1.0, ("c", "d"): 1.0})


def test_without_evalica_the_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evalica", None)
    with pytest.raises(UsageError, match=r"pip install"):
        bradley_terry({("a", "b"): 1.0})


# -- head to head ----------------------------------------------------------------------------------

TALLIES = st.tuples(*[st.integers(0, 80)] * 5).filter(any)


@given(TALLIES)
def test_a_match_mirrors_and_holds_its_middle(tally: tuple[int, ...]) -> None:
    one, other = head_to_head(tally, rng(), draws=50), head_to_head(tally[::-1], rng(), draws=50)
    assert one is not None
    assert other is not None
    assert one.elo == pytest.approx(-other.elo, abs=1e-6)
    assert one.low <= one.elo <= one.high
    assert one.pairs == sum(tally)


def test_no_match_is_no_difference() -> None:
    assert head_to_head((0, 0, 0, 0, 0), rng()) is None


def test_intervals_of_matches_hold_what_they_say() -> None:
    dice, truth, held, matches = rng(4), 35.0, 0, 200
    for _ in range(matches):
        points = [score for _, score in pairs_of(truth, "level", {"level": Rung("level", 0.0, 0.0)}, 200, dice)]
        tally = [points.count(score) for score in SCORES]
        found = head_to_head(tally, dice, draws=400)
        held += found is not None and found.low <= truth <= found.high
    assert held >= binom.ppf(0.001, matches, 0.95)
