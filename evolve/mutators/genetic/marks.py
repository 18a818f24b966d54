"""All numbers marked `# tune` moved together, by DEAP's CMA-ES: one strategy a lineage and set of marks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from deap.cma import Strategy

from evolve.genome import Genome
from evolve.mutators.genetic.edits import Edit
from evolve.mutators.genetic.numbers import Number, marked
from evolve.mutators.genetic.source import Source, source_of
from evolve.substrate import Attempt, content_key

__all__ = ["Marks"]

_SIGMA = 0.2  # first step, as a part of each number: the fifth of the range that Hansen's tutorial advises
_ARRAYS = ("centroid", "pc", "ps")


class Marks:
    """Strategies by lineage. `edit` only reads, `learn` only writes.

    A strategy works on numbers divided by what they were at first, so that 0.01 and 300 take equal steps. The worth
    of a point is its paired effect plus what its parents had gained, so points of different parents compare.
    """

    def __init__(self) -> None:
        self._states: dict[str, dict[str, Any]] = {}

    def edit(self, lineage: str, sources: Sequence[Source], rng: np.random.Generator) -> Edit | None:
        """A point asked of the lineage's strategy; it depends on that and on `rng` alone."""
        found = [number for source in sources for number in marked(source)]
        if not found:
            return None
        state = self._state(lineage, found)
        strategy = _strategy(state)
        steps = strategy.BD @ rng.standard_normal(strategy.dim)
        point = (strategy.centroid + strategy.sigma * steps) * np.array(state["scale"])
        splices = tuple(number.splice(float(x)) for number, x in zip(found, point, strict=True))
        first = ", ".join(s.text for s in splices[:4]) + (", …" if len(splices) > 4 else "")
        return Edit(f"sets the {len(splices)} marked numbers to {first}", splices)

    def learn(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            if "cma" in attempt.rewrite.kind.split("+"):
                self._tell(attempt)
        for attempt in attempts:
            state = self._states.get(attempt.lineage)
            if state is not None and attempt.verdict == "keep" and attempt.effect is not None:
                state["level"] += attempt.effect

    def state(self) -> dict[str, Any]:
        return {lineage: _copied(state) for lineage, state in sorted(self._states.items())}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._states = {lineage: _copied(one) for lineage, one in state.items()}

    def _state(self, lineage: str, found: Sequence[Number]) -> dict[str, Any]:
        known = self._states.get(lineage)
        key = _key(found)
        if known is not None and known["marks"] == key:
            return known
        scale = [abs(number.value) or 1.0 for number in found]
        start = [number.value / s for number, s in zip(found, scale, strict=True)]
        return {"marks": key, "scale": scale, "level": 0.0, "told": [], **_fresh(start)}

    def _tell(self, attempt: Attempt) -> None:
        parent, child = _marks_of(attempt.parent), _marks_of(attempt.genome)
        if not parent or _key(parent) != _key(child):
            return  # another edit of the same answer took a mark away
        state = self._states[attempt.lineage] = self._state(attempt.lineage, parent)
        point = [number.value / s for number, s in zip(child, state["scale"], strict=True)]
        effect = attempt.effect
        # A point that broke, or gave no evidence, ranks below all that did.
        state["told"].append([None if effect is None else state["level"] + effect, point])
        strategy = _strategy(state)
        if len(state["told"]) >= strategy.lambda_:
            strategy.update([_Point(*told) for told in state["told"]])
            state.update({"told": []} | _after(strategy, state))


class _Point(list[float]):
    def __init__(self, worth: float | None, at: Sequence[float]) -> None:
        super().__init__(at)
        self.fitness = -math.inf if worth is None else worth


def _marks_of(genome: Genome) -> list[Number]:
    sources = (source_of(path, text) for path, text in genome.items())
    return [number for source in sources if source is not None for number in marked(source)]


def _key(found: Sequence[Number]) -> str:
    """The places of the marks, whatever their values: an edit elsewhere in the file keeps the strategy."""
    return content_key([[n.source.path, n.source.scope(n.start), n.whole] for n in found])


def _fresh(start: Sequence[float]) -> dict[str, Any]:
    n = len(start)
    nought = [0.0] * n
    return {"centroid": list(start), "pc": nought, "ps": nought, "sigma": _SIGMA, "count": 0, "C": np.eye(n).tolist()}


def _strategy(state: Mapping[str, Any]) -> Strategy:
    strategy = Strategy(state["centroid"], state["sigma"], cmatrix=np.array(state["C"]))
    for name in _ARRAYS:
        setattr(strategy, name, np.array(state[name]))
    strategy.update_count = state["count"]
    return strategy


def _after(strategy: Strategy, before: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON keeps of a strategy; a new start where its matrix has lost its shape to rounding."""
    if not (np.isfinite(strategy.BD).all() and np.isfinite(strategy.centroid).all() and 1e-12 < strategy.sigma < 1e6):
        return _fresh(before["centroid"])
    arrays = {name: getattr(strategy, name).tolist() for name in _ARRAYS}
    return {**arrays, "sigma": float(strategy.sigma), "count": strategy.update_count, "C": strategy.C.tolist()}


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    return {**state, "told": [list(told) for told in state["told"]]}
