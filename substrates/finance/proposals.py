"""What the embedded mutator is offered: edits that the evidence of the confirm history speaks for.

The documented directives are ranked by the t statistic of their own skill; then a few edits are tried in
full against the parent, on exactly the days on which the contest will be decided. Whatever was looked at is
counted, so that the contest's level pays for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evolve.genome import Genome
from evolve.substrate import Brief, Rewrite
from substrates.finance.agent import _ONCE as ONCE
from substrates.finance.agent import FITTING, Agent, with_directives
from substrates.finance.desk import Desk, with_text
from substrates.finance.directives import Directive, render
from substrates.finance.directives.neighbours import neighbours
from substrates.finance.directives.vocabulary import vocabulary
from substrates.finance.settings import FinanceSettings
from substrates.finance.statistics import t_statistic
from substrates.finance.team import Team

__all__ = ["propose"]


@dataclass(frozen=True)
class _Edit:
    """A new list of directives, and in words what it does and what speaks for it."""

    directives: tuple[Directive, ...]
    kind: str
    words: str
    donors: tuple[str, ...] = ()


def propose(desk: Desk, brief: Brief, rng: np.random.Generator, settings: FinanceSettings) -> list[Rewrite]:
    """Edits of the parent, most promising first; `expected` is the t of the paired daily difference."""
    rows = slice(*brief.conditions["rows"])
    if rows.stop - rows.start < settings.duel_days:
        return []
    parent = desk.agent(brief.lineage, brief.parent)
    if parent.refusal is not None:
        return []
    text = desk.text(brief.parent)
    team = desk.team({**brief.team, brief.lineage: brief.parent})
    ranked = _ranked(desk, brief, parent, team, rows, settings.proposals.vocabulary)
    edits = _chosen(desk, brief, parent, ranked, rng, settings)
    proposals = []
    for edit in edits:
        genome = with_text(brief.parent, with_directives(text, edit.directives))
        if genome.digest in brief.tried or genome == brief.parent:
            continue
        t = t_statistic(desk.paired(replace(parent, directives=edit.directives), parent, team, rows))
        proposals.append(_rewrite(edit, genome, t, rows))
    screened = len(ranked) + len(proposals)
    proposals = [replace(p, screened=screened) for p in proposals]
    return sorted(proposals, key=lambda p: -(p.expected or 0.0))


def _rewrite(edit: _Edit, genome: Genome, t: float, rows: slice) -> Rewrite:
    expected = round(t, 4) if math.isfinite(t) else 0.0
    days = f"{rows.stop - rows.start:,} days"
    hypothesis = f"{edit.words}; expects a t of {expected:+.2f} against the parent over {days}"
    return Rewrite(genome, hypothesis, expected=expected, donors=edit.donors, kind=edit.kind)


# -- what the evidence ranks -------------------------------------------------------------------


def _ranked(
    desk: Desk, brief: Brief, parent: Agent, team: Team, rows: slice, most: int
) -> list[tuple[float, Directive]]:
    """Directives that the parent does not hold, by the t of their skill alone, best first.

    What was kept elsewhere in this role comes before the documented ones, where not all can be looked at.
    """
    known = (*_worked(desk, brief, parent), *vocabulary(parent.role, desk.panel))
    fresh = [d for d in dict.fromkeys(known) if d not in parent.directives][:most]
    scored = [(_skill(desk, parent, directive, team, rows), directive) for directive in fresh]
    return sorted(((t, d) for t, d in scored if math.isfinite(t)), key=lambda pair: -pair[0])


def _skill(desk: Desk, parent: Agent, directive: Directive, team: Team, rows: slice) -> float:
    """t of a directive alone; in the decision layer, where nothing is alone, of adding it to the parent."""
    if parent.layer == "decision" and parent.role != "alpha":
        directives = _added(parent.directives, directive)
        return t_statistic(desk.paired(replace(parent, directives=directives), parent, team, rows))
    return desk.ratio(parent.role, (directive,), rows) * math.sqrt(rows.stop - rows.start)


def _worked(desk: Desk, brief: Brief, parent: Agent) -> Iterator[Directive]:
    """Directives that kept attempts of other agents in this role brought in, the latest first."""
    for attempt in reversed(brief.playbook):
        if attempt.lineage == brief.lineage:
            continue
        child = desk.agent(attempt.lineage, attempt.genome)
        before = desk.agent(attempt.lineage, attempt.parent).directives
        if _alike(child, parent):
            yield from (d for d in child.directives if d not in before)


def _alike(one: Agent, other: Agent) -> bool:
    """Whether a directive of one may act in the other."""
    return FITTING.get(one.role) == FITTING.get(other.role)


# -- what is tried in full ---------------------------------------------------------------------


def _chosen(
    desk: Desk,
    brief: Brief,
    parent: Agent,
    ranked: Sequence[tuple[float, Directive]],
    rng: np.random.Generator,
    settings: FinanceSettings,
) -> list[_Edit]:
    """Crossovers their share; the best of the vocabulary as many; the rest changes what is there."""
    count = settings.proposals.count
    share = round(count * settings.proposals.crossovers)
    crossovers = _crossovers(desk, brief, parent)
    additions = list(_additions(parent, ranked))
    changes = list(_changes(parent))
    drops = list(_drops(parent, brief))
    chosen = [crossovers[i] for i in rng.permutation(len(crossovers))[:share]]
    chosen += additions[: max(share, 1)]
    chosen += drops[: max(1, count // 4)]
    chosen += [changes[i] for i in rng.permutation(len(changes))[: max(count - len(chosen), 0)]]
    chosen += additions[max(share, 1) :]
    unlike = {edit.directives: edit for edit in reversed(chosen) if edit.directives != parent.directives}
    return list(reversed(unlike.values()))[:count]


def _additions(parent: Agent, ranked: Iterable[tuple[float, Directive]]) -> Iterator[_Edit]:
    """Each ranked directive twice: beside what is there, and in the place of all of it."""
    for t, directive in ranked:
        because = f"because its own t was {t:.2f}"
        yield _Edit(_added(parent.directives, directive), "add", f"adds '{render(directive)}' {because}")
        if len(parent.directives) > 1 or not _joins(parent.directives, directive):
            words = f"replaces all by '{render(directive)}' {because}"
            yield _Edit((directive,), "replace", words)


def _drops(parent: Agent, brief: Brief) -> Iterator[_Edit]:
    """Each directive left out, the least worth first, as the last measurement attributed it."""
    if len(parent.directives) < 2:
        return
    said = {a["directive"]: a["worth"] for a in brief.outcome.evidence.get("attribution", ())}
    worth = {d: said.get(render(d)) for d in parent.directives}
    for directive in sorted(parent.directives, key=lambda d: 0.0 if worth[d] is None else float(worth[d] or 0)):
        value = worth[directive]
        because = "to see what it is worth" if value is None else f"whose worth was {value:+.2f} of Sharpe"
        rest = tuple(d for d in parent.directives if d != directive)
        yield _Edit(rest, "drop", f"drops '{render(directive)}' {because}")


def _changes(parent: Agent) -> Iterator[_Edit]:
    """Every directive moved one step: a number, a window, a side."""
    for i, old in enumerate(parent.directives):
        for new in neighbours(old):
            if new not in parent.directives:
                directives = (*parent.directives[:i], new, *parent.directives[i + 1 :])
                yield _Edit(directives, "change", f"changes '{render(old)}' to '{render(new)}'")


def _crossovers(desk: Desk, brief: Brief, parent: Agent) -> list[_Edit]:
    """Each directive of a donor in a like role that the parent does not hold."""
    edits = []
    for name, genome in brief.donors.items():
        donor = desk.agent(name, genome)
        if donor.refusal is not None or not _alike(donor, parent):
            continue
        for directive in donor.directives:
            if directive not in parent.directives:
                words = f"takes over '{render(directive)}' from {name}, which ranks higher"
                edits.append(_Edit(_added(parent.directives, directive), "crossover", words, (name,)))
    return edits


def _joins(directives: Sequence[Directive], new: Directive) -> bool:
    """Whether a directive acts beside those that are there, rather than in the place of one of its kind."""
    return type(new) not in ONCE or all(type(d) is not type(new) for d in directives)


def _added(directives: tuple[Directive, ...], new: Directive) -> tuple[Directive, ...]:
    """With a directive more; of the kinds that count once, the new one takes the old one's place."""
    if _joins(directives, new):
        return (*directives, new)
    return tuple(new if type(d) is type(new) else d for d in directives)
