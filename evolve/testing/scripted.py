"""Scripted parts: they do what a test has written down, through the same doors as the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evolve.mutators import Mutator
from evolve.substrate import Attempt, Brief, Rewrite

__all__ = ["Scripted"]


class Scripted(Mutator):
    """Answers by `script(brief)`, and remembers what it was asked and what it learnt."""

    def __init__(self, script: Callable[[Brief], Sequence[Rewrite]]) -> None:
        self._script = script
        self.briefs: list[Brief] = []
        self.learnt: list[Attempt] = []

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        self.briefs.append(brief)
        return list(self._script(brief))

    def learn(self, attempts: Sequence[Attempt]) -> None:
        self.learnt.extend(attempts)
