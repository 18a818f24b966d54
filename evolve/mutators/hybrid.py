"""A language model proposes structure, CMA-ES tunes the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evolve.errors import Spent, UsageError
from evolve.genome import Genome
from evolve.mutators.base import Mutator, Workshop
from evolve.mutators.movable import finder, said
from evolve.mutators.openai import OpenAI
from evolve.mutators.tuner import Tuner, key_of
from evolve.numbers import Numbers
from evolve.substrate import Attempt, Brief, Rewrite

__all__ = ["Hybrid"]

_KIND = "cma"
_DRAWS = 8  # points asked for before it is said that there is none that is new: an assumption
_TOLD = (
    "Numbers are tuned for you, all together, by trials of their own: {which}. So change what no number can, and give "
    "a new number a sensible value to begin with."
)


class Hybrid(Mutator):
    """Asks `model` for the share `structure` of its answers, and wherever a genome has no numbers; else moves all
    numbers that `find` has of the genome at once. Where the model's budget is spent, it goes on with the numbers.

    That one answer in three is the model's is what the hybrid of arXiv 2603.24647 does.
    """

    needs_model = True
    reads_page = True

    def __init__(self, model: Mutator, find: Callable[[Genome], Numbers], structure: float = 0.3) -> None:
        self._model = model
        self._find = find
        self._structure = structure
        self._tuner = Tuner(lambda genome: find(genome).all)
        self._remark = ""

    @classmethod
    def make(cls, workshop: Workshop) -> Hybrid:
        share = workshop.settings.structure
        if not 0 <= share <= 1:
            raise UsageError(f"mutator.structure={share} means nothing: it is a share. Give 0 to 1.")
        find = finder(workshop, "hybrid")
        found = [find(seed) for seed in workshop.seeds.values()]  # what it lacks is said now
        made = cls(OpenAI.make(workshop), find, share)
        if found and not any(numbers.all for numbers in found):
            made._remark = f"hybrid: no agent has a number to tune ({found[0].which}), so the model is always asked"
        return made

    def remarks(self) -> Sequence[str]:
        return [self._remark] if self._remark else []

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        # One stream each: what the model has drawn before its budget was spent moves no number.
        choosing, asking, moving = rng.spawn(3)
        numbers = self._find(brief.parent)
        if numbers.all and choosing.random() >= self._structure:
            tuned = self._tuned(brief, numbers, moving)
            if tuned:
                return tuned
        try:
            told = _TOLD.format(which=numbers.which)
            return self._model.rewrite(replace(brief, goal=f"{brief.goal}\n\n{told}"), asking)
        except Spent:
            if not numbers.all:
                raise
            return self._tuned(brief, numbers, moving)

    def learn(self, attempts: Sequence[Attempt]) -> None:
        self._tuner.learn(attempts)
        self._model.learn([a for a in attempts if a.rewrite.kind != _KIND])

    def state(self) -> dict[str, Any]:
        return {"model": self._model.state(), "numbers": self._tuner.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._model.restore(state.get("model", {}))
        self._tuner.restore(state.get("numbers", {}))

    def _tuned(self, brief: Brief, numbers: Numbers, rng: np.random.Generator) -> list[Rewrite]:
        """The first point drawn that gives a new genome with the same numbers; empty where none of a few does."""
        for _ in range(_DRAWS):
            genome = numbers.put(self._tuner.ask(brief.lineage, numbers.all, rng))
            if genome is None or genome == brief.parent or genome.digest in brief.tried:
                continue
            found = self._find(genome).all
            if key_of(found) == key_of(numbers.all):
                return [Rewrite(genome, said("tunes", numbers.all, found), kind=_KIND)]
        return []
