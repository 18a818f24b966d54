"""A run as it is told afterwards: out of its journal alone, nothing evaluated, nothing run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from evolve.ledger import journal, parents
from evolve.scribe import told
from evolve.substrate import Clock, Duel, Findings, Metric
from evolve.workers import Usage

__all__ = ["FAILED", "Asked", "Story", "Try"]

FAILED = ("crash", "timeout", "refused", "invalid")
"""The verdicts of an attempt whose trial gave no score."""


@dataclass(frozen=True)
class Try:
    """One closed attempt. `parents`: commits, its own lineage's first. `noise`: standard error of the effect."""

    commit: str
    parents: tuple[str, ...]
    lineage: str
    generation: int
    verdict: str
    score: float | None
    effect: float | None
    noise: float | None
    alpha: float
    screened: int
    expected: float | None
    kind: str
    hypothesis: str
    reason: str
    genome: str
    parent: str
    seconds: float
    cost: Mapping[str, float]
    differences: int
    donors: tuple[str, ...]
    memory_gb: float | None

    @property
    def evidence(self) -> float | None:
        """The effect in units of its own noise."""
        return None if self.effect is None or not self.noise else self.effect / self.noise


@dataclass(frozen=True)
class Asked:
    """What one language model was asked for, over the whole run: calls that were paid, those that failed, those that
    a cache answered; `usd`: None where its price is not known."""

    model: str
    calls: int = 0
    failed: int = 0
    remembered: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0

    def plus(self, call: Mapping[str, Any]) -> Asked:
        failed, paid, usd = "failed" in call, call.get("paid", True), call.get("usd")
        if not paid:
            return replace(self, remembered=self.remembered + 1)
        return replace(
            self,
            calls=self.calls + 1,
            failed=self.failed + failed,
            prompt_tokens=self.prompt_tokens + call.get("prompt_tokens", 0),
            answer_tokens=self.answer_tokens + call.get("answer_tokens", 0),
            usd=None if usd is None or self.usd is None else self.usd + usd,
            seconds=self.seconds + call.get("seconds", 0.0),
        )


@dataclass(frozen=True)
class Story:
    """`asked`: the language models, by name; `page`: what worked and what didn't, where that was kept; `usage`: of the
    slots, where trials are under a clock of seconds.

    `seeds`: lineage -> commit. `measured`: a generation, lineage -> its champion's score then. `audits`:
    (lineage, genome) -> the score on what was held out. `ended`: why, or None. `baselines`: as `Run` sums them up.
    """

    run: str
    domain: str
    settings: Mapping[str, Any]
    metric: Metric
    clock: Clock
    preflight: Sequence[Mapping[str, Any]]
    seeds: Mapping[str, str]
    measured: Sequence[Mapping[str, float]]
    tries: Sequence[Try]
    generations: int
    seconds: float
    findings: Findings | None
    ended: str | None
    audits: Mapping[tuple[str, str], float | None]
    baselines: Mapping[str, Mapping[str, Any]]
    asked: Sequence[Asked] = ()
    page: str = ""
    usage: Usage | None = None

    @classmethod
    def read(cls, ledger: Path, run: str) -> Story:
        """Raises LedgerError where there is no such run."""
        entries = journal(ledger, run, ("run", "seed", "verdict", "checkpoint", "findings", "call", "page"))
        of: dict[str, list[Any]] = {}
        for entry in entries:
            of.setdefault(entry.kind, []).append(entry)
        commits = [e.attempt for e in of.get("verdict", ()) if e.attempt]
        parents_of = parents(ledger, commits)
        begun = of["run"][0].value if "run" in of else {}
        end = of["findings"][0].value if "findings" in of else None
        points = [e.value for e in of.get("checkpoint", ())]
        used = (end or (points[-1] if points else {})).get("usage")
        return cls(
            run=run,
            domain=begun.get("domain", ""),
            settings=begun.get("settings", {}),
            metric=Metric(**begun["metric"]) if "metric" in begun else Metric("score", "", "higher", ""),
            clock=Clock(**begun["clock"]) if "clock" in begun else Clock(0, "", ""),
            preflight=begun.get("preflight", ()),
            seeds={e.key: e.value["commit"] for e in of.get("seed", ())},
            measured=[
                {name: score for name, score in scores.items() if score is not None}
                for scores in told(points, "scores")
            ],
            tries=tuple(_try(e.value, parents_of) for e in of.get("verdict", ())),
            generations=len(points),
            seconds=points[-1]["seconds"] if points else 0.0,
            findings=Findings.from_json(end["findings"]) if end else None,
            ended=end["reason"] if end else None,
            audits={(name, digest): o["score"] for name, digest, o in end["audits"]} if end else {},
            baselines=end.get("baselines", {}) if end else {},
            asked=_asked(e.value for e in of.get("call", ())),
            page=of["page"][-1].value["text"] if "page" in of else "",
            usage=Usage.from_json(used) if used else None,
        )

    @property
    def floor(self) -> float | None:
        """Standard deviation of the difference between two trials of one genome, as preflight measured it; None where
        that is not known, or effects are not in the score's unit."""
        known = [one["floor"] for one in self.preflight if "floor" in one]
        return float(known[0]) if known and not self.metric.effect else None

    @property
    def kept(self) -> list[Try]:
        return [t for t in self.tries if t.verdict == "keep"]

    @property
    def failed(self) -> list[Try]:
        return [t for t in self.tries if t.verdict in FAILED]

    @property
    def cost(self) -> dict[str, float]:
        """Everything that was paid for, by its unit: what models were asked for and, where none was, what rewrites say.
        `usd` is missing where a price is not known."""
        if not self.asked:
            return _sums(t.cost for t in self.tries)
        money = [a.usd for a in self.asked]
        usd = {} if None in money else {"usd": sum(m for m in money if m is not None)}
        tokens = sum(a.prompt_tokens + a.answer_tokens for a in self.asked)
        return {"calls": sum(a.calls for a in self.asked), "tokens": tokens, **usd}

    @property
    def best(self) -> list[tuple[int, float]]:
        """(generation, its best champion's score), under that generation's conditions."""
        sign = self.metric.sign
        bests = (
            (g, max(scores.values(), key=lambda s: sign * s, default=None)) for g, scores in enumerate(self.measured)
        )
        return [(g, best) for g, best in bests if best is not None]

    @property
    def begins(self) -> list[int]:
        """How many attempts were closed before each generation."""
        counts = [0] * (self.generations + 1)
        for t in self.tries:
            counts[min(t.generation + 1, self.generations)] += 1
        return list(accumulate(counts))

    def chosen_on(self, lineage: str, genome: str) -> float | None:
        """The score that a champion was chosen on: its trial's; where trials have none, when it was first measured. A
        seed's is its first. None where there is none."""
        kept = {(t.lineage, t.genome): t for t in self.kept}.get((lineage, genome))
        if kept is not None and kept.score is not None:
            return kept.score
        when = 0 if kept is None else kept.generation + 1
        return self.measured[when].get(lineage) if when < len(self.measured) else None

    @property
    def standing(self) -> list[tuple[str, float, float]]:
        """(lineage, score that it was chosen on, score on what was held out) of the last champions."""
        last = dict(self.audits.keys())
        found = []
        for lineage, digest in last.items():
            before = self.chosen_on(lineage, digest)
            audit = self.audits[lineage, digest]
            if before is not None and audit is not None:
                found.append((lineage, before, audit))
        return found

    @property
    def per_hour(self) -> float:
        return len(self.tries) / self.seconds * 3600 if self.seconds else 0.0


def _asked(calls: Iterable[Mapping[str, Any]]) -> tuple[Asked, ...]:
    found: dict[str, Asked] = {}
    for call in calls:
        name = call.get("model", "")
        found[name] = found.get(name, Asked(name)).plus(call)
    return tuple(found[name] for name in sorted(found))


def _sums(costs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for cost in costs:
        for unit, amount in cost.items():
            total[unit] = total.get(unit, 0.0) + amount
    return total


def _try(value: Mapping[str, Any], parents_of: Mapping[str, tuple[str, ...]]) -> Try:
    rewrite, duel = value["rewrite"], Duel(**value["duel"])
    noise = math.sqrt(duel.variance / duel.count) if duel.variance is not None else None
    return Try(
        commit=value["commit"],
        parents=parents_of.get(value["commit"], ()),
        lineage=value["lineage"],
        generation=value["generation"],
        verdict=value["verdict"],
        score=value["outcome"]["score"],
        effect=duel.mean,
        noise=noise,
        alpha=value["alpha"],
        screened=rewrite["screened"],
        expected=rewrite["expected"],
        kind=rewrite["kind"],
        hypothesis=rewrite["hypothesis"],
        reason=value["reason"],
        genome=value["genome"],
        parent=value["parent"],
        seconds=value["outcome"]["seconds"],
        cost=rewrite["cost"],
        differences=duel.count,
        donors=tuple(rewrite["donors"]),
        memory_gb=value["outcome"]["metrics"].get("peak_memory_gb"),
    )
