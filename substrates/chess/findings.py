"""What a run has found, in games from openings that nobody chose by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import chess
import chess.svg
import numpy as np

from evolve.substrate import Chart, Findings, Outcome, Picture, Record, Table
from substrates.chess.rating import Rating, Rung, head_to_head

__all__ = ["findings_of"]

_ERROR = 0.05
"""Of the claim that the best champion beats its seed: shared by all that were audited, as any could have been it."""

_BROKEN, _CONTESTS, _SLIPS = 12, 20, 8
"""Rows at most: of reasons, of contests, of slips; what fits a page. An assumption."""

_SEED, _DRAWS = 1, 2000
"""Of the bootstrap, by which equal audits are said equally; draws for an interval of 95 %."""


def findings_of(record: Record, rungs: Mapping[str, Rung] | None = None) -> Findings:
    """The champion that gained most against its seed on held-out openings; every champion in the table."""
    gains = _gains(record)
    tables = (
        _champions(record, gains),
        *_contests(record),
        *_cross(record, rungs),
        *_ladder(record, rungs or {}),
        *_ends(record),
        *_broken(record),
        *_slips(record),
    )
    said: dict[str, Any] = {
        "tables": tables,
        "charts": _ratings(record),
        "pictures": _boards(record),
        "notes": (*_uncounted(record), *_contaminated(record)),
        "scored": "Elo gained, held out",
    }
    if not gains:
        kept = sum(a.verdict == "keep" for a in record.attempts)
        why = "none was kept" if not kept else f"{kept} were kept, and no audit of a champion counts"
        return Findings(
            f"No evidence of a gain: of {len(record.attempts)} attempts {why}.",
            score=None if kept else 0.0,  # every champion is its seed
            helped=False,
            **said,
        )
    name, gain = max(gains.items(), key=lambda item: item[1].elo)
    what = "beats" if gain.low > 0 else "cannot be shown to beat"
    among = len({record.final[lineage].digest for lineage in gains})
    least = "95 % interval" if among == 1 else f"95 % interval, the best of {among} being told,"
    sentence = (
        f"{name} {what} its seed, by {gain.elo:+.0f} Elo ({least} {gain.low:+.0f} to {gain.high:+.0f}) in "
        f"{gain.pairs} pairs of games from openings that nobody chose by."
    )
    figures = {"gain": gain.elo, "gain_low": gain.low, "gain_high": gain.high}
    return Findings(sentence, score=gain.elo, helped=gain.low > 0, figures=figures, **said)


def _gains(record: Record) -> dict[str, Rating]:
    """By lineage, of the champions that are no seeds, each with an interval that holds for all of them together."""
    tallies = {}
    for name, champion in sorted(record.final.items()):
        audit = record.audits.get((name, champion.digest))
        if champion != record.seeds[name] and audit is not None and sum(audit.evidence.get("tally", ())):
            tallies[name] = audit.evidence["tally"]
    distinct = len({record.final[name].digest for name in tallies})
    level = 1 - _ERROR / max(1, distinct)
    draws = _DRAWS * max(1, distinct)  # the tails are that much thinner
    found = {name: head_to_head(tally, np.random.default_rng(_SEED), level, draws) for name, tally in tallies.items()}
    return {name: rating for name, rating in found.items() if rating is not None}


def _champions(record: Record, gains: Mapping[str, Rating]) -> Table:
    columns = (
        "lineage",
        "attempts",
        "kept",
        "seed, Elo",
        "champion, Elo",
        "gain on held-out openings",
        "interval",
        "pairs",
    )
    rows = []
    for name in sorted(record.final):
        attempts = [a for a in record.attempts if a.lineage == name]
        kept = sum(a.verdict == "keep" for a in attempts)
        rows.append((name, len(attempts), kept, *_first_and_last(record, name), *_said(gains.get(name))))
    return Table("Champions", columns, tuple(rows))


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


def _said(gain: Rating | None) -> tuple[str, str, str]:
    if gain is None:
        return "", "", ""
    return f"{gain.elo:+.0f}", f"{gain.low:+.0f} to {gain.high:+.0f}", str(gain.pairs)


def _contests(record: Record) -> tuple[Table, ...]:
    """Child against parent: how often a pair gave the child 0, 1/2, 1, 3/2 and 2 points; the kept first."""
    order = {"keep": 0, "undecided": 1, "discard": 2}
    fought = [a for a in record.attempts if sum(a.duel.tally)]
    fought.sort(key=lambda a: (order.get(a.verdict, 3), -a.duel.count))
    rows = []
    for a in fought[:_CONTESTS]:
        rating = head_to_head(a.duel.tally, np.random.default_rng(_SEED))
        elo = "" if rating is None else f"{rating.elo:+.0f} ({rating.low:+.0f} to {rating.high:+.0f})"
        rows.append((a.generation, a.lineage, a.verdict, a.duel.count, *a.duel.tally, elo, a.rewrite.hypothesis[:80]))
    points = ("0", "½", "1", "1½", "2")
    columns = ("generation", "lineage", "verdict", "pairs", *points, "Elo, as chosen", "what was tried")
    return (Table("Children against their parents", columns, tuple(rows)),) if rows else ()


def _cross(record: Record, rungs: Mapping[str, Rung] | None) -> tuple[Table, ...]:
    """Champions as they were last measured against whom they met then: points of games."""
    rows: dict[int, tuple[list[str], Outcome]] = {}
    for name, outcome in sorted(record.outcomes[-1].items()) if record.outcomes else ():
        if outcome.evidence.get("met"):
            rows.setdefault(id(outcome), ([], outcome))[0].append(name)
    met = {other for _, outcome in rows.values() for other in outcome.evidence["met"]}
    others = sorted(met, key=lambda name: (rungs[name].elo if rungs and name in rungs else 0.0, name))
    if not others:
        return ()
    cells = tuple(
        (", ".join(names), *(_points(outcome.evidence["met"].get(other, ())) for other in others))
        for names, outcome in rows.values()
    )
    return (Table("Cross table: points of games", ("champion", *others), cells),)


def _ladder(record: Record, rungs: Mapping[str, Rung]) -> tuple[Table, ...]:
    """The rungs that were met, and what champions made there in all measurements."""
    made: dict[str, Counter[int]] = {}
    for outcome in _measured(record):
        for rung, tally in outcome.evidence.get("met", {}).items():
            made.setdefault(rung, Counter()).update(dict(enumerate(tally)))
    rows = tuple(
        (rung.name, round(rung.elo), f"{rung.error:.0f}", _points([made[rung.name][k] for k in range(5)]))
        for rung in sorted(rungs.values(), key=lambda rung: rung.elo)
        if rung.name in made
    )
    columns = ("rung", "Elo", "standard error", "champions' points of games")
    return (Table("The ladder", columns, rows),) if rows else ()


def _points(tally: Sequence[int]) -> str:
    points = sum(k * n for k, n in enumerate(tally)) / 2
    return f"{points:g} of {2 * sum(tally)}" if sum(tally) else ""


def _broken(record: Record) -> tuple[Table, ...]:
    """Attempts that played no game which counts, and why."""
    counts = Counter((a.verdict, a.reason[:100]) for a in record.attempts if not sum(a.duel.tally))
    rows = sorted(((n, verdict, why) for (verdict, why), n in counts.items()), reverse=True)[:_BROKEN]
    return (Table("Attempts without a game that counts", ("attempts", "verdict", "why"), tuple(rows)),) if rows else ()


def _ends(record: Record) -> tuple[Table, ...]:
    """How the games of measured champions ended, once for each measurement."""
    counts: Counter[str] = Counter()
    for outcome in _measured(record):
        counts.update(outcome.evidence.get("play", {}).get("ends", {}))
    rows = tuple((end, count) for end, count in counts.most_common())
    return (Table("How champions' games ended", ("end", "games"), rows),) if rows else ()


def _worst(record: Record) -> list[Mapping[str, Any]]:
    """The moves that cost champions most, by the referee; each position once."""
    found = {slip["fen"]: slip for outcome in _measured(record) for slip in outcome.evidence.get("slips", ())}
    return sorted(found.values(), key=lambda slip: (-slip["lost"], slip["fen"]))[:_SLIPS]


def _slips(record: Record) -> tuple[Table, ...]:
    rows = tuple((s["fen"], s["played"], s["better"], s["lost"]) for s in _worst(record))
    return (Table("Moves that lost games", ("position", "played", "better", "centipawns"), rows),) if rows else ()


def _boards(record: Record) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            "Where games were lost",
            f"{'White' if board.turn else 'Black'} played {_san(board, slip['played'])} (red); "
            f"{_san(board, slip['better'])} (green) is {slip['lost'] / 100:.1f} pawns better.",
            _drawn(board, slip),
        )
        for slip in _worst(record)
        for board in [chess.Board(slip["fen"])]
    )


def _san(board: chess.Board, move: str) -> str:
    return board.san(chess.Move.from_uci(move))


def _drawn(board: chess.Board, slip: Mapping[str, Any]) -> str:
    played, better = chess.Move.from_uci(slip["played"]), chess.Move.from_uci(slip["better"])
    arrows = [
        chess.svg.Arrow(move.from_square, move.to_square, color=color)
        for move, color in ((played, "red"), (better, "green"))
    ]
    return str(chess.svg.board(board, orientation=board.turn, arrows=arrows, size=360))


def _uncounted(record: Record) -> tuple[str, ...]:
    """Champions whose audit failed, and why: they are in no interval."""
    failed = [
        (name, record.audits[name, champion.digest])
        for name, champion in sorted(record.final.items())
        if (name, champion.digest) in record.audits and not record.audits[name, champion.digest].ok
    ]
    return tuple(
        f"The audit of {name} does not count: {audit.status}, {audit.reason or 'without a reason'}."
        for name, audit in failed
    )


def _contaminated(record: Record) -> tuple[str, ...]:
    """Games in which a program computed too little on its moves: if the machine was busy, ratings are noisier."""
    outcomes = [*_measured(record), *{id(o): o for o in record.audits.values()}.values()]
    games, flagged = (round(sum(o.metrics.get(key, 0.0) for o in outcomes)) for key in ("games", "contaminated"))
    if not flagged:
        return ()
    return (
        f"In {flagged} of {games} games of gauntlets and audits an engine computed for less than three quarters of its "
        "time: the machine was busy with other work, or it waited.",
    )


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
    return (Chart("Rating over generations", said, tuple(range(len(found))), "Elo", tuple(lines)),)
