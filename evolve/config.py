"""The schema of a run. Inside the program there are only these dataclasses; Hydra stays at the edge."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

from evolve.genome import Globs

__all__ = [
    "AcceptanceSettings",
    "AuditSettings",
    "AuditWhen",
    "GenomeSettings",
    "LedgerSettings",
    "Method",
    "MutatorSettings",
    "Parent",
    "Pick",
    "PopulationSettings",
    "RunSettings",
    "SandboxMode",
    "ScheduleName",
    "SelectionSettings",
    "Settings",
    "WorkersSettings",
]


class Pick(str, Enum):
    worst = "worst"
    random = "random"


class Parent(str, Enum):
    champion = "champion"
    seed = "seed"


class Method(str, Enum):
    significant = "significant"
    greedy = "greedy"


class ScheduleName(str, Enum):
    contest = "contest"
    fdr = "fdr"


class SandboxMode(str, Enum):
    auto = "auto"
    bwrap = "bwrap"
    plain = "plain"


class AuditWhen(str, Enum):
    end = "end"
    generation = "generation"
    never = "never"


@dataclass(frozen=True)
class RunSettings:
    """When a run stops (whatever comes first; null: no such limit) and what it is compared with."""

    name: str | None = None  # the run's name in the ledger; null: domain, date and a number
    generations: int | None = None
    hours: float | None = None  # wall clock
    trials: int | None = None  # attempts
    patience: int | None = None  # generations closed without a keep
    remeasure: int = 1  # generations between fresh measurements of a champion, where scores are noisy
    baselines: list[str] = field(default_factory=lambda: ["frozen", "best_of_n"])
    preflight: bool = True  # false: the ruler is not tested, and the run says so


@dataclass(frozen=True)
class PopulationSettings:
    path: str = MISSING  # a folder, a file or a sub-folder a lineage; or pkg://populations.finance
    copies: int = 1  # lineages that start from each seed


@dataclass(frozen=True)
class GenomeSettings:
    """What of a genome may be edited: globs over its paths; a change elsewhere is refused."""

    include: list[str] = field(default_factory=lambda: ["**"])
    exclude: list[str] = field(default_factory=list)

    @property
    def globs(self) -> Globs:
        return Globs(tuple(self.include), tuple(self.exclude))


@dataclass(frozen=True)
class SelectionSettings:
    rewrite: int = 1  # lineages rewritten a generation
    donors: int = 3  # better lineages that a rewrite may take over from
    pick: Pick = Pick.worst
    parent: Parent = Parent.champion  # seed: every edit is one of the seed (best-of-N)


@dataclass(frozen=True)
class MutatorSettings:
    name: str = "embedded"
    length_price: float = 0.0  # what 100 characters of growth must be worth in predicted effect
    concurrency: int = 8  # rewrites in flight; never tied to cores


@dataclass(frozen=True)
class AcceptanceSettings:
    method: Method = Method.significant
    level: float = 0.05  # one-sided error of a contest, before it is divided by what was screened
    effect: float = 0.5  # smallest effect worth finding, in standard deviations of a paired difference
    beta: float = 0.1  # chance of discarding an effect of that size
    schedule: ScheduleName = ScheduleName.contest
    bouts: int = 20  # at most, for one contest in one generation; then it stays open


@dataclass(frozen=True)
class AuditSettings:
    when: AuditWhen = AuditWhen.end


@dataclass(frozen=True)
class WorkersSettings:
    name: str = "local"
    slots: int | None = None  # trials at once; null: one a core
    sandbox: SandboxMode = SandboxMode.auto  # bwrap: refuse to start without it; plain: do without it


@dataclass(frozen=True)
class LedgerSettings:
    repository: str = "lineages.git"  # in the launch directory, shared by all runs there


@dataclass(frozen=True)
class Settings:
    """A whole run. `substrate` is the domain's own dataclass."""

    domain: str = MISSING
    seed: int = 0
    run: RunSettings = field(default_factory=RunSettings)
    population: PopulationSettings = field(default_factory=PopulationSettings)
    genome: GenomeSettings = field(default_factory=GenomeSettings)
    substrate: Any = None
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    mutator: MutatorSettings = field(default_factory=MutatorSettings)
    acceptance: AcceptanceSettings = field(default_factory=AcceptanceSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    workers: WorkersSettings = field(default_factory=WorkersSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
