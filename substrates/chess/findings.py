"""What a run has found, in games from openings that nobody chose by."""

from __future__ import annotations

from collections import Counter

from evolve.substrate import Chart, Findings, Outcome, Record, Table

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
    tables = (Table("Champions", columns, tuple(rows)), *_broken(record), *_ends(record), *_slips(record))
    charts = _ratings(record)
    if best is None:
        sentence = f"No evidence of a gain: none of {len(record.attempts)} attempts was kept and audited."
        return Findings(sentence, helped=False, tables=tables, charts=charts)
    name, (mean, low, high, pairs) = best
    what = "beats" if low > 0 else "cannot be shown to beat"
    sentence = (
        f"{name} {what} its seed, by {mean:+.0f} Elo (95 % interval {low:+.0f} to {high:+.0f}) in {pairs} pairs of "
        "games from openings that nobody chose by."
    )
    figures = {"gain": mean, "gain_low": low, "gain_high": high}
    return Findings(sentence, score=mean, helped=low > 0, figures=figures, tables=tables, charts=charts)


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


def _ends(record: Record) -> tuple[Table, ...]:
    """How the games of measured champions ended, once for each measurement."""
    counts: Counter[str] = Counter()
    for outcome in _measured(record):
        counts.update(outcome.evidence.get("play", {}).get("ends", {}))
    rows = tuple((end, count) for end, count in counts.most_common())
    return (Table("How champions' games ended", ("end", "games"), rows),) if rows else ()


def _slips(record: Record) -> tuple[Table, ...]:
    """The moves that cost champions most, by the referee; the positions as FEN."""
    found = {
        (s["fen"], s["played"], s["better"], s["lost"]) for o in _measured(record) for s in o.evidence.get("slips", ())
    }
    rows = tuple(sorted(found, key=lambda slip: (-slip[3], slip[0]))[:8])
    return (Table("Moves that lost games", ("position", "played", "better", "centipawns"), rows),) if rows else ()


def _measured(record: Record) -> list[Outcome]:
    """Each measurement once, however long it stood; copies of one engine share theirs."""
    return list({id(o): o for outcomes in record.outcomes for o in outcomes.values()}.values())


def _ratings(record: Record) -> tuple[Chart, ...]:
    """Of the champion that stands highest at the end, over the generations."""
    last = record.outcomes[-1] if record.outcomes else {}
    rated = {name: o.score for name, o in last.items() if o.score is not None}
    if len(record.outcomes) < 2 or not rated:
        return ()
    name = max(rated, key=lambda lineage: rated[lineage])
    found = [outcomes.get(name) for outcomes in record.outcomes]
    lines = [("rating", tuple(None if o is None else o.score for o in found))]
    for key, said in (("elo_low", "95 % low"), ("elo_high", "95 % high")):
        lines.append((said, tuple(None if o is None else o.metrics.get(key) for o in found)))
    said = f"{name}, which stands highest at the end: Elo on this scale, with its interval."
    return (Chart("Rating over generations", said, tuple(range(1, len(found) + 1)), "Elo", tuple(lines)),)
