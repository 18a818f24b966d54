"""The rendering domain: the same answers with less work.

The ruler stands outside: jobs are drawn from a seed that no trial sees, the right answers never enter the sandbox, and
the cost is counted by valgrind in a process that is sealed, or by the kernel.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.substrate import (
    Bench,
    Bout,
    Case,
    Clock,
    Conditions,
    Control,
    Findings,
    Metric,
    Outcome,
    Purpose,
    Record,
    Substrate,
    content_key,
)
from substrates.rendering import words
from substrates.rendering.findings import findings_of
from substrates.rendering.meter import Engine, Meter, Wrong, has_valgrind
from substrates.rendering.pareto import pareto
from substrates.rendering.settings import Measure, Objective, RenderingSettings
from substrates.rendering.task import Job, Task

__all__ = ["Rendering"]

_LARGE = math.log(1.3)
"""A gain from which it is looked at in time as well, which is known to some percent: a third of it must be seen."""

_CONTRADICTED = "the instructions that it saves save it no time"

_KEPT = 64
"""Compiled engines that are held: those of the lineages and of the contests in flight."""


class Rendering(Substrate):
    """Liquid templates or canvas scenes; `settings.task` says which."""

    schema = RenderingSettings
    sandboxed = True

    def __init__(self, settings: RenderingSettings) -> None:
        _check(settings)
        self.settings = settings
        self.task = task_of(settings.task)
        self._measured = settings.jobs or self.task.measured
        counted = settings.measure is not Measure.time and has_valgrind()
        if settings.measure is Measure.instructions and not counted:
            raise UsageError(
                "substrate.measure=instructions needs valgrind, which is not here. Install it: apt-get install "
                "valgrind. Or measure processor time: substrate.measure=time."
            )
        self.deterministic = counted
        self.metric = _metric(self.task, counted)
        self.clock = Clock(
            settings.seconds,
            "seconds",
            "all programs of a trial: gate, measured jobs; a stuck engine ends here",
            2,
        )
        self._engines: dict[str, Engine] = {}
        self._nothing: int | None = None
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._seeds: Mapping[str, Genome] = {}

    def admit(self, seeds: Mapping[str, Genome]) -> Sequence[str]:
        for name, genome in seeds.items():
            if self.task.entry not in genome:
                raise UsageError(
                    f"The seed {name!r} has no file {self.task.entry}, where substrate.task={self.task.name} looks for "
                    f"{self.task.call}(). Its files: {', '.join(list(genome)[:12])}."
                )
        self._seeds = seeds
        if not self.deterministic and self.settings.measure is Measure.auto:
            return (
                "valgrind is not here (apt-get install valgrind): processor time is measured, in interleaved pairs.",
            )
        return ()

    def brief(self) -> str:
        return words.brief(self.task, self.metric, self.deterministic)

    def objections(self, genome: Genome) -> Sequence[str]:
        return words.objections(self.task, genome)

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: Purpose) -> Conditions:
        measured = "instructions" if self.deterministic else "time"
        machine = platform.machine() if self.deterministic else f"{platform.machine()} {platform.processor()}"
        return {
            "task": self.task.name,
            "measure": measured,
            "jobs": [self._measured, self.settings.gate],
            "drawn": content_key("jobs", self.settings.seed, purpose == "audit"),
            # Every generation's duels have jobs of their own; measuring has the same, so that champions compare.
            "duels": generation if purpose == "confirm" else None,
            "blocks": self.settings.audits if purpose == "audit" else 1,
            "evaluator": _evaluator(),
            "hardware": f"{machine} {platform.python_implementation()} {platform.python_version()}",
        }

    # -- a trial -------------------------------------------------------------------------------

    def trial(self, case: Case, bench: Bench) -> Outcome:
        try:
            return self._tried(case, Meter(self.task, bench), bench)
        except Wrong as wrong:
            said = {"reason": wrong.reason, **{k: _shown(v) for k, v in wrong.said.items() if k != "job"}}
            return Outcome(wrong.status, evidence=said)

    def _tried(self, case: Case, meter: Meter, bench: Bench) -> Outcome:
        """An outcome that is ok. Raises Wrong for every other."""
        engine = self._engine(meter, case.genome)
        metrics: dict[str, float] = {}
        evidence: dict[str, Any] = {}
        if not case.stream.startswith(("duel", "A/A", "confirm")):  # its gate was passed when it was tried
            evidence["ms_per_job"] = round(self._gate(meter, engine, case), 4)
        blocks = [self._cost(meter, engine, case, block, bench) for block in range(case.conditions["blocks"])]
        if len(blocks) > 1:
            evidence["blocks"] = blocks
        jobs = self._jobs(case, 0)
        ranked = case.stream == "trial" and Objective.allocations in self.settings.objectives
        if ranked or case.stream in ("select", "audit"):
            count = meter.allocations(engine, jobs, self.settings.seconds)
            metrics |= {} if count is None else {"allocations_per_job": count / len(jobs)}
        if case.stream == "select":
            evidence["hot"] = meter.lines(engine, jobs[:6], self.settings.seconds)
        return Outcome("ok", float(np.mean(blocks)), metrics, evidence)

    def _gate(self, meter: Meter, engine: Engine, case: Case) -> float:
        """Every visible and many hidden jobs, natively: right, and in time; milliseconds of a processor for one of the
        hidden ones, Python's start included. Raises Wrong."""
        visible = self.task.visible()
        hidden = _drawn(self.task.name, _seed_of(case.conditions["drawn"], "gate"), self.settings.gate)
        try:
            meter.answers(engine, visible, self._patience(visible), shown=True)
        except Wrong as wrong:
            number = wrong.said.get("job")
            if not isinstance(number, int):
                raise
            job = visible[number]
            said = {"asked": job.args, "wanted": job.expected, "got": wrong.said["got"]}
            raise Wrong("invalid", f"visible job {number + 1} is answered wrongly", **said) from None
        try:
            return 1e3 * meter.answers(engine, hidden, self._patience(hidden)).cpu_seconds / len(hidden)
        except Wrong as wrong:  # what is hidden stays so
            what = "is answered wrongly" if wrong.status == "invalid" else f"ended as {wrong.status}"
            raise Wrong(wrong.status, f"a hidden job {what}; all visible ones are right") from None

    def _patience(self, jobs: Sequence[Job]) -> float:
        return self.settings.job_seconds * max(1, math.ceil(len(jobs) / 20))

    def _cost(self, meter: Meter, engine: Engine, case: Case, block: int, bench: Bench) -> float:
        """Of one job, in the metric's unit."""
        jobs = self._jobs(case, block)
        if not self.deterministic:
            return 1e3 * meter.answers(engine, jobs, self._left(case, bench)).cpu_seconds / len(jobs)
        work = meter.instructions(engine, jobs, self._left(case, bench)) - self._start(meter)
        if work <= 0:
            raise Wrong("invalid", "it did less than a process that does nothing")
        return work / len(jobs) / 1e6

    def _engine(self, meter: Meter, genome: Genome) -> Engine:
        """Compiled once. Raises Wrong where it cannot be."""
        with self._lock:
            known = self._engines.get(genome.digest)
        if known is None:
            known = meter.compiled(genome, self.settings.job_seconds * 5)
            with self._lock:
                if len(self._engines) >= _KEPT:
                    self._engines.pop(next(iter(self._engines)))
                self._engines[genome.digest] = known
        return known

    def _start(self, meter: Meter) -> int:
        """Instructions of a process that loads an engine of ours which does nothing. Not the genome's own start: it
        could waste work where it is asked nothing, and would gain what is subtracted."""
        with self._counting:
            if self._nothing is None:
                try:
                    self._nothing = meter.instructions(self._stub(meter), [], self.settings.seconds)
                except Wrong as wrong:  # ours: no genome is to blame
                    raise RuntimeError(f"an engine that does nothing cannot be measured here: {wrong.reason}") from None
            return self._nothing

    def _stub(self, meter: Meter) -> Engine:
        stub = Genome({self.task.entry: f"def {self.task.call}(*asked):\n    return b''\n"})
        return meter.compiled(stub, self.settings.seconds)

    def _jobs(self, case: Case, block: int) -> Sequence[Job]:
        """The same for measuring and trying, so that scores compare; fresh for every duel."""
        alike = case.stream in ("select", "trial", "audit", "preflight")
        # The twin of an A/A test is measured anew, on the same jobs: other jobs cost other work.
        duel = f"{case.conditions['duels']} {case.stream.removesuffix(' twin')} {case.repeat}"
        what = "measured" if alike else duel
        return _drawn(self.task.name, _seed_of(case.conditions["drawn"], what, block), self._measured)

    def _left(self, case: Case, bench: Bench) -> float:
        """Seconds until the trial's clock ends, its grace left to the machine; each block of an audit has a clock."""
        if case.conditions["blocks"] > 1:
            return self.settings.seconds
        return max(0.1, bench.deadline - self.clock.grace - time.monotonic())

    # -- a bout --------------------------------------------------------------------------------

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        if not self.deterministic:
            with bench.exclusive() as alone:
                return [self._pairs(incumbent, challenger, alone) for challenger in challengers]
        parent, *others = bench.trials([incumbent, *challengers])
        bouts = [self._gain(parent, other) for other in others]
        return [
            Bout(last=True, failed="invalid", reason=_CONTRADICTED)
            if self._contradicted(incumbent, challenger, bout, bench)
            else bout
            for challenger, bout in zip(challengers, bouts, strict=True)
        ]

    def _contradicted(self, incumbent: Case, challenger: Case, bout: Bout, bench: Bench) -> bool:
        """Whether a large gain in instructions is none in time. A genome shares its memory with what counts, so a count
        could be written to; the kernel's clock is out of its reach, and coarse."""
        if bout.total < _LARGE:
            return False
        jobs = _drawn(self.task.name, _seed_of(dict(incumbent.conditions), "time"), 20 * self._measured)
        with bench.lease() as held:
            meter = Meter(self.task, held)
            try:
                start, before, after = (
                    meter.answers(engine, asked, self.settings.seconds).cpu_seconds
                    for engine, asked in (
                        (self._stub(meter), ()),
                        (self._engine(meter, incumbent.genome), jobs),
                        (self._engine(meter, challenger.genome), jobs),
                    )
                )
            except Wrong:
                return True
        return math.log(max(before - start, 1e-3) / max(after - start, 1e-3)) < bout.total / 3

    def _gain(self, parent: Outcome, other: Outcome) -> Bout:
        """Log of the ratio of instructions; a gain that is not worth its line counts as none."""
        if not other.ok:
            return Bout(last=True, failed=other.status, reason=other.reason)
        if parent.score is None or other.score is None:
            return Bout(last=True)
        gain = math.log(parent.score / other.score) if min(parent.score, other.score) > 0 else 0.0
        gain = gain if abs(gain) >= self.settings.least else 0.0
        return replace(Bout.of([gain], last=True), exact=True)

    def _pairs(self, incumbent: Case, challenger: Case, alone: Bench) -> Bout:
        """Log ratios of processor time over interleaved pairs, who starts taking turns, jobs fresh for each pair."""
        meter, gains = Meter(self.task, alone), []
        roles = (("parent", incumbent), ("child", challenger))
        for pair in range(self.settings.pairs):
            jobs = _drawn(
                self.task.name,
                _seed_of(dict(incumbent.conditions), incumbent.stream, incumbent.repeat, pair),
                self._measured,
            )
            took: dict[str, float] = {}
            for who, case in roles if pair % 2 else roles[::-1]:
                try:
                    took[who] = meter.answers(self._engine(meter, case.genome), jobs, self.settings.seconds).cpu_seconds
                except Wrong as wrong:
                    if who == "child":
                        return Bout(last=True, failed=wrong.status, reason=wrong.reason)
                    return Bout(last=True)
            gains.append(math.log(took["parent"] / took["child"]))
        return Bout.of([gain - self.settings.least for gain in gains])

    # -- the rest ------------------------------------------------------------------------------

    def rank(self, history: Sequence[Mapping[str, Outcome]], state: Mapping[str, Any]) -> dict[str, float]:
        if len(self.settings.objectives) == 1:
            return super().rank(history, state)
        return pareto(history[-1], self.settings.objectives)

    def controls(self) -> Iterable[Control]:
        if self._seeds:
            name = min(self._seeds)
            yield from (replace(c, lineage=name) for c in self.task.controls(self._seeds[name]))

    def findings(self, record: Record) -> Findings:
        return findings_of(record, self.metric, self.task.name)


def _metric(task: Task, counted: bool) -> Metric:
    if counted:
        what, unit = "instructions executed for a job", "million instructions"
        who = "by valgrind, in a sealed process, and a large gain must show in time too"
    else:
        what, unit, who = "processor time of a job", "ms", "by the kernel"
    return Metric(
        "work",
        f"{unit}/{task.unit}",
        "lower",
        f"It is the {what}: an engine could leave work out, remember answers or meddle with the count. Every answer is "
        "compared with the judge's outside the sandbox, every generation's duels have fresh jobs, and what counts is "
        f"counted {who}.",
        effect="logarithm of parent's work over child's: 0.01 is one percent less",
    )


def task_of(name: str) -> Task:
    """Raises UsageError for an unknown one, and where what it needs is not installed."""
    if name == "liquid":
        from substrates.rendering.liquid import Liquid

        return Liquid()
    if name == "canvas":
        from substrates.rendering.canvas import Canvas

        return Canvas()
    raise UsageError(f"substrate.task={name}: there is no such task. Known: liquid, canvas.")


def _check(settings: RenderingSettings) -> None:
    least = {"jobs": 1, "gate": 1, "seconds": 1, "job_seconds": 0.05, "pairs": 2, "audits": 2, "least": 0, "seed": 0}
    for key, floor in least.items():
        value = getattr(settings, key)
        if value is not None and not floor <= value < math.inf:
            raise UsageError(f"substrate.{key}={value} means nothing: give {floor:g} or more.")
    if settings.least >= 1:
        raise UsageError(f"substrate.least={settings.least} would count every gain as none: give 0.001 for 0.1 %.")
    if not settings.objectives or settings.objectives[0] is not Objective.work or len(settings.objectives) > 2:
        raise UsageError("substrate.objectives: give [work] or [work,allocations].")


@lru_cache(maxsize=512)
def _drawn(task: str, seed: int, count: int) -> tuple[Job, ...]:
    return tuple(task_of(task).jobs(seed, count))


def _seed_of(*parts: Any) -> int:
    return int(content_key(*parts)[:8], 16)


@lru_cache(maxsize=1)
def _evaluator() -> str:
    """What decides a score: where our text or one of these programs changes, a new segment opens."""
    place = Path(str(files("substrates.rendering")))
    texts = [path.read_bytes() for path in sorted(place.rglob("*.py"))]
    counter = subprocess.run(["valgrind", "--version"], capture_output=True).stdout if has_valgrind() else b""
    reference = b""
    with suppress(PackageNotFoundError):
        reference = version("python-liquid").encode()
    return hashlib.sha256(b"\0".join([*texts, counter, reference])).hexdigest()[:16]


def _shown(value: Any) -> Any:
    """As JSON, cut: evidence is for reading."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")[:600] if value.isascii() else value[:200].hex()
    if isinstance(value, str):
        return value[:1500]
    return value if len(json.dumps(value)) < 2000 else json.dumps(value)[:2000]
