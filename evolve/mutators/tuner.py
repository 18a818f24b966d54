"""All numbers of a genome moved together, by DEAP's CMA-ES: one strategy a lineage and set of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from deap.cma import Strategy

from evolve.genome import Genome
from evolve.numbers import Number
from evolve.substrate import Attempt, content_key

__all__ = ["Tuner", "key_of"]

_SIGMA = 0.2  # first step, as a part of each number: the fifth of the range that Hansen's tutorial advises
_ARRAYS = ("centroid", "pc", "ps")


class Tuner:
    """Strategies by lineage. `ask` only reads, `learn` only writes. `find`: the numbers of a genome.

    A strategy works on numbers divided by their scale at first, so that 0.01 and 300 take equal steps. The worth
    of a point is its paired effect plus what its parents had gained, so points of different parents compare.
    """

    def __init__(self, find: Callable[[Genome], Sequence[Number]]) -> None:
        self._find = find
        self._states: dict[str, dict[str, Any]] = {}

    def ask(self, lineage: str, numbers: Sequence[Number], rng: np.random.Generator) -> list[float]:
        """A point of the lineage's strategy, one value a number; it depends on that and on `rng` alone."""
        state = self._state(lineage, numbers)
        strategy = _strategy(state)
        steps = strategy.BD @ rng.standard_normal(strategy.dim)
        point = (strategy.centroid + strategy.sigma * steps) * np.array(state["scale"])
        return [number.fitted(float(x)) for number, x in zip(numbers, point, strict=True)]

    def learn(self, attempts: Sequence[Attempt]) -> None:
        """From attempts whose kind names `cma`; a keep by any other hand moves the centre to where that hand put it."""
        for attempt in attempts:
            if _tuned(attempt):
                self._tell(attempt)
        for attempt in attempts:
            state = self._states.get(attempt.lineage)
            if state is not None and attempt.verdict == "keep":
                state["level"] += attempt.effect or 0.0
                if not _tuned(attempt):
                    self._follow(state, attempt)

    def state(self) -> dict[str, Any]:
        return {lineage: _copied(state) for lineage, state in sorted(self._states.items())}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._states = {lineage: _copied(one) for lineage, one in state.items()}

    def _state(self, lineage: str, numbers: Sequence[Number]) -> dict[str, Any]:
        known = self._states.get(lineage)
        key = key_of(numbers)
        if known is not None and known["marks"] == key:
            return known
        scale = [number.scale for number in numbers]
        start = [number.value / s for number, s in zip(numbers, scale, strict=True)]
        return {"marks": key, "scale": scale, "level": 0.0, "told": [], **_fresh(start)}

    def _tell(self, attempt: Attempt) -> None:
        parent, child = self._find(attempt.parent), self._find(attempt.genome)
        if not parent or key_of(parent) != key_of(child):
            return  # another edit of the same answer took a number away
        state = self._states[attempt.lineage] = self._state(attempt.lineage, parent)
        effect = attempt.effect
        # A point that broke, or gave no evidence, ranks below all that did.
        state["told"].append([None if effect is None else state["level"] + effect, _scaled(child, state)])
        strategy = _strategy(state)
        if len(state["told"]) >= strategy.lambda_:
            strategy.update([_Point(*told) for told in state["told"]])
            state.update({"told": []} | _after(strategy, state))

    def _follow(self, state: dict[str, Any], kept: Attempt) -> None:
        parent, child = self._find(kept.parent), self._find(kept.genome)
        moved = [n.value for n in parent] != [n.value for n in child]
        if moved and key_of(child) == state["marks"]:
            state["centroid"] = _scaled(child, state)


class _Point(list[float]):
    def __init__(self, worth: float | None, at: Sequence[float]) -> None:
        super().__init__(at)
        self.fitness = -math.inf if worth is None else worth


def key_of(numbers: Sequence[Number]) -> str:
    """The places of the numbers, whatever their values: an edit elsewhere in the file keeps the strategy."""
    return content_key([[n.path, n.place, n.whole] for n in numbers])


def _tuned(attempt: Attempt) -> bool:
    return "cma" in attempt.rewrite.kind.split("+")


def _scaled(numbers: Sequence[Number], state: Mapping[str, Any]) -> list[float]:
    return [number.value / s for number, s in zip(numbers, state["scale"], strict=True)]


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
