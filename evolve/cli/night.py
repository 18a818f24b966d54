"""What fits into the hours that a run was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolve.substrate import Clock

__all__ = ["fits"]


def fits(
    hours: float, before: float, slots: int, clock: Clock, overlap: bool, checks: Sequence[Mapping[str, Any]]
) -> str:
    """How many trials, in a sentence; by what preflight's `checks` saw a trial take, else by the clock and its grace.

    `before`: seconds of earlier sittings.
    """
    seen = next((one["seconds"] for one in checks if "seconds" in one), None)
    each = clock.budget + clock.grace if seen is None else seen
    left = max(0.0, hours - before / 3600)
    where = f"{left:.3g} h on {slots} slot{'s' if slots > 1 else ''}"
    how = "with its grace" if seen is None else "with loading and scoring"
    more, lap = (" or more", ", which overlap") if overlap and seen is not None else ("", "")
    return (
        f"{where}: about {float(f'{left * 3600 * slots / each:.2g}'):,.0f} trials of {clock.budget:g} s{more} "
        f"(each {each:.3g} s {how}{lap})"
    )
