"""Target books [T, N] from rankers, filters and tilts.

Each ranker makes a book of its own, from the stocks that the filters and the avoided sectors leave, on its
own rhythm; the agent's book is the mean of its rankers' books, so every clause of every ranker acts. Without
a ranker the book is equal weight of what is left, renewed monthly. Between renewals weights drift with
prices: following the book then needs no trade.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from substrates.finance.directives.tree import Directive, Every, Keep, Measure, Rank, Tilt
from substrates.finance.signals.conditions import holds
from substrates.finance.signals.frame import Frame
from substrates.finance.signals.measures import measure, passes
from substrates.finance.signals.position import Bools, Floats

PREFERENCE = 0.5  # assumption: a preferred stock gains half the ranking, so a good half of its peers
PREFERRED_WEIGHT = 3.0  # assumption: without a ranking a preferred stock weighs three times another
RHYTHM_WITHOUT_RANKER: Every = "monthly"


@dataclass(frozen=True)
class _Recipe:
    """A selection agent's directives by kind; hashable, so that books are remembered by it."""

    rankers: tuple[Rank, ...]
    filters: tuple[Keep, ...]
    tilts: tuple[Tilt, ...]


def book(frame: Frame, directives: tuple[Directive, ...]) -> Floats:
    """Weights [T, N] that the directives want held after each close; rows are >= 0 and sum to 1."""
    recipe = _Recipe(
        tuple(d for d in directives if isinstance(d, Rank)),
        tuple(d for d in directives if isinstance(d, Keep)),
        tuple(d for d in directives if isinstance(d, Tilt)),
    )
    return frame.remember(("book", recipe), lambda: _drifting(frame, recipe))


def sector_columns(frame: Frame, sector: str) -> Bools:
    """Which stocks [N] belong to a sector, by name without regard to case."""
    sectors, wanted = frame.panel.sectors, sector.lower()
    return np.array([sectors.get(ticker, "").lower() == wanted for ticker in frame.panel.tickers], dtype=bool)


def _drifting(frame: Frame, recipe: _Recipe) -> Floats:
    rhythms: tuple[Every, ...] = tuple(r.every for r in recipe.rankers) or (RHYTHM_WITHOUT_RANKER,)
    renewed = frame.renewals(rhythms)
    if recipe.rankers:
        targets = np.zeros((len(renewed), len(frame.panel.tickers)))
        for ranker in recipe.rankers:
            latest = frame.segments((ranker.every,))[renewed]
            targets += _ranked(frame, ranker, recipe)[latest]
    else:
        targets = _unranked(frame, recipe)
    if len(renewed) == frame.length:
        grown = targets.copy()
    else:
        grown = np.take(targets, frame.segments(rhythms), axis=0)
        grown *= frame.growth(rhythms)
    # In place, and einsum rather than a sum over axis 1: this is where the time of a ranker goes.
    grown *= (1.0 / np.einsum("tn->t", grown))[:, None]
    return grown


def _ranked(frame: Frame, ranker: Rank, recipe: _Recipe) -> Floats:
    """The book [E, N] of one ranker on its renewal days."""
    key = ("ranked", ranker, recipe.filters, recipe.tilts)
    return frame.remember(key, lambda: _rank(frame, ranker, recipe))


def _unranked(frame: Frame, recipe: _Recipe) -> Floats:
    eligible = _eligible(frame, recipe, RHYTHM_WITHOUT_RANKER)
    preferred = _preferred(frame, recipe, RHYTHM_WITHOUT_RANKER)
    weights = np.where(preferred, PREFERRED_WEIGHT, 1.0) * eligible
    return _normalised(weights, eligible)


def _rank(frame: Frame, ranker: Rank, recipe: _Recipe) -> Floats:
    eligible = _eligible(frame, recipe, ranker.every)
    scores = measure(frame, ranker.measure, ranker.every)
    if ranker.order == "lowest":
        scores = -scores
    scores = np.where(eligible, scores, np.nan)
    if ranker.over == "sectors":
        chosen = _best_sectors(frame, ranker, recipe, scores)
    else:
        chosen = _best(_raised(scores, _preferred(frame, recipe, ranker.every)), ranker.hold)
    weights = (chosen & eligible).astype(np.float64)
    if ranker.inverse_volatility is not None:
        volatility = measure(frame, Measure("volatility", ranker.inverse_volatility), ranker.every)
        with np.errstate(divide="ignore"):
            steadiness = 1.0 / volatility
        steady = weights * np.where(np.isfinite(steadiness), steadiness, 0.0)
        weights = np.where(np.any(steady, axis=1)[:, None], steady, weights)
    return _normalised(weights, eligible)


def _eligible(frame: Frame, recipe: _Recipe, every: Every) -> Bools:
    """Stocks [E, N] that are listed and not ruled out by a filter or avoided sector; all listed if none."""
    rows = frame.renewals((every,))
    listed = frame.listed[rows]
    eligible = listed.copy()
    for keep in recipe.filters:
        # A stock with too little history for the test passes: the filter has nothing to say about it.
        unknown = np.isnan(measure(frame, keep.test.measure, every))
        eligible &= passes(frame, keep.test, every) | unknown
    for tilt in recipe.tilts:
        if not tilt.prefer:
            eligible &= ~_tilted(frame, tilt, every)
    nothing_left = ~np.any(eligible, axis=1)
    eligible[nothing_left] = listed[nothing_left]
    return eligible


def _preferred(frame: Frame, recipe: _Recipe, every: Every) -> Bools:
    """Stocks [E, N] of the sectors that are preferred on the day."""
    preferred = np.zeros((len(frame.renewals((every,))), len(frame.panel.tickers)), dtype=bool)
    for tilt in recipe.tilts:
        if tilt.prefer:
            preferred |= _tilted(frame, tilt, every)
    return preferred


def _tilted(frame: Frame, tilt: Tilt, every: Every) -> Bools:
    active = holds(frame, tilt.clause)[frame.renewals((every,))]
    return active[:, None] & sector_columns(frame, tilt.sector)[None, :]


def _raised(scores: Floats, preferred: Bools) -> Floats:
    """Scores with the preferred ones raised by half the ranking; untouched where nothing is preferred."""
    if not preferred.any():
        return scores
    known = np.isfinite(scores)
    position = np.argsort(np.argsort(np.where(known, scores, np.inf), axis=1, kind="stable"), axis=1)
    share = position / np.maximum(known.sum(axis=1) - 1, 1)[:, None]
    return np.where(known, share + PREFERENCE * preferred, np.nan)


def _best(scores: Floats, count: int) -> Bools:
    """The `count` highest known scores of each row; ties go to the earlier column."""
    known = np.isfinite(scores)
    if count >= scores.shape[1]:
        return known
    order = np.argsort(np.where(known, -scores, np.inf), axis=1, kind="stable")[:, :count]
    best = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(best, order, True, axis=1)
    return best & known


def _best_sectors(frame: Frame, ranker: Rank, recipe: _Recipe, scores: Floats) -> Bools:
    """All stocks of the best sectors [E, N], a sector's score being the mean of its stocks'."""
    sectors = sorted(set(frame.panel.sectors.values()))
    if not sectors:
        return np.zeros(scores.shape, dtype=bool)
    members = np.array([sector_columns(frame, sector) for sector in sectors])  # [S, N]
    known = np.isfinite(scores)
    # Not a matrix product: its rounding may depend on how many rows there are, and later days are rows.
    filled = np.where(known, scores, 0.0)
    totals = np.stack([filled[:, member].sum(axis=1) for member in members], axis=1)
    counts = np.stack([known[:, member].sum(axis=1) for member in members], axis=1)
    means = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    preferred = _preferred(frame, recipe, ranker.every)
    favoured = np.stack([preferred[:, member].any(axis=1) for member in members], axis=1)
    best = _best(_raised(means, favoured), ranker.hold)
    chosen: Bools = np.any(best[:, :, None] & members[None, :, :], axis=1)
    return chosen


def _normalised(weights: Floats, eligible: Bools) -> Floats:
    """Rows that sum to 1; an empty row becomes equal weight of the eligible, or of all if none is."""
    empty = ~weights.any(axis=1)
    if empty.any():
        weights = weights.copy()
        weights[empty] = eligible[empty]
        weights[~weights.any(axis=1)] = 1.0
    shares: Floats = weights / weights.sum(axis=1)[:, None]
    return shares
