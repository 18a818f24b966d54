"""The one method of a selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

__all__ = ["Selection"]


class Selection(Protocol):
    """Chooses whom to rewrite. Draws from `rng` alone, so that a choice depends on nothing else."""

    def choose(self, ranks: Mapping[str, float], rng: np.random.Generator) -> list[tuple[str, list[str]]]:
        """(lineage to rewrite, its donors, best first). `ranks`: higher is better, -inf: it failed."""
