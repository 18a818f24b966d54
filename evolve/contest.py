"""A contest: the challengers of one rewrite against their incumbent, bout by bout, at most one keep."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evolve.acceptance import Acceptance
from evolve.genome import Genome
from evolve.memory import Memory
from evolve.substrate import Bout, Case, Conditions, Duel, Outcome, Rewrite, Substrate, content_key
from evolve.workers import RecordedBench

__all__ = ["Challenger", "Contest", "Ring"]

Standing = Literal["open", "keep", "discard"]


@dataclass(frozen=True)
class Challenger:
    """One rewrite in a contest: its trial's outcome, its duel so far, where it stands.

    `trial`: the key under which the outcome is remembered. `parents` are the commits of its genetic parents as they
    were when it was written, its own lineage first.
    """

    rewrite: Rewrite
    outcome: Outcome
    trial: str = ""
    parents: tuple[str, ...] = ()
    duel: Duel = field(default_factory=Duel)
    standing: Standing = "open"
    note: str = ""  # what closed it, where that was not its duel

    @property
    def verdict(self) -> str:
        """As it would be recorded now: a failing status before anything else."""
        if not self.outcome.ok:
            return self.outcome.status
        if self.duel.failed:
            return self.duel.failed
        return "undecided" if self.standing == "open" else self.standing


@dataclass(frozen=True)
class Contest:
    """`alpha` was given when it opened; `bouts` counts those fought, over all generations it was open."""

    lineage: str
    generation: int
    incumbent: Genome
    segment: str
    alpha: float
    challengers: tuple[Challenger, ...]
    bouts: int = 0

    @property
    def open(self) -> bool:
        return any(c.standing == "open" for c in self.challengers)

    @property
    def winner(self) -> Challenger | None:
        return next((c for c in self.challengers if c.standing == "keep"), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "lineage": self.lineage,
            "generation": self.generation,
            "incumbent": self.incumbent.digest,
            "segment": self.segment,
            "alpha": self.alpha,
            "bouts": self.bouts,
            "challengers": [
                {
                    "rewrite": c.rewrite.to_json(),
                    "trial": c.trial,
                    "parents": list(c.parents),
                    "duel": dict(vars(c.duel)),
                    "standing": c.standing,
                }
                for c in self.challengers
            ],
        }

    @classmethod
    def from_json(
        cls, value: Mapping[str, Any], genomes: Mapping[str, Genome], outcomes: Mapping[str, Outcome]
    ) -> Contest:
        challengers = tuple(
            Challenger(
                Rewrite.from_json(c["rewrite"], genomes[c["rewrite"]["genome"]]),
                outcomes[c["trial"]],
                c["trial"],
                tuple(c["parents"]),
                Duel(**c["duel"]),
                c["standing"],
            )
            for c in value["challengers"]
        )
        return cls(
            value["lineage"],
            value["generation"],
            genomes[value["incumbent"]],
            value["segment"],
            value["alpha"],
            challengers,
            value["bouts"],
        )


@dataclass(frozen=True)
class Ring:
    """Where contests are fought: one generation's conditions and team, and who may decide.

    `tried`: the digests of every genome before this generation, which adds its own when it closes.
    """

    substrate: Substrate
    bench: RecordedBench
    memory: Memory
    acceptance: Acceptance
    conditions: Conditions
    champions: Mapping[str, Genome]
    bouts: int
    tried: Set[str] = frozenset()

    def case(self, lineage: str, genome: Genome, stream: str, repeat: int = 0) -> Case:
        return Case(genome, lineage, self.conditions, stream, repeat, self.team(lineage))

    def team(self, lineage: str) -> dict[str, Genome]:
        """The other champions, where they matter."""
        others = self.champions.items() if self.substrate.uses_team else ()
        return {name: genome for name, genome in others if name != lineage}

    def fight(self, contest: Contest) -> Contest:
        """Bouts until a decision, or until this generation's bouts or clock, or the evidence, are used up."""
        clock = self.substrate.clock.budget
        for left in reversed(range(self.bouts)):
            if not contest.open:
                break
            contest, used = self._bout(contest, left)
            clock -= used
            if (used and clock <= 0) or all(c.duel.exhausted for c in contest.challengers if c.standing == "open"):
                break
        return contest

    def goes_on(self, contest: Contest) -> bool:
        """Is it worth another generation? Not where the evidence is used up, or the test expects no keep any more."""
        return any(
            c.standing == "open" and not c.duel.exhausted and self.acceptance.promising(c.duel, contest.alpha)
            for c in contest.challengers
        )

    def _bout(self, contest: Contest, left: int) -> tuple[Contest, float]:
        """One bout, and what it used of the clock; `left`: how many may follow it."""
        live = [i for i, c in enumerate(contest.challengers) if c.standing == "open"]
        base, *cases = self._cases(contest, live, contest.bouts)
        later = [self._cases(contest, live, contest.bouts + n) for n in range(1, left + 1)] if self.waits else []
        found = self.compare(base, cases, later)
        challengers = list(contest.challengers)
        for i, bout in zip(live, found, strict=True):
            challengers[i] = self._judge(challengers[i], challengers[i].duel.fold(bout), contest.alpha)
        after = replace(contest, challengers=_crown_one(challengers), bouts=contest.bouts + 1)
        return after, max((bout.clock for bout in found), default=0.0)

    @property
    def waits(self) -> bool:
        """Are trials worth running ahead: do they take their time, and does a bout not decide all?"""
        return self.substrate.clock.timed and not self.substrate.deterministic

    def _cases(self, contest: Contest, live: Sequence[int], repeat: int) -> list[Case]:
        """The incumbent's, then those of the challengers that are live."""
        # The stream is the incumbent's own: the trials that crowned it are in its parent's stream.
        stream = f"duel {contest.incumbent.digest[:12]}"
        genomes = [contest.incumbent, *(contest.challengers[i].rewrite.genome for i in live)]
        return [self.case(contest.lineage, genome, stream, repeat) for genome in genomes]

    def _judge(self, challenger: Challenger, duel: Duel, alpha: float) -> Challenger:
        decision = self.acceptance.decide(duel, alpha)
        standing: Standing = "open" if decision == "more" else decision
        return replace(challenger, duel=duel, standing=standing)

    def compare(self, base: Case, cases: list[Case], later: Sequence[Sequence[Case]] = ()) -> list[Bout]:
        """One bout, remembered. `later`: base and cases of those that may follow."""
        # Of this lineage: a twin with the same champion and the same edit fights bouts of its own, which may differ.
        key = content_key("bout", base.lineage, *(self.bench.key(c) for c in [base, *cases]))
        found = self.memory.bouts(key)
        if found is None:
            started = time.perf_counter()
            ahead = [case for base_then, *then in later for case in self.substrate.ahead(base_then, then)]
            with self.bench.ahead(ahead):
                found = self.substrate.compare(base, cases, self.bench)
            if self.substrate.clock.timed:
                self.bench.clocked(sum(bout.clock for bout in found))
            self.memory.add_bouts(key, base.lineage, found, round(time.perf_counter() - started, 6))
        return found

    def confirm(self, contest: Contest) -> Contest:
        """Once more, inside the team of all kept children: a non-positive effect discards."""
        winner = contest.winner
        if winner is None:
            return contest
        base = self.case(contest.lineage, contest.incumbent, "confirm", contest.generation)
        case = self.case(contest.lineage, winner.rewrite.genome, "confirm", contest.generation)
        (bout,) = self.compare(base, [case])
        if bout.count and bout.total > 0 and not bout.failed:
            return contest
        return replace(
            contest,
            challengers=tuple(
                replace(c, standing="discard", note=f"undone by the other children: {_said(bout)}")
                if c is winner
                else c
                for c in contest.challengers
            ),
        )


def _said(bout: Bout) -> str:
    if bout.failed or not bout.count:
        return bout.reason or bout.failed or "no paired evidence in the team of all"
    return f"mean paired difference {bout.total / bout.count:.3g} in the team of all"


def _crown_one(challengers: list[Challenger]) -> tuple[Challenger, ...]:
    """The first keep closes the contest; the larger mean wins a tie."""
    kept = [c for c in challengers if c.standing == "keep"]
    if not kept:
        return tuple(challengers)
    best = max(kept, key=lambda c: c.duel.mean or 0.0)
    return tuple(c if c is best else replace(c, standing="discard") for c in challengers)
