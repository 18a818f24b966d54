"""The sequential probability ratio test of engine testers: games in pairs, five results, bounds in normalised Elo.

A pair is one opening with both colours; the challenger's points in it, halved, are 0, 1/4, 1/2, 3/4 or 1. The mean of
that minus a half, over its standard deviation, is t; normalised Elo is 800 / ln 10 of t of a game, which is t of a pair
over the square root of 2. The likelihoods are those of the results' own distribution, moved as little as possible (by
Kullback and Leibler) until its t is the one supposed: the variance is measured, not modelled by draws.

Van den Bergh, "A practical introduction to the GSPRT"; Michel Van den Bergh's normalised Elo is what fishtest and
fastchess use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from evolve.acceptance import Decision
from evolve.substrate import Duel

__all__ = ["ELO_OF_T", "PAIR", "Sprt", "log_likelihood_ratio", "normalised_elo"]

ELO_OF_T = 800 / math.log(10)
"""Normalised Elo of t = 1 of a game: for small differences between equal engines without draws, it is the usual Elo."""

PAIR = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
"""Points of a pair, for the challenger, halved; the order of a tally."""

_NEVER = 1e-3
"""What counts for a result that never occurred: with none at all a distribution could not be moved there."""


_LEFT = 0.5
"""Of the way to a discard: who has gone further by a generation's end does not go on. In simulations of 100 contests,
28 pairs a generation, that lost 14 children worth `high`, not none, and saved a quarter of the pairs of equals."""


@dataclass(frozen=True)
class Sprt:
    """Keep once the tally of pairs is that much likelier at `high` than at `low` normalised Elo; discard once the
    reverse. `beta`: the chance of discarding a challenger of `high`; that of keeping one of `low` is the contest's."""

    low: float = 0.0
    high: float = 50.0
    beta: float = 0.05

    def decide(self, duel: Duel, alpha: float) -> Decision:
        if duel.failed or (duel.count == 0 and duel.exhausted):
            return "discard"
        if duel.exact:
            return "keep" if duel.total > 0 else "discard"
        if sum(duel.tally) != duel.count:
            raise ValueError("acceptance.method=sprt decides by pairs of games: this domain has none")
        ratio = self._ratio(duel)
        if ratio >= math.log((1 - self.beta) / alpha):
            return "keep"
        return "discard" if ratio <= self._least(alpha) else "more"

    def promising(self, duel: Duel, alpha: float) -> bool:
        return self._ratio(duel) > _LEFT * self._least(alpha)

    def _ratio(self, duel: Duel) -> float:
        return log_likelihood_ratio(duel.tally, self.low, self.high) if duel.count else 0.0

    def _least(self, alpha: float) -> float:
        return math.log(self.beta / (1 - alpha))


def log_likelihood_ratio(tally: Sequence[int], low: float, high: float) -> float:
    """Of normalised Elo `high` over `low`, by how often each of the five results occurred."""
    counts = np.maximum(np.asarray(tally, dtype=float), _NEVER)
    share = counts / counts.sum()
    at_low, at_high = (_moved(share, elo / ELO_OF_T * math.sqrt(2)) for elo in (low, high))
    return float(counts.sum() * (share @ (np.log(at_high) - np.log(at_low))))


def normalised_elo(tally: Sequence[int]) -> float:
    """As measured; 0 without any pair."""
    counts = np.maximum(np.asarray(tally, dtype=float), _NEVER)
    share = counts / counts.sum()
    mean = float(share @ PAIR)
    return (mean - 0.5) / math.sqrt(float(share @ (PAIR - mean) ** 2) * 2) * ELO_OF_T if sum(tally) else 0.0


def _moved(share: np.ndarray, t: float) -> np.ndarray:
    """The distribution over PAIR next to `share` whose mean minus a half is `t` standard deviations.

    Its likelihood is stationary where each weight is share / (1 + x g), g being the derivative of the condition by that
    weight, which holds the mean and the deviation of what is sought: found by repetition.
    """
    found = np.full(len(PAIR), 1 / len(PAIR))  # from the middle: beside a narrow one no other has that t
    for _ in range(200):
        mean = float(found @ PAIR)
        deviation = math.sqrt(float(found @ (PAIR - mean) ** 2))
        slope = PAIR - 0.5 - t * deviation * (1 + ((mean - PAIR) / deviation) ** 2) / 2
        moved = share / (1 + _multiplier(share, slope) * slope)
        if np.abs(moved - found).max() < 1e-12:
            break
        found = moved
    return moved


def _multiplier(share: np.ndarray, slope: np.ndarray) -> float:
    """x for which the weights share / (1 + x slope) sum to one (and slope to nothing under them)."""
    lowest, highest = float(slope.min()), float(slope.max())
    edge = 1e-12
    left, right = -1 / highest * (1 - edge), -1 / lowest * (1 - edge)
    return float(brentq(lambda x: float(share @ (slope / (1 + x * slope))), left, right, xtol=1e-15))
