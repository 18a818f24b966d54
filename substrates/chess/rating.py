"""Elo from pairs of games: against a ladder of known rungs, or among the members of a league.

A pair is one opening with both colours; its score is the engine's points of both games, halved: 0, 1/4, 1/2, 3/4 or 1.
What comes out is "Elo on this ladder", at the games' conditions; it is no CCRL or FIDE number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evolve.errors import UsageError

__all__ = ["Rating", "Rung", "bradley_terry", "expected", "fitted", "head_to_head", "next_rung", "rated"]

Floats = NDArray[np.float64]

_SCORES = (0.0, 0.25, 0.5, 0.75, 1.0)

_PRIOR = 1.0
"""Weight, in pairs, of a drawn pair against the average of the rungs met: after wins or losses alone the rating stays
finite. Half a win and half a loss is the usual correction of a proportion; of 40 pairs it moves 70 % to 69.5 %."""

_HALVINGS = 50
"""Of a bracket of some thousand Elo: to less than 1e-9."""


@dataclass(frozen=True)
class Rung:
    """An opponent of known strength: Elo, and its standard error from the calibration."""

    name: str
    elo: float
    error: float


@dataclass(frozen=True)
class Rating:
    """Elo and its interval, by so many pairs of games."""

    elo: float
    low: float
    high: float
    pairs: int


def expected(difference: Floats | float) -> Floats:
    """The score that the logistic model expects of the one who is `difference` Elo stronger."""
    return np.asarray(1 / (1 + 10 ** (-np.asarray(difference) / 400)), dtype=float)


def rated(
    results: Sequence[tuple[str, float]],
    ladder: Mapping[str, Rung],
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 1000,
) -> Rating | None:
    """The likeliest Elo by `results` (rung, score of a pair); None without any.

    The interval is the middle `level` of the Elos of `draws` samples: pairs are drawn anew, together with one win and
    one loss of half a pair each (wins alone would otherwise have no width), and the rungs move by their errors, all
    together: those errors add up along the same games from the anchor on (on the packaged ladder, neighbours' errors
    correlate at 0.6 to 0.8). Of 90 % intervals from 40 pairs at rungs chosen by `next_rung`, 86 to 89 % held the
    planted Elo, measured; after wins alone, the high end is the prior's.
    """
    if not results:
        return None
    tally = Counter(results)
    cells = sorted(tally)
    scores = np.array([score for _, score in cells])
    if not set(scores.tolist()) <= set(_SCORES):
        raise ValueError(f"the score of a pair is one of {_SCORES}, not {sorted(set(scores.tolist()) - set(_SCORES))}")
    elos = np.array([ladder[name].elo for name, _ in cells])
    errors = np.array([ladder[name].error for name, _ in cells])
    counts = np.array([tally[cell] for cell in cells], dtype=float)
    pairs = len(results)
    best = _likeliest(scores, elos[None], counts[None])[0]

    middle = counts @ elos / pairs, counts @ errors / pairs
    drawable = np.append(counts, [_PRIOR / 2, _PRIOR / 2]) / (pairs + _PRIOR)
    drawn = rng.multinomial(pairs, drawable, size=draws).astype(float)
    moved = np.append(elos, [middle[0]] * 2) + rng.standard_normal((draws, 1)) * np.append(errors, [middle[1]] * 2)
    sample = _likeliest(np.append(scores, [0.0, 1.0]), moved, drawn)
    low, high = np.quantile(sample, [(1 - level) / 2, (1 + level) / 2])
    return Rating(float(best), float(min(low, best)), float(max(high, best)), pairs)


def next_rung(results: Sequence[tuple[str, float]], ladder: Mapping[str, Rung]) -> str:
    """The rung nearest to where half the points are expected by `results`; before any, the middle one."""
    rungs = sorted(ladder.values(), key=lambda rung: (rung.elo, rung.name))
    if not rungs:
        raise ValueError("a ladder without rungs")
    if not results:
        return rungs[len(rungs) // 2].name
    scores = np.array([score for _, score in results])
    elos = np.array([ladder[name].elo for name, _ in results])
    elo = float(_likeliest(scores, elos[None], np.ones((1, len(results))))[0])
    return min(rungs, key=lambda rung: abs(rung.elo - elo)).name


def _likeliest(scores: Floats, elos: Floats, counts: Floats) -> Floats:
    """For each row of `counts` (rows, cells), how often each cell occurred, the Elo that makes `scores` (cells) against
    `elos` (rows or 1, cells) and the prior likeliest: where the points expected are the points made."""
    pairs = counts.sum(axis=1)
    average = (counts * elos).sum(axis=1) / pairs
    points = counts @ scores + _PRIOR / 2
    # With the prior, no row's points come nearer to none or to all than half a prior: within this span of its rungs.
    span = 400 * np.log10(2 * (pairs + _PRIOR) / _PRIOR)
    met = np.broadcast_to(elos, counts.shape)
    low, high = met.min(axis=1) - span, met.max(axis=1) + span
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        hoped = (counts * expected(middle[:, None] - elos)).sum(axis=1) + _PRIOR * expected(middle - average)
        low, high = np.where(hoped < points, middle, low), np.where(hoped < points, high, middle)
    return np.asarray((low + high) / 2, dtype=float)


def fitted(points: Floats, games: Floats, anchor: int) -> Floats:
    """Bradley and Terry's Elos, the anchor's being 0, of each of many tables at once.

    points, games: (tables, players, players), the points of the row's player against the column's; games symmetric.
    Each two that met have one drawn game more. Newton's method, each step bounded: the likelihood is concave.
    """
    met = games > 0
    points, games = points + met / 2, games + met
    free = np.delete(np.arange(points.shape[1]), anchor)
    elos = np.zeros(points.shape[:2])
    slope = math.log(10) / 400
    for _ in range(100):
        hoped = expected(elos[:, :, None] - elos[:, None, :])
        gradient = (points - games * hoped).sum(axis=2)[:, free]
        weight = games * hoped * (1 - hoped) * slope
        curve = -weight
        curve[:, range(curve.shape[1]), range(curve.shape[1])] = weight.sum(axis=2)
        step = np.linalg.solve(curve[:, free[:, None], free], gradient[..., None])[..., 0]
        elos[:, free] += np.clip(step, -200, 200)
        if np.abs(step).max(initial=0.0) < 1e-6:
            break
    return elos


def bradley_terry(wins: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Elos with mean 0 by {(one, other): the points that one made against the other}, a draw being half a point each.

    Each two that met have one drawn game more, so that an unbeaten engine stays finite; all must be joined by games.
    """
    try:
        from evalica import Winner
        from evalica import bradley_terry as ranked
    except ImportError:
        raise UsageError('a league needs evalica: pip install "evolve[chess]"') from None
    met = {tuple(sorted(pair)) for pair, points in wins.items() if points}
    _joined(met, {name for pair in wins for name in pair})
    rows = [
        (one, other, wins.get((one, other), 0.0) + 0.5) for pair in sorted(met) for one, other in (pair, pair[::-1])
    ]
    if not rows:
        return {}
    ones, others, weights = zip(*rows, strict=True)
    result = ranked(ones, others, [Winner.X] * len(rows), weights=list(weights), tolerance=1e-12, limit=100_000)
    elos = {str(name): 400 * math.log10(score) for name, score in result.scores.items()}
    mean = sum(elos.values()) / len(elos)
    return {name: elos[name] - mean for name in sorted(elos)}


def _joined(met: set[tuple[str, ...]], names: set[str]) -> None:
    """Ratings compare only those whom a chain of games joins."""
    reached = {min(names)} if names else set()
    while more := {name for pair in met if reached & set(pair) for name in pair} - reached:
        reached |= more
    if apart := names - reached:
        raise ValueError(f"no chain of games joins {sorted(apart)} with {sorted(reached)}: no rating compares them")


def head_to_head(
    tally: Sequence[int], rng: np.random.Generator, level: float = 0.95, draws: int = 2000
) -> Rating | None:
    """How much stronger the one is whose pairs these are (how often 0, 1/4, 1/2, 3/4, 1), by the logistic model and a
    bootstrap over pairs; one win and one loss of half a pair are added, so that it stays finite. None without any."""
    counts, pairs = np.asarray(tally, dtype=float), sum(tally)
    if not pairs:
        return None
    scores, added = np.array(_SCORES), np.array([_PRIOR / 2, 0, 0, 0, _PRIOR / 2])
    share = (counts + added) / (pairs + _PRIOR)
    drawn = rng.multinomial(pairs, share, size=draws) + added
    points = np.clip(drawn @ scores / drawn.sum(axis=1), 1e-6, 1 - 1e-6)
    best, sample = (400 * np.log10(p / (1 - p)) for p in (share @ scores, points))
    low, high = np.quantile(sample, [(1 - level) / 2, (1 + level) / 2])
    return Rating(float(best), float(min(low, best)), float(max(high, best)), pairs)
