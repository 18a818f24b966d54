"""How fast is the engine itself, and does it stay so? Attempts a second where trials cost nothing, beside GitPython.

    python -m benchmarks.engine_speed
    python -m benchmarks.engine_speed --attempts 100000

The loop, the contests and the ledger are the real ones; the domain and the mutator are as small as they can be. The
peer writes the same text as a file, adds it to the index and commits. After every thousand attempts the run stands
still for some commits of the peer's, so that both see the same neighbours on the machine; ratios are of such pairs,
and the median is what counts. By the clock on the wall, and by the time that a processor was held, which neighbours
change less.

Promised: 25 times the peer's rate; the last thousand attempts within 20 % of the first thousand after the warm-up;
and with a flush to the disk after every attempt still three times the peer's rate, which flushes nothing.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import git
import numpy as np

from evolve.config import AuditSettings, AuditWhen, MutatorSettings, RunSettings, SelectionSettings, Settings
from evolve.genome import Genome
from evolve.ledger import Entry, Ledger
from evolve.run import Run
from evolve.substrate import Bench, Bout, Brief, Case, Clock, Metric, Outcome, Rewrite, Substrate
from evolve.testing import Scripted
from evolve.workers import LocalWorkers

__all__ = ["Pace", "Peer", "Shape", "flatness", "paces", "ratio"]

PROMISED, PROMISED_DURABLE, PROMISED_FLAT = 25.0, 3.0, 0.2

KEPT = 37
"""One in so many attempts is kept, as in the default finance run (8 of 293)."""

INSTANT, DURABLE = 1e-6, 1.0
"""Seconds that a trial says it took: the ledger flushes as soon as unflushed work is worth a second."""


@dataclass(frozen=True)
class NothingSettings:
    """Nothing can be set."""


class Nothing(Substrate):
    """A trial reads its genome and is done; one look decides a contest. `seconds` is what a trial claims to take."""

    schema = NothingSettings
    metric = Metric("size", "characters", "higher", "Nobody plays.")
    clock = Clock(1, "look", "a look takes no time")
    deterministic = True

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def trial(self, case: Case, bench: Bench) -> Outcome:
        took = self._seconds if case.stream == "trial" else INSTANT
        return Outcome("ok", float(case.genome.size), seconds=took)

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        signs = [1 if int(case.genome.digest, 16) % KEPT == 0 else -1 for case in challengers]
        return [Bout.of(sign * np.array([0.9, 1.0, 1.1]), last=True) for sign in signs]


class Numbering(Scripted):
    """Every answer is a new text; briefs are not kept, there would be more than fit into memory."""

    def __init__(self) -> None:
        numbers = itertools.count()
        super().__init__(lambda brief: [_numbered(brief, next(numbers))])

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        answer = super().rewrite(brief, rng)
        self.briefs.clear()
        return answer


def _numbered(brief: Brief, number: int) -> Rewrite:
    return Rewrite(genome(f"{brief.lineage}, change {number}"), f"makes change {number}")


def genome(title: str) -> Genome:
    """As long as an agent of the finance domain, about 700 characters."""
    rules = "".join(f"- Rank by {n}-month return; hold the top {n + 1}; rebalance monthly.\n" for n in range(1, 11))
    return Genome({"agent.md": f"# {title}\n\nLayer: style\nRole: selection\n\n## Directives\n\n{rules}"})


# -- the peer --------------------------------------------------------------------------------------


class Peer:
    """What one writes first when attempts are to be commits."""

    def __init__(self, folder: Path) -> None:
        self._repository, self._file = git.Repo.init(folder), folder / "agent.md"
        self._made = 0

    def commit(self, commits: int) -> tuple[float, float]:
        """Makes so many more; wall and processor seconds of one, git's own processes included."""
        wall, processor = time.perf_counter(), _with_children()
        for _ in range(commits):
            self._made += 1
            self._file.write_text(genome(f"change {self._made}")["agent.md"], encoding="utf-8")
            self._repository.index.add([self._file.name])
            self._repository.index.commit(f"makes change {self._made}")
        return (time.perf_counter() - wall) / commits, (_with_children() - processor) / commits


def _with_children() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


# -- the engine ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """A run: `rewrite` of `lineages` are rewritten a generation; `durable`: every attempt reaches the disk alone."""

    attempts: int
    lineages: int
    rewrite: int
    durable: bool = False


@dataclass(frozen=True)
class Pace:
    """A stretch of a run: how many attempts, in how many wall and processor seconds; and a commit's right after."""

    attempts: int
    seconds: float
    processor: float
    commit_seconds: float
    commit_processor: float

    @property
    def rate(self) -> float:
        """Attempts a second, by the clock on the wall."""
        return self.attempts / self.seconds

    @property
    def cost(self) -> float:
        """Processor seconds an attempt."""
        return self.processor / self.attempts


class Stopwatch:
    """A run's progress: after every `stretch` attempts the run stands still while the peer commits."""

    def __init__(self, stretch: int, peer: Peer, commits: int) -> None:
        self.paces: list[Pace] = []
        self._stretch, self._peer, self._commits = stretch, peer, commits
        self.start(0)

    def start(self, attempts: int) -> None:
        self._begun = attempts
        self._wall, self._processor = time.perf_counter(), _with_children()

    def __call__(self, kind: str, what: Mapping[str, Any]) -> None:
        if kind != "generation" or len(what["attempts"]) - self._begun < self._stretch:
            return
        wall, processor, count = time.perf_counter(), _with_children(), len(what["attempts"])
        commit = self._peer.commit(self._commits)
        self.paces.append(Pace(count - self._begun, wall - self._wall, processor - self._processor, *commit))
        self.start(count)


def paces(shape: Shape, stretch: int, commits: int) -> list[Pace]:
    """Plays a run of this shape into a ledger of its own, `commits` of the peer's after every `stretch` attempts."""
    settings = Settings(
        domain="nothing",
        run=RunSettings(trials=shape.attempts, baselines=[], preflight=False),
        selection=SelectionSettings(rewrite=shape.rewrite, donors=3),
        mutator=MutatorSettings(name="scripted", concurrency=1),
        audit=AuditSettings(AuditWhen.never),
    )
    nothing, workers = Nothing(DURABLE if shape.durable else INSTANT), LocalWorkers(1)
    seeds = {name: genome(name) for name in (f"line-{i}" for i in range(shape.lineages))}
    with tempfile.TemporaryDirectory() as folder:
        watch = Stopwatch(stretch, Peer(Path(folder) / "peer"), commits)
        try:
            with Ledger.open(Path(folder) / "lineages.git", "speed") as ledger:
                ledger.append(Entry("run", "run", {"domain": "nothing"}), summary="run speed")
                run = Run(settings, nothing, Numbering, workers, seeds, name="speed", journal=ledger, progress=watch)
                watch.start(0)
                run.execute()
        finally:
            workers.close()
    return watch.paces


def ratio(found: Sequence[Pace]) -> tuple[float, float]:
    """How many times the peer's speed, the median over the pairs: wall, processor."""
    return (
        statistics.median(pace.rate * pace.commit_seconds for pace in found),
        statistics.median(pace.commit_processor / pace.cost for pace in found),
    )


def flatness(found: Sequence[Pace]) -> tuple[float, float]:
    """Speed of the last stretch over that of the first after the warm-up, which is a stretch too: wall, processor."""
    first, last = found[min(1, len(found) - 1)], found[-1]
    return last.rate / first.rate, first.cost / last.cost


# -- what is said ----------------------------------------------------------------------------------


def _told(name: str, found: Sequence[Pace], promised: float | None = None) -> str:
    count, seconds = sum(p.attempts for p in found), sum(p.seconds for p in found)
    commit = statistics.median(p.commit_seconds for p in found)
    processor = statistics.median(p.commit_processor for p in found)
    cost = statistics.median(p.cost for p in found)
    wall, held = ratio(found)
    said = f" (promised: at least {promised:g})" if promised else ""
    return (
        f"{name}: {count:,} attempts in {seconds:.1f} s, {count / seconds:,.0f} attempts/s, {1e3 * cost:.2f} ms of a "
        f"processor each\n  GitPython: {1 / commit:,.1f} commits/s, {1e3 * processor:.2f} ms of a processor each\n"
        f"  ratio {wall:.1f} by the wall, {held:.1f} by the processor{said}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--attempts", type=int, default=20_000)
    parser.add_argument("--lineages", type=int, default=500, help="all of them are rewritten in each generation")
    parser.add_argument("--stretch", type=int, default=1_000, help="attempts between two pauses for the peer")
    parser.add_argument("--commits", type=int, default=15, help="of the peer's in a pause")
    options = parser.parse_args(arguments)
    wide = Shape(options.attempts, options.lineages, options.lineages)
    found = paces(wide, options.stretch, options.commits)
    print(_told("recorded", found, PROMISED), flush=True)
    print("attempts/s, a stretch each: " + " ".join(f"{p.rate:.0f}" for p in found))
    print("ms of a processor an attempt: " + " ".join(f"{1e3 * p.cost:.2f}" for p in found))
    wall, processor = flatness(found)
    print(
        f"last over first stretch: {wall:.2f} by the wall, {processor:.2f} by the processor "
        f"(promised: {1 - PROMISED_FLAT:g} or more)",
        flush=True,
    )
    few = max(1, options.attempts // 20)
    durable = paces(Shape(few, options.lineages, options.lineages, durable=True), few // 5, options.commits)
    print(_told("durable one by one", durable, PROMISED_DURABLE), flush=True)
    team = paces(Shape(few, 25, 5), few // 5, options.commits)
    print(_told("a team of 25, 5 a generation", team))


if __name__ == "__main__":
    main()
