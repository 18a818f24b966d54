"""All numbers drawn at random: what every cleverer mutator must beat at an equal number of trials."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.mutators.base import Mutator, Workshop
from evolve.mutators.movable import finder, said
from evolve.numbers import Number, Numbers
from evolve.substrate import Brief, Rewrite

__all__ = ["RandomSearch"]

_SPREAD = 4.0
"""A number without bounds is drawn within this factor of what it is, evenly in its logarithm (an assumption)."""

_DRAWS = 8


class RandomSearch(Mutator):
    """Draws every number of the parent anew; with `selection.parent=seed`, plain random search around the seeds."""

    def __init__(self, find: Callable[[Genome], Numbers]) -> None:
        self._find = find

    @classmethod
    def make(cls, workshop: Workshop) -> RandomSearch:
        find = finder(workshop, "random")
        found = [find(seed) for seed in workshop.seeds.values()]
        if found and not any(numbers.all for numbers in found):
            raise UsageError(
                f"mutator=random draws numbers, and no agent has one ({found[0].which}). Mark some, or take another "
                "mutator."
            )
        return cls(find)

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        numbers = self._find(brief.parent)
        for _ in range(_DRAWS if numbers.all else 0):
            genome = numbers.put([number.fitted(_drawn(number, rng)) for number in numbers.all])
            if genome is None or genome == brief.parent or genome.digest in brief.tried:
                continue
            found = self._find(genome).all
            if len(found) == len(numbers.all):
                return [Rewrite(genome, said("draws", numbers.all, found), kind="random")]
        return []


def _drawn(number: Number, rng: np.random.Generator) -> float:
    if math.isfinite(number.low) and math.isfinite(number.high):
        return float(rng.uniform(number.low, number.high))
    if not number.value:
        return float(rng.normal(0, number.scale))
    return number.value * math.exp(rng.uniform(-1, 1) * math.log(_SPREAD))
