"""A run as it is told afterwards: out of its journal alone, nothing evaluated, nothing run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from evolve.ledger import journal, parents
from evolve.scribe import told
from evolve.substrate import Clock, Duel, Findings, Metric

__all__ = ["FAILED", "Story", "Try"]

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
class Story:
    """`seeds`: lineage -> commit. `measured`: a generation, lineage -> its champion's score then. `audits`:
    (lineage, genome) -> the score on what was held out. `ended`: why, or None. `baselines`: as `Run` sums them up."""

    run: str
    domain: str
    settings: Mapping[str, Any]
    metric: Metric
    clock: Clock
    preflight: Sequence[Mapping[str, str]]
    seeds: Mapping[str, str]
    measured: Sequence[Mapping[str, float]]
    tries: Sequence[Try]
    generations: int
    seconds: float
    findings: Findings | None
    ended: str | None
    audits: Mapping[tuple[str, str], float | None]
    baselines: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, ledger: Path, run: str) -> Story:
        """Raises LedgerError where there is no such run."""
        entries = journal(ledger, run, ("run", "seed", "verdict", "checkpoint", "findings"))
        of: dict[str, list[Any]] = {}
        for entry in entries:
            of.setdefault(entry.kind, []).append(entry)
        commits = [e.attempt for e in of.get("verdict", ()) if e.attempt]
        parents_of = parents(ledger, commits)
        begun = of["run"][0].value if "run" in of else {}
        end = of["findings"][0].value if "findings" in of else None
        points = [e.value for e in of.get("checkpoint", ())]
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
        )

    @property
    def kept(self) -> list[Try]:
        return [t for t in self.tries if t.verdict == "keep"]

    @property
    def failed(self) -> list[Try]:
        return [t for t in self.tries if t.verdict in FAILED]

    @property
    def cost(self) -> dict[str, float]:
        """Everything that was paid for rewrites, by its unit."""
        total: dict[str, float] = {}
        for t in self.tries:
            for unit, amount in t.cost.items():
                total[unit] = total.get(unit, 0.0) + amount
        return total

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

    @property
    def standing(self) -> list[tuple[str, float, float]]:
        """(lineage, score that it was chosen on, score on what was held out) of the last champions."""
        chosen = {(t.lineage, t.genome): t.score for t in self.kept}
        first = self.measured[0] if self.measured else {}
        last = dict(self.audits.keys())
        found = []
        for lineage, digest in last.items():
            before = chosen[lineage, digest] if (lineage, digest) in chosen else first.get(lineage)
            audit = self.audits[lineage, digest]
            if before is not None and audit is not None:
                found.append((lineage, before, audit))
        return found

    @property
    def per_hour(self) -> float:
        return len(self.tries) / self.seconds * 3600 if self.seconds else 0.0


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
