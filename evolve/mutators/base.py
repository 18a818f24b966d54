"""The one mandatory method of a mutator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from evolve.config import MutatorSettings
from evolve.genome import ANYTHING, Genome, Globs
from evolve.llm import LLM
from evolve.substrate import Attempt, Brief, Rewrite, Substrate

__all__ = ["Mutator", "Workshop"]


@dataclass(frozen=True)
class Workshop:
    """What a mutator may be made of. `llm` is there where it `needs_model`; `editable`: which files may change;
    `seeds`: what it will be given first, so that what can never fit is refused before anything is spent; `hidden`:
    folders and files that a program which it starts must not see (the ledger)."""

    substrate: Substrate
    settings: MutatorSettings
    llm: LLM | None = None
    editable: Globs = ANYTHING
    seeds: Mapping[str, Genome] = field(default_factory=dict)
    hidden: tuple[Path, ...] = ()


class Mutator(ABC):
    """Rewrites genomes. `rewrite` may be called from several threads at once; `learn` never is.

    Failure policy: an answer that is no genome is a Rewrite with `refused`; `rewrite` raises Spent where the budget
    is, and Halt where what it needs is gone for now.
    """

    needs_model: ClassVar[bool] = False
    """Does it ask a language model?"""
    reads_page: ClassVar[bool] = False
    """Does it read `brief.page`?"""

    @classmethod
    def make(cls, workshop: Workshop) -> Mutator:
        """Raises UsageError where a setting means nothing or a program is not there, before anything is spent."""
        return cls(workshop.substrate, workshop.settings)  # type: ignore[call-arg]

    def remarks(self) -> Sequence[str]:
        """What a person is told before a run: what it may do that they should know of."""
        return ()

    def close(self) -> None:
        """Ends what was started for it, also from another thread; a `rewrite` that is going on raises Halt."""
        return None

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
