"""What the domain says: its metric, its remarks, what a mutator is told, what a run has found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from evolve.substrate import Findings, GenomeSettings, Metric, Record, Table
from substrates.command.ends import fraction
from substrates.command.repository import Base
from substrates.command.scope import Scope
from substrates.command.settings import CommandSettings

__all__ = ["brief", "findings", "metric", "remarks"]

_PROMPT = 8000
"""Characters of a session's prompt that a mutator is told (an assumption: it holds what was tried, without end)."""


def metric(settings: CommandSettings) -> Metric:
    gate = "nothing else, for no check is set"
    if settings.check or settings.audit:
        gate = "a hidden check that no genome and no mutator sees" if settings.audit else "the check command"
    return Metric(
        name=settings.metric or "",
        unit=settings.unit or "as the command reports it",
        better="higher" if settings.direction == "higher" else "lower",
        honest="The measuring command runs the genome, so code could print or write a number of its own, skip work or "
        "notice that it is measured; what stops it is that the ruler is laid anew for every run, that exactly one "
        f"value counts, and {gate}; read a kept change before you merge it.",
        effect="logarithm of the ratio: 0.01 is one percent" if settings.scale == "log" else "",
    )


def brief(settings: CommandSettings) -> str:
    added = "files may be added where they match" if settings.new_files else "no file may be added"
    said = [
        f"Improve {settings.metric} of this repository ({settings.direction} is better), as `{settings.measure}` "
        f"reports it. Only the files shown may be edited, and {added}; everything else, what measures and checks "
        "included, is put back before each trial.",
        f"A trial has {settings.seconds:g} seconds for all of it, in a copy of its own, with no network to count on."
        + ("" if settings.deterministic else " Change and original are measured in turns, so only a real gain counts."),
    ]
    if settings.check:
        said.append(f"`{settings.check}` must still end with 0.")
    if settings.audit:
        said.append("A hidden check, which nobody sees, must pass too: keep the program right, not only the check.")
    if settings.brief:
        said.append(settings.brief[:_PROMPT])
    return "\n\n".join(said)


def remarks(
    settings: CommandSettings,
    base: Base,
    scope: Scope,
    genome: GenomeSettings,
    ruler: Sequence[str],
    laid: Mapping[str, bytes],
) -> Sequence[str]:
    """What a person should know of the choice of commands and files."""
    texts = scope.texts
    size = sum(map(len, texts.values()))
    found = [f"{base.place} at {base.commit[:10]}: {len(texts)} files may be edited, {size:,} characters"]
    globs = genome.globs
    kept_out = [path for path in ruler if path in globs]
    if kept_out:
        found.append(f"not editable though the globs match, for they measure or check: {_list(kept_out)}")
    unread = [p for p in base.tracked if p in globs and p not in texts and p not in ruler]
    if unread:
        found.append(f"not editable though the globs match, for they are no text of under 256 kB: {_list(unread)}")
    named = [p for p in texts if any(p in script for script in _scripts(base, ruler, laid))]
    if named:
        found.append(
            f"named in a measuring or checking script, yet editable: {_list(named)}. Is one a ruler? genome.exclude"
        )
    if unchecked := _unchecked(settings):
        found.append(f"{unchecked} Name a command that fails where it is not: substrate.check=…")
    if base.untracked:
        found.append(f"{base.untracked} files of {base.place} are not tracked, so no trial has them")
    if (base.tree / ".gitmodules").is_file():
        found.append("submodules stay empty in a trial")
    return found


def _unchecked(settings: CommandSettings) -> str:
    if settings.check or settings.audit:
        return ""
    return "NOTHING CHECKS that the program is still right, and the cheapest program does nothing."


def _scripts(base: Base, ruler: Sequence[str], laid: Mapping[str, bytes]) -> list[str]:
    return [base.text(path) or "" for path in {*ruler, *laid} if path.endswith((".sh", ".bash")) or "." not in path]


def _list(paths: Collection[str]) -> str:
    shown = ", ".join(sorted(paths)[:6])
    return shown if len(paths) <= 6 else f"{shown} and {len(paths) - 6} more"


def findings(settings: CommandSettings, plain: Findings, record: Record) -> Findings:
    """The gain of a lineage is the product of its kept changes' own duels, never of lucky scores."""
    gains = {name: _gain(settings, record, name) for name in sorted(record.final)}
    rows, notes = [], []
    for name, (count, gain) in gains.items():
        audit = record.audits.get((name, record.final[name].digest))
        said = "" if audit is None else audit.status if audit.score is None else f"{audit.score:.6g}"
        rows.append((name, count, f"× {gain:.4g}", said))
        if audit is not None and not audit.ok:
            notes.append(f"{name} failed the audit ({audit.status}): merge nothing of it unread.")
    notes += [unchecked] if (unchecked := _unchecked(settings)) else []
    best = max(gains, key=lambda name: gains[name][1])
    count, factor = gains[best]
    kept = sum(a.verdict == "keep" for a in record.attempts)
    sentence = f"{kept} of {len(record.attempts)} attempts were kept"
    after = record.audits.get((best, record.final[best].digest))
    before = record.audits.get((best, record.seeds[best].digest))
    if count:
        sentence += f"; by its duels, {best} is better than the unmodified code by a factor of {factor:.4g}"
    if after is not None and before is not None and after.score is not None and before.score is not None:
        sentence += f"; in the audit {settings.metric} is {after.score:.6g}, and {before.score:.6g} unmodified"
    return replace(
        plain,
        sentence=f"{sentence}.",
        score=plain.score if after is None else after.score,
        figures={**plain.figures, "gain_factor": factor},
        tables=(*plain.tables, Table("Lineages", ("lineage", "kept", "gain by duels", "audit"), tuple(rows))),
        notes=(*plain.notes, *notes),
    )


def _gain(settings: CommandSettings, record: Record, lineage: str) -> tuple[int, float]:
    """(kept changes between seed and champion, the factor that they gained together)."""
    kept = [a for a in record.attempts if a.lineage == lineage and a.verdict == "keep"]
    genome, count, factor = record.final[lineage], 0, 1.0
    for attempt in reversed(kept):  # one that was dethroned is no part of the champion
        if attempt.genome == genome:
            genome, count, factor = attempt.parent, count + 1, factor * (1 + fraction(settings, attempt))
    return count, factor
