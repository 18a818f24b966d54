"""A run: generation after generation until a stop, then the audit and what is said at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evolve.acceptance import Acceptance, Contest, Greedy, Lord, Schedule, Significant
from evolve.baselines import BASELINES
from evolve.config import (
    AcceptanceSettings,
    AuditWhen,
    Method,
    Parent,
    ScheduleName,
    SelectionSettings,
    Settings,
)
from evolve.errors import Halt, Spent, UsageError
from evolve.generation import Parts, Progress, State, close_open, generation
from evolve.genome import Genome
from evolve.memory import Journal, Memory, NoLedger
from evolve.mutators import Mutator
from evolve.population import Lineage, Population
from evolve.scribe import Recorder, restore_state
from evolve.selection import Ranked, Selection
from evolve.sprt import Sprt
from evolve.substrate import Case, Findings, Outcome, Record, Substrate
from evolve.workers import LocalWorkers, RecordedBench, Usage

__all__ = ["Result", "Run", "acceptance_of", "schedule_of", "selection_of", "silent"]


def silent(kind: str, what: Mapping[str, Any]) -> None:
    """A progress that nobody watches."""


@dataclass(frozen=True)
class Result:
    """How a run ended. `findings` is None where it was interrupted: what was held out is still sealed. `usage` of the
    slots: where the clock is in seconds."""

    reason: str
    record: Record
    findings: Findings | None
    seconds: float
    usage: Usage | None = None


class Run:
    """One run over one journal. Without one it is only thought (a baseline, a control).

    `mutate` makes a fresh mutator: a baseline must not profit from what the run's own has learnt.
    """

    def __init__(
        self,
        settings: Settings,
        substrate: Substrate,
        mutate: Callable[[], Mutator],
        workers: LocalWorkers,
        seeds: Mapping[str, Genome],
        *,
        name: str = "thought",
        journal: Journal | None = None,
        progress: Progress = silent,
        known: Mapping[str, Outcome] | None = None,
    ) -> None:
        self._settings = settings
        self._substrate = substrate
        self._workers = workers
        self._progress = progress
        self._name = name
        self.memory = Memory(journal or NoLedger())
        self.memory.outcomes.update(known or {})
        self._bench = RecordedBench(substrate, workers, self.memory.outcomes, self.memory.add_outcome)
        self._scribe = Recorder(self.memory, name, settings.mutator.name)
        self._mutate = mutate
        self._parts = Parts(
            substrate=substrate,
            bench=self._bench,
            memory=self.memory,
            selection=selection_of(settings.selection),
            mutator=mutate(),
            acceptance=acceptance_of(settings.acceptance),
            schedule=schedule_of(settings.acceptance),
            seed=settings.seed,
            bouts=settings.acceptance.bouts,
            concurrency=settings.mutator.concurrency,
            remeasure=settings.run.remeasure,
            edits_of_seeds=settings.selection.parent is Parent.seed,
            editable=settings.genome.globs,
            progress=progress,
        )
        self._stopping: str | None = None
        self._thought: Run | None = None  # the baseline that is being thought
        restored = restore_state(self.memory, self._parts.schedule, self._parts.mutator)
        self._state = restored or self._begin(seeds)
        if restored is not None:
            # A kill may have come between a checkpoint and its branches.
            self.memory.journal.move_branches(self._state.population.tips(), rebuild=True)
        last = self.memory.checkpoints[-1] if self.memory.checkpoints else {}
        self._before: float = last.get("seconds", 0.0)
        self._used = Usage.from_json(last.get("usage", {}))
        self._started, self._usage_then = time.monotonic(), workers.usage()

    @property
    def bench(self) -> RecordedBench:
        return self._bench

    @property
    def state(self) -> State:
        return self._state

    @property
    def before(self) -> float:
        """Seconds of earlier sittings."""
        return self._before

    @property
    def finished(self) -> bool:
        """Whether the end was said: what was held out has been opened, so the run cannot go on."""
        return self.memory.find("findings", "end") is not None

    @property
    def _ending(self) -> Mapping[str, Any] | None:
        """What was recorded when the run began to end, if it did."""
        return self.memory.find("ending", "end")

    def stop(self, reason: str) -> None:
        """Ask for a stop after this generation's records. Safe from a signal handler."""
        self._stopping = reason
        if self._thought is not None:
            self._thought.stop(reason)

    def execute(self) -> Result:
        """To its end. Raises whatever a broken machine raises; what is recorded stays recorded."""
        if (said := self.memory.find("findings", "end")) is not None:
            used = Usage.from_json(said["usage"]) if "usage" in said else None
            before = self._result("it was finished before", Findings.from_json(said["findings"]), said["audits"])
            return replace(before, usage=used)
        reason = self._loop()
        if self._stopping is None and self._settings.run.baselines:
            self._progress("thinking", {"baselines": self._settings.run.baselines})
        baselines = self._baselines() if self._stopping is None else {}
        if self._stopping is not None:
            return self._result(self._stopping, None, [])
        # From here on the run cannot go on: what closes as undecided stays so, and what is held out is opened.
        if not self._ending:
            self.memory.add("ending", "end", {"reason": reason}, f"the run ends: {reason}")
            self.memory.journal.flush()
        close_open(self._parts, self._state, self._scribe)
        try:
            audits = self._audit() if self._settings.audit.when is not AuditWhen.never else {}
        except Halt as gone:
            return self._result(str(gone), None, [])
        record = replace(self._record(audits), baselines=baselines)
        findings = self._substrate.findings(record)
        usage = self._usage()
        value = {
            "findings": findings.to_json(),
            "reason": reason,
            "audits": [[name, digest, o.to_json()] for (name, digest), o in audits.items()],
            "baselines": {name: self._summary(other) for name, other in record.baselines.items()},
            **({} if usage is None else {"usage": usage.to_json()}),
        }
        self.memory.add("findings", "end", value, f"the end: {reason}")
        self.memory.journal.flush()
        return Result(reason, record, findings, self._seconds(), usage)

    # -- the loop ------------------------------------------------------------------------------

    def _begin(self, seeds: Mapping[str, Genome]) -> State:
        state = State(Population({}), {})
        lineages = {}
        for name in sorted(seeds):
            commit = self._scribe.seed(state, name, seeds[name])
            lineages[name] = Lineage(name, seeds[name], ((seeds[name], commit),))
        state.population = Population(lineages)
        state.tried = {genome.digest for genome in seeds.values()}
        self.memory.journal.flush()
        self.memory.journal.move_branches(state.population.tips())
        return state

    def _loop(self) -> str:
        while (reason := self._reason_to_stop()) is None:
            started, tried = time.monotonic(), len(self._state.attempts)
            try:
                outcomes = generation(self._parts, self._state, self._scribe)
                if self._settings.audit.when is AuditWhen.generation:
                    self._audit_now()
            except Halt as gone:
                self._stopping = str(gone)
                break
            except Spent as gone:  # by the domain itself: of a rewrite it is recorded, and ends the run
                self._stopping = f"{gone}; resume the run with a larger cap"
                break
            self._scribe.checkpoint(
                self._state, self._parts.schedule, self._parts.mutator, self._seconds(), self._usage()
            )
            self._progress(
                "generation",
                {
                    "generation": self._state.generation,
                    "left": self._left(),
                    "outcomes": outcomes,
                    "attempts": self._state.attempts,
                    "new": len(self._state.attempts) - tried,
                    "took": time.monotonic() - started,
                    "seconds": self._seconds(),
                },
            )
        return reason or str(self._stopping)

    def _reason_to_stop(self) -> str | None:
        limits, state = self._settings.run, self._state
        if self._ending is not None:
            return str(self._ending["reason"])
        if self._stopping is not None:
            return self._stopping
        if state.spent is not None:
            return state.spent
        if (own := self._substrate.stop(state.carried)) is not None:
            return own
        if limits.generations is not None and state.generation >= limits.generations:
            return f"run.generations={limits.generations}"
        if limits.trials is not None and len(state.attempts) >= limits.trials:
            return f"run.trials={limits.trials}"
        if limits.patience is not None and state.quiet >= limits.patience:
            return f"run.patience={limits.patience}: no keep in {state.quiet} generations"
        if limits.hours is not None and self._seconds() >= limits.hours * 3600:
            return f"run.hours={limits.hours:g}"
        return None

    def _left(self) -> int | None:
        """Generations left, where that is known."""
        ends = [self._substrate.horizon(self._state.carried)]
        if self._settings.run.generations is not None:
            ends.append(self._settings.run.generations - self._state.generation)
        known = [end for end in ends if end is not None]
        return min(known) if known else None

    def _seconds(self) -> float:
        """Of work on this run, earlier sittings included."""
        return self._before + time.monotonic() - self._started

    def _usage(self) -> Usage | None:
        """Of the slots, likewise; None where trials are not under a clock of seconds."""
        if not self._substrate.clock.timed:
            return None
        return self._used.plus(self._workers.usage()).plus(self._usage_then, -1)

    # -- the end -------------------------------------------------------------------------------

    def _audit_cases(self, lineages: Mapping[str, Sequence[Genome]]) -> list[Case]:
        state = self._state
        conditions = self._substrate.conditions(state.generation, state.carried, "audit")
        team = self._substrate.uses_team
        return [
            Case(genome, name, conditions, "audit", 0, state.population.team(name) if team else {})
            for name, genomes in lineages.items()
            for genome in genomes
        ]

    def _audit(self) -> dict[tuple[str, str], Outcome]:
        """Every champion of the run, on what was held out; recorded, and shown to no mutator."""
        ever = {
            name: list(dict.fromkeys(genome for genome, _ in lineage.reigns))
            for name, lineage in self._state.population.items()
        }
        cases = self._audit_cases(ever)
        outcomes = self._bench.trials(cases)
        return {(c.lineage, c.genome.digest): o for c, o in zip(cases, outcomes, strict=True)}

    def _audit_now(self) -> None:
        self._bench.trials(self._audit_cases({n: [line.champion] for n, line in self._state.population.items()}))

    def _baselines(self) -> dict[str, Record]:
        """The same run by other rules, thought to the same number of generations."""
        seeds = {name: lineage.seed for name, lineage in self._state.population.items()}
        records = {}
        for name in self._settings.run.baselines:
            settings = BASELINES[name](self._settings, self._state.generation)
            thought = Run(settings, self._substrate, self._mutate, self._workers, seeds, known=self.memory.outcomes)
            self._thought = thought
            thought._loop()
            self._thought = None
            if thought._stopping is not None:  # by hand, or a Halt: the run stops too
                self._stopping = thought._stopping
                break
            if thought.state.spent is None:
                records[name] = thought._record({})
            else:  # it tried less than the run: no comparison
                self._progress("left out", {"baseline": name, "reason": thought.state.spent})
        return records

    def _summary(self, record: Record) -> dict[str, Any]:
        """Of a baseline: how much it tried and kept, and [generation, best champion's score]."""
        sign = self._substrate.metric.sign
        best: list[list[float]] = []
        for g, outcomes in enumerate(record.outcomes):
            scores = [o.score for o in outcomes.values() if o.score is not None]
            if scores:
                best.append([g, max(scores, key=lambda s: sign * s)])
        kept = sum(a.verdict == "keep" for a in record.attempts)
        return {"attempts": len(record.attempts), "kept": kept, "best": best}

    def _record(self, audits: Mapping[tuple[str, str], Outcome]) -> Record:
        state = self._state
        return Record(
            seeds={name: lineage.seed for name, lineage in state.population.items()},
            champions=tuple(state.champions),
            outcomes=tuple(outcomes for _, outcomes in state.history),
            states=tuple(state.states),
            attempts=tuple(state.attempts),
            final=state.population.champions(),
            state=state.carried,
            audits=audits,
        )

    def _result(self, reason: str, findings: Findings | None, audits: Sequence[Any]) -> Result:
        held = {(name, digest): Outcome.from_json(o) for name, digest, o in audits}
        return Result(reason, self._record(held), findings, self._seconds(), self._usage())


def selection_of(settings: SelectionSettings) -> Selection:
    if settings.rewrite < 0 or settings.donors < 0:
        raise UsageError(
            f"selection.rewrite={settings.rewrite} and selection.donors={settings.donors}: neither may be negative."
        )
    return Ranked(settings.rewrite, settings.donors, settings.pick.value)


def acceptance_of(settings: AcceptanceSettings) -> Acceptance:
    if settings.method is Method.greedy:
        return Greedy()
    if settings.method is Method.sprt:
        low, high = settings.elo
        return Sprt(low, high, settings.beta)
    return Significant(settings.effect, settings.beta)


def schedule_of(settings: AcceptanceSettings) -> Schedule:
    return Lord(settings.level) if settings.schedule is ScheduleName.fdr else Contest(settings.level)
