"""Which directives have nothing to say on a panel, and since when: a series or a sector is missing."""

from __future__ import annotations

import numpy as np

from substrates.finance.directives import Directive, render
from substrates.finance.directives.series import phrase_of
from substrates.finance.directives.tree import Condition, Rank, Scale, Tilt
from substrates.finance.signals.books import sector_columns
from substrates.finance.signals.frame import Frame

_OF_THE_UNIVERSE = ("market", "breadth")


def shortfalls(frame: Frame, directives: tuple[Directive, ...]) -> tuple[str, ...]:
    """One sentence for each directive that lacks data, in their order."""
    reasons = ((directive, _reason(frame, directive)) for directive in directives)
    return tuple(f"{render(directive)} Neutral: {reason}." for directive, reason in reasons if reason)


def _reason(frame: Frame, directive: Directive) -> str | None:
    if isinstance(directive, Rank) and directive.over == "sectors" and not frame.panel.sectors:
        return "there is no sector map"
    if isinstance(directive, Tilt) and not sector_columns(frame, directive.sector).any():
        return f"no stock belongs to {directive.sector}"
    if isinstance(directive, Scale | Tilt) and isinstance(directive.clause, Condition):
        return _missing(frame, directive.clause.quantity.subject)
    return None


def _missing(frame: Frame, subject: str) -> str | None:
    if subject in _OF_THE_UNIVERSE:
        return None
    values = frame.panel.series.get(subject)
    if values is None or not np.isfinite(values).any():
        return f"there is no data on {phrase_of(subject)}"
    if np.isfinite(values[-1]):
        return None
    last = np.flatnonzero(np.isfinite(values))[-1]
    return f"{phrase_of(subject)} ends on {frame.panel.dates[last].astype('datetime64[D]')}"
