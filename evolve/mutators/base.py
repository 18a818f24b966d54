"""The one mandatory method of a mutator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evolve.substrate import Attempt, Brief, Rewrite

__all__ = ["Mutator"]


class Mutator(ABC):
    """Rewrites genomes. `rewrite` may be called from several threads at once; `learn` never is."""

    @abstractmethod
    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        """One or more challengers for one contest; empty where there is nothing left to try."""

    def learn(self, attempts: Sequence[Attempt]) -> None:
        """The closed attempts of a generation, in lineage order."""
        return None

    def state(self) -> dict[str, Any]:
        """What `learn` has gathered, as JSON for the checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state`, on resume."""
        return None
