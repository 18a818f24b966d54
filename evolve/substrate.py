"""What a domain must say: one mandatory method, `Substrate.trial`; everything else has a default.

A substrate imports from the engine this module, `evolve.genome`, `evolve.errors` and, where it needs a
model, `evolve.llm`. Its only door to slots, time and remembered outcomes is the `Bench` it is handed.
"""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from evolve.config import GenomeSettings
from evolve.evidence import Bout, Duel, Outcome, Status
from evolve.findings import Chart, Findings, Picture, Table
from evolve.genome import Genome
from evolve.jobs import Bench, Given, Limits, Ran, Running
from evolve.machine import processor_name
from evolve.numbers import Number, Numbers
from evolve.ruler import Clock, Metric

if TYPE_CHECKING:
    from evolve.llm import LLM

__all__ = [
    "Around",
    "Attempt",
    "Bench",
    "Bout",
    "Brief",
    "Case",
    "Chart",
    "Clock",
    "Conditions",
    "Control",
    "Duel",
    "Findings",
    "GenomeSettings",
    "Given",
    "Limits",
    "Metric",
    "Number",
    "Numbers",
    "Outcome",
    "Picture",
    "Purpose",
    "Ran",
    "Record",
    "Rewrite",
    "Running",
    "Status",
    "Substrate",
    "Table",
    "content_key",
    "processor_name",
]

Purpose = Literal["select", "confirm", "audit"]
Conditions = Mapping[str, Any]
"""JSON values, and sufficient: everything a score depends on besides genome, team and repeat. The reserved
names `evaluator` and `hardware` say what measured: where they change, a new segment opens. `base`, where there is one,
is the commit of a user's repository over whose files the genome's are laid: `export --repository` builds on it."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_key(*parts: Any) -> str:
    """The sha256 of canonical JSON (32 hex digits): a thing's key is its content, never its order."""
    return hashlib.sha256(_CANONICAL.encode(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Case:
    """One genome, one repeat, under one set of conditions.

    `stream` keeps measuring, duelling and auditing apart: a trial that chose a lineage is no evidence in
    its duel. `team` holds the other champions by lineage, where the substrate declares `uses_team`.
    """

    genome: Genome
    lineage: str
    conditions: Conditions
    stream: str
    repeat: int = 0
    team: Mapping[str, Genome] = field(default_factory=dict)

    def key(self, uses_team: bool) -> str:
        """Under which the outcome is remembered; lineage and team belong to it only where they matter."""
        return self._key_in_team if uses_team else self._key_alone

    @cached_property
    def _key_alone(self) -> str:
        return self._key_with(None)

    @cached_property
    def _key_in_team(self) -> str:
        return self._key_with([self.lineage, {name: g.digest for name, g in self.team.items()}])

    def _key_with(self, team: Any) -> str:
        return content_key(self.genome.digest, dict(self.conditions), self.stream, self.repeat, team)

    @cached_property
    def seed(self) -> int:
        """The trial's random seed: of its conditions, stream and repeat, so that paired trials share it."""
        return int(content_key(dict(self.conditions), self.stream, self.repeat)[:8], 16)


@dataclass(frozen=True)
class Rewrite:
    """A mutator's answer: a genome and its hypothesis in one line.

    `screened`: from how many candidates it was chosen on the evidence (the contest's alpha is divided by
    it). `expected`: the predicted effect, in the unit of the evidence. `donors`: lineages it took over
    from. `kind`: the kind of edit, that the mutator learns over. `cost`: `calls`, `tokens`, `usd`; what is not known
    is not in it. `refused`: why an answer is no genome (then `genome` is the parent): recorded, and not tried.
    """

    genome: Genome
    hypothesis: str
    screened: int = 1
    expected: float | None = None
    donors: tuple[str, ...] = ()
    kind: str = "edit"
    cost: Mapping[str, float] = field(default_factory=dict)
    refused: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything but the text: the genome is named by its digest."""
        fields = {name: value for name, value in vars(self).items() if name != "genome"}
        return {**fields, "genome": self.genome.digest, "donors": list(self.donors), "cost": dict(self.cost)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], genome: Genome) -> Rewrite:
        return cls(**{**value, "genome": genome, "donors": tuple(value["donors"])})


@dataclass(frozen=True)
class Attempt:
    """A closed attempt. `verdict`: keep, discard, undecided, or the failing status of its trial; `trial`: the key
    under which the outcome of that trial is remembered."""

    lineage: str
    generation: int
    genome: Genome
    parent: Genome
    rewrite: Rewrite
    outcome: Outcome
    duel: Duel
    alpha: float
    verdict: str
    reason: str = ""
    commit: str = ""
    trial: str = ""

    @property
    def effect(self) -> float | None:
        """Mean paired difference to the parent, > 0 better; None without evidence."""
        return self.duel.mean


@dataclass(frozen=True)
class Brief:
    """What a mutator is told. It never holds audit results.

    `team`: the other champions, where the substrate uses them. `past` are this lineage's attempts,
    `playbook` the kept changes of all lineages, oldest first, and `page` the run's page of what worked and what
    didn't, for a mutator that reads it; `tried` the digests of every genome of the run so far; `editable` the
    parent's files that may be edited.
    """

    goal: str
    metric: Metric
    clock: Clock
    generation: int
    lineage: str
    parent: Genome
    donors: Mapping[str, Genome]
    team: Mapping[str, Genome]
    outcome: Outcome
    conditions: Conditions
    state: Mapping[str, Any]
    past: tuple[Attempt, ...] = ()
    playbook: tuple[Attempt, ...] = ()
    page: str = ""
    tried: Set[str] = frozenset()
    editable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Around:
    """What stands around a genome where somebody works on it: the files below `folder` but those at the paths
    `without`, where a genome's own stand."""

    folder: Path
    without: frozenset[str]


@dataclass(frozen=True)
class Control:
    """A known answer, run before a run: the ruler itself is tested.

    A genome in the seat `lineage`: `null` must not be kept, `worse` must lose, a `cheat` must be refused or
    not be kept. Or a short run of `generations` in another `world` (doctor only): in a `null` one nothing
    may be claimed, in a `planted` one it must be. `conditions` are laid over the run's own for its contest, the
    incumbent's too (a shorter clock, say, where that tells as much).
    """

    name: str
    kind: Literal["null", "worse", "cheat", "planted"]
    lineage: str = ""
    genome: Genome | None = None
    world: Callable[[], Substrate] | None = None
    generations: int | None = None
    conditions: Conditions = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """What happened in a run, or in a baseline of it, one item a closed generation, oldest first.

    `champions[g]` are those that were measured in generation g with the carried `states[g]`; `final` those
    that stand at the end and `state` what is carried then. `audits`: (lineage, digest) -> outcome on what
    was held out. `baselines`: the same run by other rules (frozen, greedy, best_of_n), where asked for.
    """

    seeds: Mapping[str, Genome]
    champions: tuple[Mapping[str, Genome], ...]
    outcomes: tuple[Mapping[str, Outcome], ...]
    states: tuple[Mapping[str, Any], ...]
    attempts: tuple[Attempt, ...]
    final: Mapping[str, Genome]
    state: Mapping[str, Any]
    audits: Mapping[tuple[str, str], Outcome] = field(default_factory=dict)
    baselines: Mapping[str, Record] = field(default_factory=dict)

    @property
    def screened(self) -> int:
        """Every candidate that evidence chose from: the true number of trials."""
        return sum(a.rewrite.screened for a in self.attempts)


class Substrate(ABC):
    """A domain. Failure policy: a bad genome gets a failing Outcome; only a broken machine raises."""

    schema: ClassVar[type[Any]]
    """The frozen dataclass of the domain's settings (the node `substrate` of a configuration), with a
    default for every field. A substrate is made as `cls(settings)`."""
    metric: Metric
    clock: Clock
    deterministic: bool = False
    """Equal case, equal outcome?"""
    uses_team: bool = False
    relative: bool = False
    """Is a champion's outcome its place among those it was measured with? Then all are measured, if one must be."""
    """Does an outcome depend on the other champions?"""
    sandboxed: bool = False
    """Are genomes programs, that `bench.run` starts? Then preflight tests the sandbox too."""
    paired: bool = False
    """Are bouts pairs of games, with a tally? `acceptance.method=sprt` decides by nothing else."""
    accelerated: bool = False
    """Do trials want an accelerator? Then there is a slot for each, where the machine has any."""

    @property
    def needs_model(self) -> bool:
        """Does it ask a language model itself? Then `equip` is called once, before anything else is asked of it."""
        return False

    def equip(self, llm: LLM) -> None:
        """The model to ask. What it answers is recorded with the run, so that going on and replaying ask nothing."""
        return None

    @abstractmethod
    def trial(self, case: Case, bench: Bench) -> Outcome:
        """One genome, one repeat, one clock, one leased slot."""

    def seeds(self, genome: GenomeSettings) -> Mapping[str, Genome] | None:
        """The seeds, where the domain itself has them (a repository's files); None: they are in `population.path`.

        Asked once after construction, also where recorded seeds will be used: a domain learns here what a genome is.
        """
        return None

    def fitted(self, seeds: Mapping[str, Genome]) -> Mapping[str, Genome]:
        """The seeds as a new run starts from them: scaled to a machine, say. Those of a recorded run are so already."""
        return seeds

    def pinned(self) -> Mapping[str, Any]:
        """Settings of the domain that were left open and are decided now (the commit that HEAD was): recorded with the
        run, so that going on with it or replaying it decides the same."""
        return {}

    def admit(self, seeds: Mapping[str, Genome]) -> Sequence[str]:
        """Raise UsageError for a population that this domain cannot run, before anything is spent.

        Returns remarks for a person: what of the seeds has no effect, and why.
        """
        return ()

    def around(self) -> Around | None:
        """What a coding agent is given beside a genome's own files, which alone it may change; None: nothing."""
        return None

    def unseen(self) -> Sequence[Path]:
        """What on this machine no mutator's program may see: hidden checks, and what is held out for the audit."""
        return ()

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: Purpose) -> Conditions:
        """`select`: champions are measured; `confirm`: contests are decided; `audit`: what is held out."""
        return {"purpose": "audit"} if purpose == "audit" else {}

    def measure(self, cases: Sequence[Case], bench: Bench) -> dict[str, Outcome]:
        """All champions, by lineage; here each by its own trial."""
        return {case.lineage: o for case, o in zip(cases, bench.trials(cases), strict=True)}

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        """ONE bout, all challengers in it; here one trial each, at this repeat."""
        base, *others = bench.trials([incumbent, *challengers])
        return [self._difference(base, other) for other in others]

    def ahead(self, incumbent: Case, challengers: Sequence[Case]) -> Sequence[Case]:
        """Trials that a bout of these will ask for, where that is known: an idle slot may run them early. Here those
        of the default `compare`, and none where it is another."""
        return (incumbent, *challengers) if type(self).compare is Substrate.compare else ()

    def _difference(self, base: Outcome, other: Outcome) -> Bout:
        if not other.ok:
            return Bout(last=True, failed=other.status, reason=other.reason)
        if base.score is None or other.score is None:
            return Bout(last=True)
        d = self.metric.sign * (other.score - base.score)
        return replace(Bout.of([d], last=self.deterministic), exact=self.deterministic)

    def rank(self, history: Sequence[Mapping[str, Outcome]], state: Mapping[str, Any]) -> dict[str, float]:
        """Lineage -> rank, higher is better; here the last score. A missing score ranks below all."""
        return {
            lineage: -math.inf if o.score is None else self.metric.sign * o.score for lineage, o in history[-1].items()
        }

    def advance(
        self, state: Mapping[str, Any], outcomes: Mapping[str, Outcome], attempts: Sequence[Attempt]
    ) -> dict[str, Any]:
        """What the domain carries on after a generation, as JSON."""
        return dict(state)

    def stop(self, state: Mapping[str, Any]) -> str | None:
        """The domain's own end ("no data left"), or None."""
        return None

    def horizon(self, state: Mapping[str, Any]) -> int | None:
        """How many generations are left before `stop`, where the domain knows; for progress only."""
        return None

    def controls(self) -> Iterable[Control]:
        """Null, known worse, known cheats."""
        return ()

    def brief(self) -> str:
        """What the mutator is told about the domain."""
        return f"Improve the {self.metric.name} ({self.metric.unit}, {self.metric.better} is better)."

    def objections(self, genome: Genome) -> Sequence[str]:
        """What a cheap look finds wrong with an answer (a line that says nothing, a syntax error), a sentence each: it
        goes back to a language model once, before a clock is spent on it."""
        return ()

    def numbers(self, genome: Genome) -> Numbers | None:
        """The numbers of a genome that may be moved by themselves; None: the domain has none of its own, so those of
        code are meant that are marked `# tune`. Whatever the genome is, this doesn't raise."""
        return None

    def propose(self, brief: Brief, rng: np.random.Generator) -> Sequence[Rewrite]:
        """Edits that the domain itself can offer offline from the brief's evidence, most promising first.

        `expected` is comparable within the list; `screened` counts every candidate looked at for it.
        """
        return ()

    def findings(self, record: Record) -> Findings:
        """What is said at the end; here the best champion's last score."""
        last = record.outcomes[-1] if record.outcomes else {}
        scores = [o.score for o in last.values() if o.score is not None]
        best = None if not scores else max(scores, key=lambda s: self.metric.sign * s)
        kept = sum(a.verdict == "keep" for a in record.attempts)
        words = f"{kept} of {len(record.attempts)} attempts were kept"
        return Findings(
            f"{words}; the best champion's {self.metric.name} is {best:.6g} {self.metric.unit}."
            if best is not None
            else f"{words}; no champion has a score.",
            score=best,
        )
