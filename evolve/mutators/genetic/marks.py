"""The numbers of code that are marked `# tune`, and how the genetic mutator moves them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evolve.genome import ANYTHING, Genome, Globs
from evolve.mutators.genetic.edits import Edit, apply
from evolve.mutators.genetic.numbers import marked
from evolve.mutators.genetic.source import Source, is_sound, source_of
from evolve.mutators.tuner import Tuner
from evolve.numbers import Numbers

__all__ = ["Marks", "marks"]

_WHICH = "those on lines that end in the comment `# tune` (`// tune` where comments begin so)"


def marks(genome: Genome) -> Numbers:
    """The marked numbers of all files of a known language."""
    sources = (source_of(path, text) for path, text in genome.items())
    literals = [literal for source in sources if source is not None for literal in marked(source)]

    def put(values: Sequence[float]) -> Genome | None:
        # One that stays as it is keeps all its digits.
        pairs = [(x, value) for x, value in zip(literals, values, strict=True) if value != x.value]
        files = apply(genome, [x.splice(value) for x, value in pairs])
        if files is None or not all(is_sound(x.source.path, files[x.source.path]) for x, _ in pairs):
            return None
        return Genome(files)

    return Numbers(tuple(literal.number for literal in literals), put, _WHICH)


class Marks(Tuner):
    """Marked numbers as one kind of edit among others."""

    def __init__(self, editable: Globs = ANYTHING) -> None:
        super().__init__(lambda genome: marks(genome).within(editable).all)

    def edit(self, lineage: str, sources: Sequence[Source], rng: np.random.Generator) -> Edit | None:
        """A point asked of the lineage's strategy; None where nothing is marked."""
        found = [literal for source in sources for literal in marked(source)]
        if not found:
            return None
        point = self.ask(lineage, [literal.number for literal in found], rng)
        splices = tuple(literal.splice(x) for literal, x in zip(found, point, strict=True))
        first = ", ".join(s.text for s in splices[:4]) + (", …" if len(splices) > 4 else "")
        return Edit(f"sets the {len(splices)} marked numbers to {first}", splices)
