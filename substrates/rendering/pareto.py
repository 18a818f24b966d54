"""Ranks by several objectives at once: NSGA-II, by DEAP."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from deap import base, tools

from evolve.substrate import Outcome
from substrates.rendering.settings import Objective

__all__ = ["pareto"]


class _Fitness(base.Fitness):  # type: ignore[misc]
    weights = (-1.0, -1.0)


class _Individual:
    """Module-level, not `creator`: it can be pickled."""

    def __init__(self, lineage: str, values: tuple[float, ...]) -> None:
        self.lineage = lineage
        self.fitness = _Fitness(values)


def pareto(outcomes: Mapping[str, Outcome], objectives: Sequence[Objective]) -> dict[str, float]:
    """Ranks by NSGA-II: the front first, within a front the emptier places; what has no score comes last."""
    known = []
    for name, outcome in sorted(outcomes.items()):
        values = {Objective.work: outcome.score, Objective.allocations: outcome.metrics.get("allocations_per_job")}
        found = [values[o] for o in objectives]
        if all(value is not None for value in found):
            known.append(_Individual(name, tuple(float(v) for v in found if v is not None)))
    order = tools.selNSGA2(known, len(known))
    ranks = dict.fromkeys(outcomes, -math.inf)
    ranks.update({one.lineage: -float(place) for place, one in enumerate(order)})
    return ranks
