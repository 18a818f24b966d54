"""The command domain: any git repository that has a measuring command.

A genome is the tracked text files that match the globs; all other files of the frozen commit are laid anew before every
trial, so that no genome changes the ruler. A bout is ten interleaved pairs of parent and child, the order of start
swapped each pair, with the machine to themselves.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from evolve.errors import UsageError
from evolve.genome import Genome, unreadable
from evolve.substrate import (
    Around,
    Attempt,
    Bench,
    Bout,
    Case,
    Clock,
    Conditions,
    Control,
    Findings,
    GenomeSettings,
    Limits,
    Outcome,
    Purpose,
    Ran,
    Record,
    Status,
    Substrate,
    content_key,
    processor_name,
)
from substrates.command import ends, words
from substrates.command.auto import is_living, is_session_file, read_session
from substrates.command.complete import completed, missing_program
from substrates.command.hidden import Hidden, lay_hidden
from substrates.command.laying import Bed, tail
from substrates.command.parsers import Unreadable, read
from substrates.command.repository import Base, open_base
from substrates.command.scope import Scope, named_files
from substrates.command.settings import CommandSettings

__all__ = ["Command"]

_OUTPUT_KB = 4096
"""Kept of what a command prints; where it is full the measurement is void: the true metric may have been cut off."""
_OBJECTIONS = 8
"""Made at once (an assumption: a model mends a few things at a time)."""
_METRICS = 64
"""Metrics that an outcome carries at most: hundreds of benchmarks would swell every record (a convention)."""


class Command(Substrate):
    """One frozen commit. `seeds` says which of its files a genome holds; without it, all that match the defaults."""

    schema = CommandSettings
    sandboxed = True

    def __init__(self, settings: CommandSettings | None = None) -> None:
        given = settings or CommandSettings()
        given.check_values()
        self.base: Base = open_base(given.repository, given.commit, is_living)
        session = read_session(self.base.root or self.base.tree)
        self.settings = completed(given, session)
        tracked = set(self.base.tracked)
        self._laid = {path: data for path, data in session.laid.items() if path not in tracked}
        self.base.lay(self._laid)
        for name, command in (("measure", self.settings.measure), ("check", self.settings.check)):
            if command and (problem := missing_program(name, command, self.base)) is not None:
                raise problem
        self._hidden: Hidden | None = lay_hidden(given.audit, self.base) if given.audit else None
        self._limit = session.limit
        self.deterministic = given.deterministic
        self.metric = words.metric(self.settings)
        self.clock = Clock(
            budget=given.seconds,
            unit="seconds",
            grace=given.grace,
            why="check and measurement of a trial share it, so that no change wins by taking longer",
        )
        self._bed = Bed(self.base.tree, [Path(v) for v in given.visible], given.environment, given.output)
        self._genome = GenomeSettings()
        self._admitted: Mapping[str, Genome] = {}

    def pinned(self) -> Mapping[str, Any]:
        names = ("measure", "check", "metric", "direction", "unit", "brief")
        decided = {name: getattr(self.settings, name) for name in names}
        return {**decided, "repository": self.base.place, "commit": self.base.commit}

    # -- what a genome is ----------------------------------------------------------------------

    def seeds(self, genome: GenomeSettings) -> Mapping[str, Genome] | None:
        self._genome = genome
        self.__dict__.pop("_scope", None)
        if not self._scope.texts:
            raise UsageError(
                f"genome.include={list(genome.include)} and genome.exclude={list(genome.exclude)} leave no tracked "
                f"text file of {self.base.place} to edit. Widen them; paths are relative to the repository, as in "
                "genome.include=[src/**]."
            )
        return {self.base.name: Genome(self._scope.texts)}

    @cached_property
    def _ruler(self) -> Sequence[str]:
        """Tracked files that no genome holds whatever the globs say."""
        commands = (self.settings.measure or "", self.settings.check or "")
        named = {path for command in commands for path in named_files(command, self.base.tracked)}
        return sorted(named | {path for path in self.base.tracked if is_session_file(path)})

    @cached_property
    def _scope(self) -> Scope:
        globs = self._genome.globs
        ruler = set(self._ruler)

        def editable(path: str) -> bool:
            return path in globs and path not in ruler and not is_session_file(path)

        texts = {
            path: text for path in self.base.tracked if editable(path) and (text := self.base.text(path)) is not None
        }
        frozen = {*self.base.tracked, *self._laid} - set(texts)
        return Scope(texts, frozenset(frozen), editable, self.settings.new_files)

    def admit(self, seeds: Mapping[str, Genome]) -> Sequence[str]:
        self._admitted = dict(seeds)
        for name, genome in seeds.items():
            if (problem := self._scope.problem(genome)) is not None:
                raise UsageError(f"the agent {name!r} is none of {self.base.place}: {problem}.")
        return words.remarks(self.settings, self.base, self._scope, self._genome, self._ruler, self._laid)

    def around(self) -> Around:
        return Around(self.base.tree, frozenset(self._scope.texts))

    def unseen(self) -> Sequence[Path]:
        hidden = (Path(self.settings.audit).expanduser(),) if self.settings.audit else ()
        return (*hidden, self.base.home)

    # -- conditions ----------------------------------------------------------------------------

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: Purpose) -> Conditions:
        common = {"base": self.base.commit, "evaluator": self._evaluator, "hardware": _hardware()}
        if purpose != "audit":
            return common
        return {**common, "purpose": "audit", "hidden": self._hidden.digest if self._hidden else None}

    @cached_property
    def _evaluator(self) -> str:
        s = self.settings
        asked = [
            s.measure,
            s.check,
            s.metric,
            s.direction,
            s.format,
            s.output,
            s.scale,
            s.pairs,
            s.seconds,
            s.deterministic,
        ]
        laid = {path: hashlib.sha256(data).hexdigest() for path, data in self._laid.items()}
        return content_key(_code(), asked, dict(s.environment), laid)[:16]

    def advance(
        self, state: Mapping[str, Any], outcomes: Mapping[str, Outcome], attempts: Sequence[Attempt]
    ) -> dict[str, Any]:
        return ends.advance(self.settings, state, outcomes, attempts)

    def stop(self, state: Mapping[str, Any]) -> str | None:
        return ends.stop(self.settings, self._limit, state)

    # -- trials --------------------------------------------------------------------------------

    def trial(self, case: Case, bench: Bench) -> Outcome:
        """The check, then one measurement, each over its own fresh copy; for an audit the hidden check first."""
        if (problem := self._scope.problem(case.genome)) is not None:
            return Outcome("refused", evidence={"reason": problem})
        if case.conditions.get("purpose") == "audit" and self._hidden is not None:
            outcome = self._audited(case, bench)
            if not outcome.ok or outcome.score is not None:
                return outcome
        started = time.monotonic()
        if self.settings.check is not None:
            ran = self._run(self.settings.check, case, bench, case.seed, started)
            if (failed := self._failed(ran, "the check", "invalid")) is not None:
                return failed
        return self._measured(case, bench, case.seed, started)

    def measure(self, cases: Sequence[Case], bench: Bench) -> dict[str, Outcome]:
        """Champions one after the other, alone on the machine; equal ones once. Where time is no matter, by trials."""
        if self.deterministic or not self.settings.exclusive:
            return super().measure(cases, bench)
        found: dict[str, Outcome] = {}
        with bench.exclusive() as held:
            for case in cases:
                if case.genome.digest not in found:
                    found[case.genome.digest] = self.trial(case, held)
        return {case.lineage: found[case.genome.digest] for case in cases}

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        """Interleaved pairs. Who fails the hidden check in the first bout of a contest does not get to the rest."""
        if self.deterministic and not self._gated(incumbent):
            return super().compare(incumbent, challengers, bench)
        with self._alone(bench) as held:
            failed: dict[int, Status] = {}
            if self._gated(incumbent):
                for i, case in enumerate(challengers):
                    if not (outcome := self._audited(case, held)).ok:
                        failed[i] = outcome.status
            if not self.deterministic:
                return self._pairs(incumbent, challengers, held, failed)
        bouts = super().compare(incumbent, challengers, bench)
        return [Bout(last=True, failed=failed[i]) if i in failed else bout for i, bout in enumerate(bouts)]

    def _gated(self, incumbent: Case) -> bool:
        return self._hidden is not None and self.settings.audit_gates and incumbent.repeat == 0

    def _alone(self, bench: Bench) -> AbstractContextManager[Bench]:
        return bench.exclusive() if self.settings.exclusive and not self.deterministic else bench.lease()

    def _pairs(
        self, incumbent: Case, challengers: Sequence[Case], bench: Bench, failed: dict[int, Status]
    ) -> list[Bout]:
        gains: list[list[float]] = [[] for _ in challengers]
        for pair in range(self.settings.pairs):
            live = [i for i in range(len(challengers)) if i not in failed]
            if not live:
                break
            # Of the incumbent alone: its twin in an A/A test has a stream of its own, and must meet the same seed.
            seed = int(content_key(incumbent.seed, pair)[:8], 16)
            order = [(-1, incumbent), *((i, challengers[i]) for i in live)]
            found = {}
            for i, case in order if pair % 2 == 0 else reversed(order):
                found[i] = self._measured(case, bench, seed, time.monotonic())
            if found[-1].score is None:
                # The parent broke: that is no evidence for a child, and the next measuring will dethrone it.
                return [Bout(last=True, failed=failed.get(i)) for i in range(len(challengers))]
            for i in live:
                if not found[i].ok:
                    failed[i] = found[i].status
                else:
                    gains[i].append(self._gain(found[-1], found[i]))
        return [
            Bout(last=True, failed=failed[i]) if i in failed else Bout.of(gains[i]) for i in range(len(challengers))
        ]

    def _gain(self, parent: Outcome, child: Outcome) -> float:
        """> 0 where the child is better: of logarithms, so that one percent counts the same early and late in a run."""
        before, after = parent.score or 0.0, child.score or 0.0
        if self.settings.scale == "log":
            before, after = math.log(before), math.log(after)
        return self.metric.sign * (after - before)

    def _audited(self, case: Case, bench: Bench) -> Outcome:
        """The hidden check; its score where it prints the metric itself, over inputs of its own."""
        if self._hidden is None or (problem := self._scope.problem(case.genome)) is not None:
            return Outcome(
                "refused", evidence={"reason": "there is no hidden check" if self._hidden is None else problem}
            )
        ran = self._run(self._hidden.command, case, bench, case.seed, time.monotonic(), [self._hidden.folder])
        if (failed := self._failed(ran, "the hidden check", "invalid")) is not None:
            return failed
        try:
            reading = read("metric", self.settings.metric or "", ran.stdout.decode("utf-8", "replace"))
        except Unreadable:
            return Outcome("ok", seconds=ran.seconds)
        return Outcome("ok", reading.primary, _few(reading.others), seconds=ran.seconds)

    def _measured(self, case: Case, bench: Bench, seed: int, started: float) -> Outcome:
        ran = self._run(self.settings.measure or "", case, bench, seed, started)
        if (failed := self._failed(ran, "the measuring command", "crash")) is not None:
            return failed
        said: dict[str, Any] = {"log": tail(ran)}
        output = self.settings.output
        try:
            if output is not None and output not in ran.files:
                raise Unreadable(f"the measuring command left no file {output}")
            if output is None and len(ran.stdout) >= _OUTPUT_KB * 1024:
                raise Unreadable(
                    f"the measuring command printed more than {_OUTPUT_KB} kB, so its metric may be cut off"
                )
            text = (ran.stdout if output is None else ran.files[output]).decode("utf-8", "replace")
            reading = read(self.settings.format, self.settings.metric or "", text)
            if self.settings.scale == "log" and not self.deterministic and reading.primary <= 0:
                raise Unreadable(
                    f"{self.settings.metric} is {reading.primary:g}, and differences of logarithms need more than 0: "
                    "set substrate.scale=plain"
                )
        except Unreadable as error:
            return Outcome("invalid", evidence={"reason": str(error), **said}, seconds=ran.seconds)
        return Outcome("ok", reading.primary, _few(reading.others), said, ran.seconds)

    def _run(self, command: str, case: Case, bench: Bench, seed: int, started: float, also: Sequence[Path] = ()) -> Ran:
        """Within what is left of a trial's clock that began at `started`."""
        s = self.settings
        limits = Limits(
            seconds=max(s.seconds - (time.monotonic() - started), 0.01),
            grace=s.grace,
            memory_mb=s.memory_mb,
            processes=s.processes,
            file_mb=s.scratch_mb,
            scratch_mb=s.scratch_mb,
            output_kb=_OUTPUT_KB,
        )
        return self._bed.run(command, case.genome, self._scope.removed(case.genome), bench, limits, seed, also)

    def _failed(self, ran: Ran, what: str, status: Status) -> Outcome | None:
        if ran.ok:
            return None
        if ran.status == "timeout":
            reason = f"{what} was not done when substrate.seconds={self.settings.seconds:g} were over"
            return Outcome("timeout", evidence={"reason": reason, "log": tail(ran)}, seconds=ran.seconds)
        how = ran.reason.rstrip(".") if ran.code is None and ran.reason else f"it ended with exit code {ran.code}"
        last = tail(ran).strip().splitlines()
        reason = f"{what} failed: {how}" + (f" ({last[-1][:200]})" if last else "")
        return Outcome(status, evidence={"reason": reason, "log": tail(ran)}, seconds=ran.seconds)

    # -- words ---------------------------------------------------------------------------------

    def controls(self) -> Iterable[Control]:
        """A genome that brings its own ruler is refused."""
        lineage = min(self._admitted, default="")
        if lineage and self._ruler:
            cheat = Genome({**self._admitted[lineage], self._ruler[0]: f"echo METRIC {self.settings.metric}=1\n"})
            yield Control(f"rewrites {self._ruler[0]}", "cheat", lineage, cheat)

    def brief(self) -> str:
        return words.brief(self.settings)

    def objections(self, genome: Genome) -> Sequence[str]:
        """Of the files that were changed; one that could not be parsed before need not be now."""
        said = [problem] if (problem := self._scope.problem(genome)) is not None else []
        for path, text in genome.items():
            before = self._scope.texts.get(path)
            if text != before and (problem := unreadable(path, text)) is not None:
                said += [] if before is not None and unreadable(path, before) else [problem]
        return said[:_OBJECTIONS]

    def findings(self, record: Record) -> Findings:
        return words.findings(self.settings, super().findings(record), record)


def _few(metrics: Mapping[str, float]) -> dict[str, float]:
    return dict(list(metrics.items())[:_METRICS])


@cache
def _code() -> str:
    """The hash of the code that reads a score: where it changes, scores are no longer compared."""
    root = resources.files("substrates.command")
    digest = hashlib.sha256()
    for name in ("laying", "parsers", "scope", "substrate"):
        digest.update((root / f"{name}.py").read_bytes())
    return digest.hexdigest()[:16]


def _hardware() -> str:
    """The class of machine: its processor and how many cores we may use."""
    return f"{processor_name()}, {len(os.sched_getaffinity(0))} cores"
