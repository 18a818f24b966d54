"""A run from its settings: what is refused before anything is spent, then the run, then what is said."""

from __future__ import annotations

import datetime
import itertools
import math
import platform
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from evolve.baselines import BASELINES
from evolve.cli.console import Console
from evolve.cli.night import fits
from evolve.cli.options import printable
from evolve.cli.passed import Passed
from evolve.components import load
from evolve.config import Method, Server, Settings
from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.ledger import Entry, Ledger, LedgerError, RunTaken, check_name, compact, runs
from evolve.ledger.repository import Repository
from evolve.llm import LLM
from evolve.mutators import Mutator, Workshop
from evolve.population import copied, read_seeds
from evolve.preflight import preflight
from evolve.report import spent, write_report
from evolve.run import Run
from evolve.substrate import Substrate, content_key
from evolve.workers import LocalWorkers

__all__ = ["Built", "build", "check", "go", "launch"]

_SILENCE = 10.0
"""Seconds after which a preflight says what it has just seen."""


@dataclass(frozen=True)
class Built:
    """The components that settings name. `hidden`: what no program that a mutator starts may see; `made`: the mutators
    that are to be closed."""

    substrate: Substrate
    seeds: Mapping[str, Genome]
    workers: LocalWorkers
    llm: LLM | None = None
    remarks: tuple[str, ...] = ()
    hidden: tuple[Path, ...] = ()
    made: list[Mutator] = field(default_factory=list)

    def mutate(self, settings: Settings, substrate: Substrate | None = None) -> Mutator:
        """A fresh mutator, for this substrate or another world."""
        substrate = substrate or self.substrate
        workshop = Workshop(substrate, settings.mutator, self.llm, settings.genome.globs, self.seeds, self.hidden)
        made: Mutator = load("mutators", settings.mutator.name).make(workshop)
        self.made.append(made)
        return made

    def close(self) -> None:
        """Ends what was started for it; may be called again."""
        for mutator in self.made:
            mutator.close()
        if self.llm is not None:
            self.llm.close()  # a worker may wait for its answer
        self.workers.close()


def build(settings: Settings, seeds: Mapping[str, Genome] | None = None, *, rewrites: bool = True) -> Built:
    """`seeds`: instead of the domain's own, or those in the population's folder. `rewrites`: False where nothing will
    be rewritten, so that what only a mutator needs may be missing. Raises UsageError for whatever cannot be built,
    before anything is spent."""
    check(settings)
    mutator: type[Mutator] | None = load("mutators", settings.mutator.name) if rewrites else None
    workers = load("workers", settings.workers.name)
    substrate: Substrate = load("substrates", settings.domain)(settings.substrate)
    if settings.acceptance.method is Method.sprt and not substrate.paired:
        raise UsageError(
            f"acceptance.method=sprt decides by pairs of games, and the bouts of +domain={settings.domain} are none: "
            "leave it out, or say acceptance.method=significant."
        )
    asks = substrate.needs_model or (mutator is not None and mutator.needs_model)
    llm = _connected(settings, known_only=mutator is None) if asks else None
    with ExitStack() as undo:
        if llm is not None:
            undo.callback(llm.close)
        if llm is not None and substrate.needs_model:
            substrate.equip(llm)
        own = substrate.seeds(settings.genome)
        if seeds is None:
            found = read_seeds(settings.population.path) if own is None else own
            seeds = copied(substrate.fitted(found), settings.population.copies)
        for name, genome in seeds.items():
            if not settings.genome.globs.of(genome):
                raise UsageError(
                    f"genome.include={settings.genome.include} and genome.exclude={settings.genome.exclude} leave "
                    f"nothing of {name!r} to edit. Its files: {', '.join(list(genome)[:12])}."
                )
        remarks = tuple(substrate.admit(seeds))
        asked = settings.workers
        made = workers(asked.slots, asked.sandbox.value, accelerated=substrate.accelerated, overlap=asked.overlap)
        if substrate.sandboxed:
            remarks = (*remarks, made.sandbox.said)
            if made.sandbox.kind == "plain" and (held := substrate.unseen()):
                seen = (
                    f"Without a sandbox a genome can look up what it is scored by ({held[0]}): a gain may be just that."
                )
                remarks = (*remarks, seen)
        # Earlier reports tell what was held out, as the ledger does.
        hidden = (_gitdir(settings), Path("outputs").resolve(), Path("multirun").resolve(), *substrate.unseen())
        built = Built(substrate, seeds, made, llm, hidden=hidden)
        if rewrites:
            remarks = (*remarks, *built.mutate(settings).remarks())  # what it lacks is said now
        undo.pop_all()
    return replace(built, remarks=remarks)


def _gitdir(settings: Settings) -> Path:
    """Of the ledger, there or not yet."""
    path = Path(settings.ledger.repository)
    return path.resolve() if not (path / ".git").exists() else Repository.open(path, create=False).gitdir


def _answers(settings: Settings) -> Callable[[], Path]:
    """Where a model's answers are kept: beside the ledger, made when the first comes."""
    return lambda: Repository.open(Path(settings.ledger.repository), create=True).gitdir / "evolve" / "answers"


def check(settings: Settings) -> None:
    """Numbers and names that mean nothing."""
    if settings.run.name is not None:
        check_name(settings.run.name)
    if len(set(settings.run.baselines)) < len(settings.run.baselines):
        raise UsageError("run.baselines names one twice: name each once.")
    for name in settings.run.baselines:
        if name not in BASELINES:
            raise UsageError(f"run.baselines: there is no baseline {name!r}. Known: {', '.join(BASELINES)}.")
    if settings.mutator.command and settings.mutator.name != "command":
        raise UsageError(f"mutator.command is set, but the mutator is {settings.mutator.name!r}. Add mutator=command.")
    least = {
        "run.generations": (settings.run.generations, 1),
        "run.hours": (settings.run.hours, 0),
        "run.trials": (settings.run.trials, 1),
        "run.patience": (settings.run.patience, 1),
        "run.remeasure": (settings.run.remeasure, 1),
        "workers.slots": (settings.workers.slots, 1),
        "population.copies": (settings.population.copies, 1),
        "selection.rewrite": (settings.selection.rewrite, 0),
        "selection.donors": (settings.selection.donors, 0),
        "mutator.concurrency": (settings.mutator.concurrency, 1),
        "mutator.length_price": (settings.mutator.length_price, 0),
        "mutator.brief": (settings.mutator.brief, 1000),
        "mutator.similar": (settings.mutator.similar, 0),
        "mutator.seconds": (settings.mutator.seconds, 1),
        "acceptance.bouts": (settings.acceptance.bouts, 1),
        "seed": (settings.seed, 0),
    }
    for key, (value, floor) in least.items():
        if value is not None and not floor <= value < math.inf:
            raise UsageError(f"{key}={value} means nothing: give {floor} or more.")
    for key, share in (("level", settings.acceptance.level), ("beta", settings.acceptance.beta)):
        if not 0 < share < 1:
            raise UsageError(f"acceptance.{key}={share} is no probability: give a number between 0 and 1.")
    elo = settings.acceptance.elo
    if len(elo) != 2 or not elo[0] < elo[1]:
        raise UsageError(
            f"acceptance.elo={list(elo)} must be two numbers, the smaller first: what is no improvement, and what is "
            "worth keeping ([0, 50])."
        )
    if settings.acceptance.effect <= 0:
        raise UsageError(f"acceptance.effect={settings.acceptance.effect} means nothing: give a number above 0.")


def launch(settings: Settings, plain: dict[str, Any], out: Path) -> float | None:
    """A new run, from preflight to its last word; the final score."""
    console, path = Console(), Path(settings.ledger.repository)
    with closing(build(settings)) as built:
        if path.exists():
            Repository.open(path, create=True)  # refuses what is no ledger before the preflight is waited for
        name = settings.run.name
        if name is not None and path.exists() and name in runs(path):
            raise UsageError(f"run.name={name}: that run is in {path} already. Go on with it: resume={name}.")
        console.begin(settings, built.substrate, len(built.seeds))
        for remark in built.remarks:
            console.say(printable(remark))
        built.workers.tell(console.say)
        checks = _preflight(settings, built, path, console)
        with _opened(settings, path) as ledger:
            console.say(f"run {ledger.run}, recorded in {path}")
            value = {
                "settings": {
                    **plain,
                    "substrate": {**plain["substrate"], **built.substrate.pinned()},
                    "llm": {**plain["llm"], **_server(settings, built)},
                },
                "versions": _versions(),
                "domain": settings.domain,
                "metric": asdict(built.substrate.metric),
                "clock": asdict(built.substrate.clock),
                "preflight": checks,
                "conditions": dict(built.substrate.conditions(0, {}, "confirm")),
            }
            ledger.append(Entry("run", "run", value), summary=f"{ledger.run}: +domain={settings.domain}")
            score = go(settings, built, ledger, path, out, console, checks)
    _fold(path)
    return score


def go(
    settings: Settings,
    built: Built,
    ledger: Ledger,
    path: Path,
    out: Path,
    console: Console,
    checks: Sequence[Mapping[str, Any]] = (),
) -> float | None:
    """The run itself, over an open ledger; then the exports, and what is said. `checks`: what preflight found."""
    run = Run(
        settings,
        built.substrate,
        lambda: built.mutate(settings),
        built.workers,
        built.seeds,
        name=ledger.run,
        journal=ledger,
        progress=console.progress,
    )
    built.workers.tell(console.say)
    if built.llm is not None:
        built.llm.attach(run.memory.calls, run.memory.add_call, console.say)
    if settings.run.hours is not None and built.substrate.clock.timed and not run.finished:
        clock, workers = built.substrate.clock, settings.workers
        console.say(fits(settings.run.hours, run.before, built.workers.slots, clock, workers.overlap, checks))
    try:
        with _stoppable(run, console), console.live():
            result = run.execute()
    finally:
        built.close()  # while the ledger is open: what is still in flight may be recorded
    ledger.flush()
    story = write_report(path, ledger.run, out)
    console.end(result, path, ledger.run, out, spent(story) if story.asked else "")
    return result.findings.score if result.findings is not None else None


@contextmanager
def _stoppable(run: Run, console: Console) -> Iterator[None]:
    """Ctrl-C once asks, twice stops now. What is recorded stays recorded in both."""
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        run.stop("stopped by hand")
        console.say("Stopping after this generation's records; once more stops now. Both can be resumed.")

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _opened(settings: Settings, path: Path) -> Ledger:
    """Under the run's name, or domain-date-number with the first number that is free: opening it takes it, so
    that the jobs of a sweep which start together do not take the same one."""
    if settings.run.name is not None:
        return Ledger.open(path, settings.run.name)
    stem = f"{settings.domain}-{datetime.date.today():%Y-%m-%d}"
    for number in itertools.count(1):
        with suppress(RunTaken):
            return Ledger.open(path, f"{stem}-{number}")
    raise AssertionError("numbers do not end")


def _preflight(settings: Settings, built: Built, path: Path, console: Console) -> list[dict[str, Any]]:
    """What held, by name. Raises UsageError where a check fails; a pass is remembered beside the ledger."""
    if not settings.run.preflight:
        console.say("Preflight was skipped (run.preflight=false): nobody has tested the ruler.")
        return []
    conditions = built.substrate.conditions(0, {}, "confirm")
    key = content_key(
        dict(conditions),
        {n: g.digest for n, g in built.seeds.items()},
        repr(settings.acceptance),
        repr(settings.substrate),
    )
    before = Passed(path)
    if (known := before.checks(key)) is not None:
        console.say("Preflight passed before, under the same evaluator, seeds and settings.")
        return known
    passed = []
    if built.substrate.clock.timed:
        console.say("Preflight: the seeds, the noise, known cheats. What passes is remembered for the next run.")
    told = time.monotonic()
    for one in preflight(settings, built.substrate, built.workers, built.seeds, before):
        if not one.holds:
            raise UsageError(f"The run does not start: preflight {one.name!r} failed: {one.said.rstrip('.')}.")
        passed.append(one.to_json())
        if time.monotonic() - told >= _SILENCE:
            told = time.monotonic()
            console.say(printable(f"  {one.name}: {one.said}"))
    kinds = Counter(c["name"].split(":")[0] for c in passed)
    counted = ", ".join(kind if count == 1 else f"{count} {kind}" for kind, count in kinds.items())
    console.say(f"Preflight passed: {len(passed)} checks ({counted}).")
    before.keep_checks(key, passed)
    return passed


def _connected(settings: Settings, *, known_only: bool) -> LLM:
    from evolve.llm.connect import connect  # half a second that only a run with a model needs

    return connect(settings.llm, _answers(settings), known_only=known_only)


def _server(settings: Settings, built: Built) -> dict[str, str]:
    """Where the environment alone says which server it was: another one's answers are others."""
    if built.llm is None or settings.llm.server is not Server.openai:
        return {}
    from evolve.llm.connect import base_url_of

    return {"base_url": base_url_of(settings.llm)}


def _versions() -> dict[str, str]:
    names = ("evolve", "numpy", "pandas", "scipy", "deap")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _fold(path: Path) -> None:
    """Many flushes leave many packs. While another run writes here, the last one to end will fold them."""
    try:
        compact(path)
    except LedgerError:
        return
