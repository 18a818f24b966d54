"""What a run has found, on text that nobody chose by."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from evolve.substrate import Chart, Findings, Outcome, Record, Table

__all__ = ["findings_of", "gain_of"]

LEVEL = 0.95

_GRID = tuple(range(0, 101, 4))
"""Percent of the clock, where curves of different trainings are compared."""


def findings_of(record: Record) -> Findings:
    """The champion that was best where it was chosen, judged on the audit split; every champion in the table."""
    rows, best = [], None
    for name, champion in sorted(record.final.items()):
        seed = record.seeds[name]
        before, after = record.audits.get((name, seed.digest)), record.audits.get((name, champion.digest))
        gain = gain_of(before, after)
        attempts = [a for a in record.attempts if a.lineage == name]
        kept = [a for a in attempts if a.verdict == "keep"]
        score = kept[-1].outcome.score if kept else None
        if champion != seed and gain is not None and score is not None and (best is None or score < best[0]):
            best = (score, name, gain, after.score if after is not None else None)
        rows.append(
            (
                name,
                len(attempts),
                len(kept),
                _score(before),
                _score(after),
                *_said(gain, champion != seed),
                *_speed(after),
            )
        )
    tables = [
        Table(
            "Champions, on text that nobody chose by",
            (
                "lineage",
                "attempts",
                "kept",
                "seed, bits/byte",
                "champion, bits/byte",
                "gain",
                f"{LEVEL:.0%} interval",
                "tokens/s",
                "MFU",
                "memory, GB",
            ),
            tuple(rows),
        ),
        *_failures(record),
    ]
    charts = _curves(record, None if best is None else best[1])
    tried = len(record.attempts)
    if best is None:
        sentence = f"No evidence of a gain: none of {tried} attempts was kept and audited."
        return Findings(sentence, helped=False, tables=tuple(tables), charts=charts)
    _, name, (mean, low, high), score = best
    what = "lowers" if low > 0 else "cannot be shown to lower"
    sentence = (
        f"{name} {what} the bits per byte of its seed by {mean:.4f} ({LEVEL:.0%} interval {low:.4f} to {high:.4f}) on "
        f"text that nobody chose by."
    )
    figures = {"gain": mean, "gain_low": low, "gain_high": high}
    return Findings(sentence, score=score, helped=low > 0, figures=figures, tables=tuple(tables), charts=charts)


def gain_of(seed: Outcome | None, champion: Outcome | None) -> tuple[float, float, float] | None:
    """Bits per byte less than the seed's over trainings with equal seeds: mean, and a two-sided t interval."""
    if seed is None or champion is None or not seed.ok or not champion.ok:
        return None
    before, after = seed.evidence.get("trainings", ()), champion.evidence.get("trainings", ())
    if len(before) != len(after) or len(before) < 2:
        return None
    gains = np.asarray(before, float) - np.asarray(after, float)
    mean, error = float(gains.mean()), float(gains.std(ddof=1)) / math.sqrt(len(gains))
    half = float(student.ppf((1 + LEVEL) / 2, len(gains) - 1)) * error
    return mean, mean - half, mean + half


def _said(gain: tuple[float, float, float] | None, changed: bool) -> tuple[str, str]:
    if not changed or gain is None:
        return "", ""
    mean, low, high = gain
    return f"{mean:.4f}", f"{low:.4f} to {high:.4f}"


def _score(outcome: Outcome | None) -> str:
    return "" if outcome is None or outcome.score is None else f"{outcome.score:.4f}"


def _speed(outcome: Outcome | None) -> tuple[str, str, str]:
    metrics = {} if outcome is None else outcome.metrics
    use = metrics.get("mfu_percent")
    return (
        f"{metrics['tokens_per_second']:,.0f}" if "tokens_per_second" in metrics else "",
        "" if use is None else f"{use:.0f} %",
        f"{metrics['peak_memory_gb']:.1f}" if "peak_memory_gb" in metrics else "",
    )


def _failures(record: Record) -> Sequence[Table]:
    """Why trials ended without a score, most often first."""
    counts: dict[tuple[str, str], int] = {}
    for attempt in record.attempts:
        if not attempt.outcome.ok:
            reason = attempt.outcome.reason[:160]
            counts[attempt.outcome.status, reason] = counts.get((attempt.outcome.status, reason), 0) + 1
    if not counts:
        return ()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = tuple((count, status, reason) for (status, reason), count in ordered[:12])
    return (Table("Trials that ended without a score", ("trials", "status", "why"), rows),)


def _curves(record: Record, best: str | None) -> tuple[Chart, ...]:
    """The best score over the attempts; and, where something was kept, how the best champion trains beside its seed."""
    charts = [_over_attempts(record)] if record.attempts else []
    if best is not None:
        outcomes = {
            "seed": record.audits.get((best, record.seeds[best].digest)),
            best: record.audits.get((best, record.final[best].digest)),
        }
        lines = [(name, _on_grid(o.evidence["curve"])) for name, o in outcomes.items() if o and o.evidence.get("curve")]
        if lines:
            said = "Training loss over the clock, as the genomes say it themselves; what is scored is other text."
            charts.append(Chart("How they train", said, tuple(_GRID), "nats/token", tuple(lines[::-1])))
    return tuple(charts)


def _over_attempts(record: Record) -> Chart:
    first = [o.score for o in record.outcomes[0].values() if o.score is not None] if record.outcomes else []
    best, standing = min(first, default=math.inf), []
    for attempt in record.attempts:
        score = attempt.outcome.score
        if attempt.verdict == "keep" and score is not None:
            best = min(best, score)
        standing.append(best if math.isfinite(best) else None)
    return Chart(
        "The best score over attempts",
        "The lowest bits per byte of a seed or a kept attempt, each in its own first trial; one trial is noisy.",
        tuple(range(1, len(standing) + 1)),
        "bits/byte",
        (("best kept", tuple(standing)),),
    )


def _on_grid(curve: Sequence[Sequence[float]]) -> tuple[float | None, ...]:
    """Nats per token at shares of the curve's length."""
    seconds, nats = np.asarray(curve, float)[:, 0], np.asarray(curve, float)[:, 2]
    return tuple(round(float(v), 4) for v in np.interp(np.asarray(_GRID) / 100 * seconds[-1], seconds, nats))
