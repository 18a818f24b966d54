"""A ledger as a long run leaves it, of any size: the real engine plays a scripted night over a domain of nothing.

    python -m benchmarks.make_ledger big.git --attempts 14832 --lineages 237 --seed 0 --run big

Only the domain and the mutator are made up. The loop, the contests, the journal, the attempts and the branches are
the engine's own, so that what is written here cannot drift from what a run writes. Equal seeds give equal ledgers, to
the last commit id.

There is everything in it that a reader of ledgers must stand: seven verdicts, champions that were dethroned, merges,
two challengers in one contest, contests that a changed evaluator left undecided, hypotheses in many scripts and far
too long, a genome that would run a script in a page, and one that would command a terminal.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from evolve.config import AcceptanceSettings, MutatorSettings, RunSettings, SelectionSettings, Settings
from evolve.genome import Genome
from evolve.ledger import Attempt as Commit
from evolve.ledger import Entry, Ledger, attempts, branches, compact, journal
from evolve.run import Run
from evolve.substrate import (
    Bench,
    Bout,
    Brief,
    Case,
    Clock,
    Conditions,
    Findings,
    Metric,
    Outcome,
    Purpose,
    Record,
    Rewrite,
    Status,
    Substrate,
    Table,
    content_key,
)
from evolve.testing import Scripted
from evolve.workers import LocalWorkers

__all__ = ["ANSI", "MARKUP", "made", "make_ledger"]

EPOCH = 1_767_225_600
"""When the night begins, whenever it is made: the first second of 2026."""

MARKUP = "</script><script>alert(1)</script>"
ANSI = "\x1b[2J\x1b[31mred\x1b]0;a window's title\x07\x1b[0m"

# Plausible shares (assumptions): what a night with a language model as mutator looks like.
FAILS: Mapping[Status, float] = {"crash": 0.05, "timeout": 0.025, "refused": 0.015, "invalid": 0.02}
CROSSED, DOUBLED, STUMBLES = 0.12, 0.06, 0.004
"""Of rewrites: crossovers, and those with two challengers; of measurements of a champion: those that fail."""
STEP, SPREAD = -0.4, 0.5
"""Mean and deviation of a rewrite's true effect, in deviations of one paired difference: most do harm."""

REWRITTEN = 5  # of how many lineages one is rewritten a generation, as in the finance domain
PAIRS = 8  # paired differences a bout
SEGMENT = 40  # generations until the evaluator changes: what is undecided then stays so

ROLES = (
    "momentum", "carry", "energy", "breadth", "season", "gold", "credit", "opening", "endgame", "parser", "cache",
    "layout", "judge", "advocate", "sceptic", "scheduler", "tokeniser", "renderer",
)  # fmt: skip
RULES = (
    "Rank by {n}-month return; hold the top {m}; rebalance monthly.",
    "Halve exposure when volatility over {n} days is above {m} %.",
    "Read {n} lines around a failing test before the first edit.",
    "Search {n} plies deeper when the king has fewer than {m} squares.",
    "Warm up for {n} steps; decay the learning rate over the last {m} %.",
    "Answer in {n} sentences; quote the source of every number.",
    "Draw {n} samples a pixel where neighbours differ by more than {m} %.",
)
REASONS = (
    "{what}, because it lost {n} of the last {m} windows",
    "{what}: the evidence says the last change was bought with {n} % more turnover",
    "{what} – “less is more”, as {other} has shown (+{n}.{m} %)",
    "{what}; if that fails, the {n}-day signal itself is dead & should go",
    "{what} <b>before</b> anything else, see |{other}| and `{n}/{m}`",
    "把阈值从 {n} 改为 {m}，因为最近的亏损集中在开盘",
    "снижает порог до {n} %: последние {m} потерь были на открытии",
    "يخفض الحد إلى {n} لأن الخسائر الأخيرة كانت عند الافتتاح",
    "{what} 🎯 (n={n}, p<0.{m})",
    "Status: keep, or so {what} would like it to be; Score: {n}.{m}",
    "{what}, " + "and again " * 60 + "for {n} windows",
)


# -- the domain ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NightSettings:
    """Nothing can be set."""


class Night(Substrate):
    """A genome says its own skill, and how its trial ends. Paired differences are noisy."""

    schema = NightSettings
    metric = Metric("skill", "points", "higher", "Nobody plays: a genome states its own score.")
    clock = Clock(60, "seconds", "no trial takes any")

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: Purpose) -> Conditions:
        return {"purpose": purpose, "evaluator": f"night-{generation // SEGMENT}", "hardware": "none"}

    def trial(self, case: Case, bench: Bench) -> Outcome:
        end, rng = said(case.genome, "Ends"), _dice(case.genome.digest, case.seed)
        took = round(rng.lognormvariate(1.0, 0.5), 3)
        if case.stream == "select" and rng.random() < STUMBLES:
            end = "timeout"
        if end in FAILS:
            status: Status = next(status for status in FAILS if status == end)
            evidence = {"reason": f"{status} after {took:g} s", "log": [f"step {i}" for i in range(3)]}
            return Outcome(status, evidence=evidence, seconds=took)
        score = round(float(said(case.genome, "Skill")) + rng.gauss(0, 0.1), 6)
        metrics = {"steps": float(rng.randrange(100, 1000)), "peak_memory_gb": round(rng.uniform(0.5, 6), 2)}
        return Outcome("ok", score, metrics, {"worst": case.lineage}, took)

    def measure(self, cases: Sequence[Case], bench: Bench) -> dict[str, Outcome]:
        """One after the other: the order in which they are recorded must not be the threads'."""
        return {case.lineage: bench.trials([case])[0] for case in cases}

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        bouts = []
        for case in challengers:
            effect = float(said(case.genome, "Skill")) - float(said(incumbent.genome, "Skill"))
            rng = np.random.default_rng([case.seed, int(case.genome.digest, 16)])
            bouts.append(Bout.of(np.round(rng.normal(effect, 1.0, PAIRS), 6)))
        return bouts

    def advance(
        self, state: Mapping[str, Any], outcomes: Mapping[str, Outcome], attempts: Sequence[Any]
    ) -> dict[str, Any]:
        return {"closed": state.get("closed", 0) + len(attempts)}

    def findings(self, record: Record) -> Findings:
        """How the attempts ended, and of which kind they were."""
        plain = super().findings(record)
        ends = Counter(a.verdict for a in record.attempts)
        kinds = Counter(a.rewrite.kind for a in record.attempts)
        kept = Counter(a.rewrite.kind for a in record.attempts if a.verdict == "keep")
        tables = (
            Table("How the attempts ended", ("verdict", "attempts"), tuple(sorted(ends.items()))),
            Table("By kind", ("kind", "attempts", "kept"), tuple((k, n, kept[k]) for k, n in sorted(kinds.items()))),
        )
        figures = {"attempts": float(len(record.attempts)), "kept": float(ends["keep"])}
        return replace(plain, figures=figures, tables=tables, notes=("Nobody played: all of it is made up.",))


def said(genome: Genome, name: str) -> str:
    """What a genome says under this name."""
    found = re.search(rf"^{name}: (.*)$", genome["agent.md"], re.MULTILINE)
    if found is None:
        raise ValueError(f"{genome!r} does not say its {name}")
    return found[1]


def _dice(*of: Any) -> random.Random:
    """Of content, never of order."""
    return random.Random(content_key(*of))


# -- the mutator -----------------------------------------------------------------------------------


class Sleepless(Scripted):
    """Keeps no brief: a night has more of them than fit into memory."""

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        answer = super().rewrite(brief, rng)
        self.briefs.clear()
        self.learnt.clear()
        return answer


@dataclass
class Script:
    """Gives `left` rewrites away; one of them is hostile to pages, one to terminals."""

    left: int
    seed: int
    given: int = 0

    def __post_init__(self) -> None:
        self.hostile = {self.left // 3: MARKUP, self.left // 2: ANSI}

    def __call__(self, brief: Brief) -> list[Rewrite]:
        rng = _dice(self.seed, brief.generation, brief.lineage)
        count = min(self.left, 2 if rng.random() < DOUBLED else 1)
        return [self._one(brief, rng) for _ in range(count)]

    def _one(self, brief: Brief, rng: random.Random) -> Rewrite:
        hostile = self.hostile.get(self.given, "")
        self.left, self.given = self.left - 1, self.given + 1
        donors = tuple(rng.sample(sorted(brief.donors), 1)) if brief.donors and rng.random() < CROSSED else ()
        step = 3.0 if hostile else rng.gauss(STEP, SPREAD)
        rules = _rules(brief.parent)
        if donors:
            rules = [*rules[: len(rules) // 2], *_rules(brief.donors[donors[0]])[len(rules) // 2 :]]
        at = rng.randrange(len(rules))
        rules[at] = hostile or _rule(rng)
        hypothesis = _sentence(rng, "takes over a rule" if donors else f"changes rule {at + 1}", brief.lineage)
        skill = float(said(brief.parent, "Skill")) + step
        text = _text(brief.lineage, self.given, round(skill, 3), "ok" if hostile else _end(rng), rules)
        return Rewrite(
            Genome({**brief.parent, "agent.md": text}),
            f"{hostile} {hypothesis}" if hostile else hypothesis,
            screened=rng.randint(1, 6),
            expected=round(step + rng.gauss(0, 0.3), 4) if rng.random() < 0.8 else None,
            donors=donors,
            kind="crossover" if donors else rng.choice(("edit", "edit", "add", "remove")),
            cost={"usd": round(rng.expovariate(200), 6), "tokens": float(rng.randrange(400, 9000))},
        )


def _end(rng: random.Random) -> str:
    lot = rng.random()
    for status, share in FAILS.items():
        if lot < share:
            return status
        lot -= share
    return "ok"


def _rule(rng: random.Random) -> str:
    return rng.choice(RULES).format(n=rng.randint(2, 24), m=rng.randint(2, 24))


def _rules(genome: Genome) -> list[str]:
    return [line[2:] for line in genome["agent.md"].split("\n") if line.startswith("- ")]


def _sentence(rng: random.Random, what: str, other: str) -> str:
    return rng.choice(REASONS).format(what=what, n=rng.randint(2, 9), m=rng.randint(10, 30), other=other)


def _text(lineage: str, step: int, skill: float, end: str, rules: Sequence[str]) -> str:
    head = f"# {lineage}\n\nStep: {step}\nSkill: {skill:g}\nEnds: {end}\n\n## Directives\n\n"
    return head + "".join(f"- {rule}\n" for rule in rules)


def _seeds(lineages: int, seed: int) -> dict[str, Genome]:
    """Of one file, every third of two, one of them in a folder."""
    found = {}
    for i in range(lineages):
        name, rng = f"{ROLES[i % len(ROLES)]}-{i // len(ROLES) + 1}", _dice(seed, i)
        files = {"agent.md": _text(name, 0, round(rng.gauss(0, 1), 3), "ok", [_rule(rng) for _ in range(6)])}
        if i % 3 == 2:
            files["notes/plan.md"] = f"# Plan of {name}\n\n{_rule(rng)}\n"
        found[name] = Genome(files)
    return found


# -- the ledger ------------------------------------------------------------------------------------


class Untimed:
    """A ledger in which no clock is heard: what a run measures in seconds is drawn from the entry's own key."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._passed = 0.0

    @property
    def entries(self) -> Sequence[Entry]:
        return self._ledger.entries

    def append(self, entry: Entry, *, summary: str, seconds: float = 0.0) -> None:
        if "usage" in entry.value:
            value = {k: v for k, v in entry.value.items() if k != "usage"}
            entry = replace(entry, key=content_key(value), value=value)
        if entry.kind == "checkpoint":
            value = {**entry.value, "seconds": round(self._passed, 3)}
            entry = replace(entry, key=content_key(value), value=value)
        elif "seconds" in entry.value:
            entry = replace(entry, value={**entry.value, "seconds": round(_dice(entry.key).expovariate(0.5), 6)})
        self._passed += entry.value.get("outcome", entry.value).get("seconds", 0.0) if entry.kind in _WORK else 0.0
        # Worth nothing: what waits for the next checkpoint is lost to nobody.
        self._ledger.append(entry, summary=summary)

    def attempt(self, attempt: Commit) -> str:
        return self._ledger.attempt(attempt)

    def move_branches(self, tips: Mapping[str, str], *, rebuild: bool = False) -> None:
        self._ledger.move_branches(tips, rebuild=rebuild)

    def flush(self) -> None:
        self._ledger.flush()


_WORK = ("rewrite", "outcome", "bout")


def make_ledger(path: Path, attempts: int, lineages: int, seed: int, run: str) -> None:
    """Writes the run `run` into the ledger at `path`, which is made if need be. Raises LedgerError, as a run does."""
    settings = Settings(
        domain="night",
        seed=seed,
        run=RunSettings(name=run, trials=attempts, baselines=["frozen"], remeasure=10, preflight=False),
        selection=SelectionSettings(rewrite=max(1, lineages // REWRITTEN), donors=3),
        acceptance=AcceptanceSettings(bouts=1),
        mutator=MutatorSettings(name="scripted", concurrency=1),
    )
    night, workers = Night(), LocalWorkers(1, overlap=False)

    def mutate() -> Sleepless:
        return Sleepless(Script(attempts, seed))

    try:
        with Ledger.open(path, run, epoch=EPOCH) as ledger:
            ledger.append(Entry("run", "run", _begun(settings, night)), summary=f"{run}: +domain=night")
            seeds = _seeds(lineages, seed)
            Run(settings, night, mutate, workers, seeds, name=run, journal=Untimed(ledger)).execute()
    finally:
        workers.close()
    compact(path)


def _begun(settings: Settings, night: Night) -> dict[str, Any]:
    """What a run writes of itself first."""
    plain = asdict(settings, dict_factory=lambda pairs: {k: v.value if isinstance(v, Enum) else v for k, v in pairs})
    plain["population"] = {"path": "made up"}
    return {
        "settings": {**plain, "substrate": {}},
        "versions": {"evolve": version("evolve")},
        "domain": settings.domain,
        "metric": asdict(night.metric),
        "clock": asdict(night.clock),
        "preflight": [],
        "conditions": dict(night.conditions(0, {}, "confirm")),
    }


# -- what there is ---------------------------------------------------------------------------------


def made(path: Path, run: str) -> list[str]:
    """What is in it, read back."""
    entries, records = journal(path, run), attempts(path, run)
    kinds = Counter(entry.kind for entry in entries)
    ends = Counter(record.trailers["Status"] for record in records)
    merges = sum(len(record.parents) > 1 for record in records)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    lineages = len(branches(path, run))
    return [
        f"{kinds['verdict']:,} attempts of {lineages:,} lineages in {kinds['checkpoint']:,} generations",
        ", ".join(f"{name} {count:,}" for name, count in sorted(ends.items(), key=lambda pair: -pair[1])),
        f"{merges:,} with two parents",
        "entries: " + ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common()),
        f"{size / 2**20:,.1f} MiB on the disk",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("path", type=Path, help="the repository; it is made if need be")
    parser.add_argument("--attempts", type=int, default=14832)
    parser.add_argument("--lineages", type=int, default=237)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", default="night", help="the run's name in the ledger")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    make_ledger(options.path, options.attempts, options.lineages, options.seed, options.run)
    took = time.perf_counter() - started
    print(*made(options.path, options.run), sep="\n")
    print(f"made in {took:.0f} s, {options.attempts / max(took, math.ulp(1)):,.0f} attempts/s", file=sys.stdout)


if __name__ == "__main__":
    main()
