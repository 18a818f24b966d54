"""The numbers of a genome that a mutator may move by themselves: the domain's own, else those marked in code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.mutators.base import Workshop
from evolve.numbers import Number, Numbers

__all__ = ["finder", "said"]

_SAID = 4  # numbers that a hypothesis names


def finder(workshop: Workshop, who: str) -> Callable[[Genome], Numbers]:
    """What finds them; `who` asks, where something is missing."""

    def find(genome: Genome) -> Numbers:
        own = workshop.substrate.numbers(genome)
        return (_marks(genome, who) if own is None else own).within(workshop.editable)

    return find


def said(verb: str, before: Sequence[Number], after: Sequence[Number]) -> str:
    """The hypothesis of a move, in one line."""
    moved = [(old, new.value) for old, new in zip(before, after, strict=True) if new.value != old.value]
    first = ", ".join(f"{old.name} {old.value:g} to {value:g}" for old, value in moved[:_SAID])
    return f"{verb} {len(moved)} of {len(before)} numbers: {first}{', …' if len(moved) > _SAID else ''}"


def _marks(genome: Genome, who: str) -> Numbers:
    """Of code; only a domain of programs needs its grammars."""
    try:
        from evolve.mutators.genetic.languages import require_grammars
        from evolve.mutators.genetic.marks import marks
    except ModuleNotFoundError as error:
        raise UsageError(
            f"mutator={who} finds the numbers of programs with the package {error.name!r}, which is not installed. "
            "Install it: pip install -e '.[code]'."
        ) from error
    require_grammars(who)
    return marks(genome)
