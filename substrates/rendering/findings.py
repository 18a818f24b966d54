"""What a rendering run has found, on jobs that nobody saw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from evolve.substrate import Findings, Metric, Outcome, Record, Table

__all__ = ["findings_of", "gain_of"]

LEVEL = 0.95


def findings_of(record: Record, metric: Metric, task: str) -> Findings:
    """The champion that was best where it was chosen, judged where it was not; every champion in the table."""
    rows, best = [], None
    standing = _standing(record)
    for name, champion in sorted(record.final.items()):
        seed = record.seeds[name]
        gain = gain_of(record.audits.get((name, seed.digest)), record.audits.get((name, champion.digest)))
        kept = sum(a.verdict == "keep" and a.lineage == name for a in record.attempts)
        score = standing.get(name)
        if champion != seed and gain is not None and score is not None and (best is None or score < best[0]):
            best = (score, name, gain, record.audits[name, champion.digest].score)
        audits = [record.audits.get((name, genome.digest)) for genome in (seed, champion)]
        beside = [
            _beside_work(audits, what) if champion != seed else "" for what in ("allocations_per_job", "ms_per_job")
        ]
        rows.append((name, kept, _number(score), *_said(gain, champion != seed), *beside))
    tables = [
        Table(
            "What was kept, on jobs that nobody saw",
            (
                "lineage",
                "kept",
                f"{metric.unit}, chosen on",
                "less work, held out",
                f"{LEVEL:.0%} interval",
                "allocations/job",
                "ms/job",
            ),
            tuple(rows),
        ),
        _beside(record, metric),
    ]
    tried = len(record.attempts)
    if best is None:
        sentence = f"No evidence of a gain: none of {tried} attempts on the {task} engine was kept and audited."
        return Findings(sentence, helped=False, tables=tuple(t for t in tables if t.rows))
    _, name, (mean, low, high), work = best
    helped = low > 0
    what = "does" if helped else "cannot be shown to do"
    sentence = (
        f"{name} {what} {_percent(mean)} less work than its seed on jobs that nobody saw "
        f"({LEVEL:.0%} interval {_percent(low)} to {_percent(high)})."
    )
    figures = {"gain": mean, "gain_low": low, "gain_high": high}
    return Findings(sentence, score=work, helped=helped, figures=figures, tables=tuple(t for t in tables if t.rows))


def gain_of(seed: Outcome | None, champion: Outcome | None) -> tuple[float, float, float] | None:
    """Log ratio of work over the same audit blocks: mean, and a two-sided t interval. None without both."""
    if seed is None or champion is None or not seed.ok or not champion.ok:
        return None
    before, after = seed.evidence.get("blocks", ()), champion.evidence.get("blocks", ())
    if len(before) != len(after) or len(before) < 2 or min([*before, *after]) <= 0:
        return None
    gains = np.log(np.asarray(before, float) / np.asarray(after, float))
    mean, error = float(gains.mean()), float(gains.std(ddof=1)) / math.sqrt(len(gains))
    half = float(student.ppf((1 + LEVEL) / 2, len(gains) - 1)) * error
    return mean, mean - half, mean + half


def _beside(record: Record, metric: Metric) -> Table:
    """The best score by generation's end: this run, and the same number of trials by other rules."""
    rows: list[tuple[str, int, int, str]] = [_row("this run", record)]
    rows += [_row(name.replace("_", " "), other) for name, other in sorted(record.baselines.items())]
    return Table(
        "Beside other rules, at the same number of generations",
        ("rule", "attempts", "kept", f"best {metric.unit}, chosen on"),
        tuple(rows),
    )


def _row(name: str, record: Record) -> tuple[str, int, int, str]:
    kept = sum(a.verdict == "keep" for a in record.attempts)
    return name, len(record.attempts), kept, _number(min(_standing(record).values(), default=None))


def _standing(record: Record) -> dict[str, float]:
    """The last champions' scores: of their own trials, or, where it is still the seed, as it was measured first."""
    first = record.outcomes[0] if record.outcomes else {}
    scores = {(n, record.seeds[n].digest): o.score for n, o in first.items()}
    scores.update({(a.lineage, a.genome.digest): a.outcome.score for a in record.attempts if a.verdict == "keep"})
    known = {name: scores.get((name, champion.digest)) for name, champion in record.final.items()}
    return {name: score for name, score in known.items() if score is not None}


def _said(gain: tuple[float, float, float] | None, changed: bool) -> tuple[str, str]:
    if not changed or gain is None:
        return "", ""
    mean, low, high = gain
    return _percent(mean), f"{_percent(low)} to {_percent(high)}"


def _beside_work(audits: Sequence[Outcome | None], what: str) -> str:
    """Of the seed and of its champion; time is rough, it is here to be looked at."""
    found: list[float | None] = [{**o.evidence, **o.metrics}.get(what) if o is not None else None for o in audits]
    return " to ".join("?" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in found)


def _percent(gain: float) -> str:
    """Of a log ratio of work: how much less."""
    return f"{100 * (1 - math.exp(-gain)):.1f} %"


def _number(score: float | None) -> str:
    return "" if score is None else f"{score:.4g}"
