"""What a run has found, in games from openings that nobody chose by."""

from __future__ import annotations

from evolve.substrate import Findings, Outcome, Record, Table

__all__ = ["findings_of"]


def findings_of(record: Record) -> Findings:
    """The champion that gained most against its seed on held-out openings; every champion in the table."""
    rows, best = [], None
    for name, champion in sorted(record.final.items()):
        seed = record.seeds[name]
        audit = record.audits.get((name, champion.digest))
        attempts = [a for a in record.attempts if a.lineage == name]
        kept = [a for a in attempts if a.verdict == "keep"]
        gain = _gain(audit) if champion != seed else None
        if gain is not None and (best is None or gain[1] > best[1][1]):
            best = (name, gain)
        rows.append((name, len(attempts), len(kept), *_first_and_last(record, name), *_said(gain)))
    columns = (
        "lineage",
        "attempts",
        "kept",
        "seed, Elo",
        "champion, Elo",
        "gain on held-out openings",
        "95 %",
        "pairs",
    )
    tables = (Table("Champions", columns, tuple(rows)), *_broken(record))
    if best is None:
        sentence = f"No evidence of a gain: none of {len(record.attempts)} attempts was kept and audited."
        return Findings(sentence, helped=False, tables=tables)
    name, (mean, low, high, pairs) = best
    what = "beats" if low > 0 else "cannot be shown to beat"
    sentence = (
        f"{name} {what} its seed, by {mean:+.0f} Elo (95 % interval {low:+.0f} to {high:+.0f}) in {pairs} pairs of "
        "games from openings that nobody chose by."
    )
    figures = {"gain": mean, "gain_low": low, "gain_high": high}
    return Findings(sentence, score=mean, helped=low > 0, figures=figures, tables=tables)


def _gain(audit: Outcome | None) -> tuple[float, float, float, int] | None:
    if audit is None or not audit.ok or "gain" not in audit.metrics:
        return None
    m = audit.metrics
    return m["gain"], m["gain_low"], m["gain_high"], round(m["pairs"])


def _first_and_last(record: Record, name: str) -> tuple[str, str]:
    """Ratings with their intervals, when first and last measured."""
    found = [outcomes[name] for outcomes in record.outcomes if name in outcomes]
    return _rating(found[0] if found else None), _rating(found[-1] if found else None)


def _rating(outcome: Outcome | None) -> str:
    if outcome is None or outcome.score is None:
        return ""
    if "elo_low" not in outcome.metrics:
        return f"{outcome.score:.0f}"
    return f"{outcome.score:.0f} ({outcome.metrics['elo_low']:.0f} to {outcome.metrics['elo_high']:.0f})"


def _said(gain: tuple[float, float, float, int] | None) -> tuple[str, str, str]:
    if gain is None:
        return "", "", ""
    mean, low, high, pairs = gain
    return f"{mean:+.0f}", f"{low:+.0f} to {high:+.0f}", str(pairs)


def _broken(record: Record) -> tuple[Table, ...]:
    """Attempts that played no game, and why."""
    counts: dict[tuple[str, str], int] = {}
    for attempt in record.attempts:
        if not attempt.outcome.ok:
            why = str(attempt.outcome.evidence.get("reason", ""))[:100]
            counts[attempt.outcome.status, why] = counts.get((attempt.outcome.status, why), 0) + 1
    rows = sorted(((n, status, why) for (status, why), n in counts.items()), reverse=True)[:12]
    return (Table("Engines that played no game", ("attempts", "status", "why"), tuple(rows)),) if rows else ()
