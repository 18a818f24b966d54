"""The offline mutator: it reads evidence, it doesn't roll dice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evolve.config import MutatorSettings
from evolve.mutators.base import Mutator
from evolve.substrate import Brief, Rewrite, Substrate

__all__ = ["Embedded"]


class Embedded(Mutator):
    """Takes the most promising of the domain's own proposals that was not tried before.

    `mutator.length_price` is what 100 characters of growth must be worth, in the unit of the predicted
    effect, so that a genome cannot grow without bound.
    """

    def __init__(self, substrate: Substrate, settings: MutatorSettings | None = None) -> None:
        self._substrate = substrate
        self._price = (settings or MutatorSettings()).length_price / 100

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        proposals = self._substrate.propose(brief, rng)
        fresh = [p for p in proposals if p.genome.digest not in brief.tried]
        if not fresh:
            return []
        best = max(fresh, key=lambda p: self._worth(p, brief))
        # All proposals of this answer compete, so all of them count, whatever a proposal says of itself.
        return [replace(best, screened=max(best.screened, len(proposals)))]

    def _worth(self, proposal: Rewrite, brief: Brief) -> float:
        growth = proposal.genome.size - brief.parent.size
        return (proposal.expected or 0.0) - self._price * growth
