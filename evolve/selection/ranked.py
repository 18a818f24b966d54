"""The worst k by rank (or k at random, for comparison); the best of the others as donors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from deap import base, tools

__all__ = ["Ranked"]


class _Fitness(base.Fitness):  # type: ignore[misc]
    weights = (1.0,)


class _Individual:
    """Module-level, not `creator`: workers must unpickle it."""

    def __init__(self, lineage: str, rank: float) -> None:
        self.lineage = lineage
        self.fitness = _Fitness((rank,))


@dataclass(frozen=True)
class Ranked:
    """`rewrite`: how many lineages a generation; `donors`: how many better ones each may take over from."""

    rewrite: int = 1
    donors: int = 3
    pick: Literal["worst", "random"] = "worst"

    def choose(self, ranks: Mapping[str, float], rng: np.random.Generator) -> list[tuple[str, list[str]]]:
        names = sorted(ranks)
        # Shuffled first: DEAP sorts stably, so that equal ranks are not decided by the alphabet.
        pool = [_Individual(names[i], ranks[names[i]]) for i in rng.permutation(len(names))]
        worst = pool[: self.rewrite] if self.pick == "random" else tools.selWorst(pool, self.rewrite)
        best = tools.selBest(pool, min(self.donors + 1, len(pool)))
        return [(chosen.lineage, self._donors(chosen, best)) for chosen in sorted(worst, key=lambda i: i.lineage)]

    def _donors(self, chosen: _Individual, best: Sequence[_Individual]) -> list[str]:
        better = [i for i in best if i is not chosen and i.fitness.values >= chosen.fitness.values]
        return [i.lineage for i in better[: self.donors]]
