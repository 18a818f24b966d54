"""Genetic improvement: edits of syntax trees, drawn by what has worked in this population."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evolve.config import MutatorSettings
from evolve.genome import ANYTHING, Genome, Globs
from evolve.mutators.base import Mutator, Workshop
from evolve.mutators.genetic.crossover import function
from evolve.mutators.genetic.edits import Edit, Site, apply
from evolve.mutators.genetic.kinds import KINDS, sites
from evolve.mutators.genetic.languages import require_grammars
from evolve.mutators.genetic.marks import Marks
from evolve.mutators.genetic.places import drawn, profile, warm
from evolve.mutators.genetic.source import Source, is_sound, source_of
from evolve.mutators.shares import Shares
from evolve.substrate import Attempt, Brief, Rewrite, Substrate

__all__ = ["Genetic"]

_MORE = 0.2  # chance of one more edit in the same answer: every fifth crosses a valley. An assumption
_MOST = 4  # edits in one answer
_PAST = 200  # attempts of the lineage that are looked back on
# An author who marks numbers says that they may be anything; who writes a part and leaves it off, that it may be worth
# it. Beside nine kinds that know nothing these have half of the draws, among all those of Python a quarter, until it is
# seen what works. Assumptions.
_RATES = {"cma": 0.3, "tune": 0.3, "switch": 0.6}


@dataclass(frozen=True)
class _Step:
    """A genome, and what was done to get there."""

    genome: Genome
    kinds: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    donors: tuple[str, ...] = ()


class Genetic(Mutator):
    """Edits code genomes offline; `mutator.name=genetic`. It looks at no score before it answers: `screened` is 1.

    Files of a known language that `brief.editable` names are edited (all of them where it names none). An answer
    parses, is not the parent and was not tried before. Where the evidence has a mapping `hot` ("path:function" ->
    share of the time), edits go there more often.
    """

    def __init__(
        self, substrate: Substrate, settings: MutatorSettings | None = None, editable: Globs = ANYTHING
    ) -> None:
        require_grammars()
        self._shares = Shares(_RATES)
        self._marks = Marks(editable)

    @classmethod
    def make(cls, workshop: Workshop) -> Genetic:
        return cls(workshop.substrate, workshop.settings, workshop.editable)

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        edits = min(_MOST, int(rng.geometric(1 - _MORE)))
        discarded = Counter(_signature(a.rewrite.hypothesis) for a in brief.past[-_PAST:] if a.verdict != "keep")
        step = _Step(brief.parent)
        for left in reversed(range(edits)):

            def wanted(genome: Genome, last: bool = left == 0) -> bool:
                return genome != brief.parent and not (last and genome.digest in brief.tried)

            following = self._edit(step, brief, rng, wanted, discarded)
            if following is None:
                break
            step = following
        if step.genome == brief.parent or step.genome.digest in brief.tried:
            return []
        says = "; then ".join(step.says)
        return [Rewrite(step.genome, says, donors=tuple(dict.fromkeys(step.donors)), kind="+".join(step.kinds))]

    def learn(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._shares.count(attempt.rewrite.kind.split("+"), attempt.verdict == "keep")
        self._marks.learn(attempts)

    def state(self) -> dict[str, Any]:
        return {"shares": self._shares.state(), "marks": self._marks.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._shares.restore(state.get("shares", {}))
        self._marks.restore(state.get("marks", {}))

    # -- one edit ------------------------------------------------------------------------------

    def _edit(
        self,
        step: _Step,
        brief: Brief,
        rng: np.random.Generator,
        wanted: Callable[[Genome], bool],
        discarded: Mapping[str, int],
    ) -> _Step | None:
        """One more edit that leads to a wanted genome; None where no kind has any left."""
        sources = [
            source
            for path, text in step.genome.items()
            if not brief.editable or path in brief.editable
            if (source := source_of(path, text)) is not None
        ]
        if not sources:
            return None
        for kind, site in self._in_turn(sources, brief, rng):
            edit = site.edit(rng)
            if edit is None:
                continue
            said = f"{edit.says} in {site.where}"
            # What was discarded n times may be tried again, as the rest of the file is another by now; but seldom.
            if rng.random() * (1 + discarded.get(_signature(said), 0)) > 1:
                continue
            genome = _made(step.genome, edit)
            if genome is not None and wanted(genome):
                return _Step(genome, (*step.kinds, kind), (*step.says, said), (*step.donors, *edit.donors))
        return None

    def _in_turn(self, sources: Sequence[Source], brief: Brief, rng: np.random.Generator) -> Iterator[tuple[str, Site]]:
        """Kinds by their shares, each at some of its sites."""
        hot = profile(brief.outcome)
        later = []
        for kind in self._shares.order([*KINDS, "function", "cma"], rng):
            found = self._sites(kind, sources, brief)
            if kind == "cma" or warm(found, hot, rng):
                yield from ((kind, site) for site in drawn(found, hot, rng))
            else:
                later.append((kind, found))
        for kind, found in later:
            yield from ((kind, site) for site in drawn(found, hot, rng))

    def _sites(self, kind: str, sources: Sequence[Source], brief: Brief) -> list[Site]:
        if kind == "function":
            return list(function(sources, brief.donors))
        if kind == "cma":

            def ask(rng: np.random.Generator) -> Edit | None:
                return self._marks.edit(brief.lineage, sources, rng)

            return [Site(sources[0], 0, ask)]
        return [site for source in sources for site in sites(kind, source)]


def _made(genome: Genome, edit: Edit) -> Genome | None:
    """The edited genome; None where a file of it no longer parses."""
    files = apply(genome, edit.splices)
    if files is None or not all(is_sound(path, files[path]) for path in {s.path for s in edit.splices}):
        return None
    return Genome(files)


def _signature(hypothesis: str) -> str:
    """What was done, without the line numbers, which move."""
    return re.sub(r":\d+", "", hypothesis)
