"""What the finance report draws: wealth and drawdown beside the baselines, and the agents' voices over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from evolve.substrate import Chart, Record
from substrates.finance.portfolio import Floats

__all__ = ["voices", "wealth"]

EVERY = 5
"""Market days between drawn points: a week, so that 18 years of five lines stay a few thousand numbers."""


def wealth(dates: npt.NDArray[np.datetime64], nets: Mapping[str, Floats]) -> list[Chart]:
    """Of daily net returns [T] by name over `dates` [T]: what 1 has become, and how far below its peak it is."""
    if len(dates) == 0:
        return []
    rows = np.unique(np.append(np.arange(0, len(dates), EVERY), len(dates) - 1))
    x = tuple(str(day) for day in dates[rows].astype("datetime64[D]"))
    grown = {name: np.cumprod(1.0 + net) for name, net in nets.items() if len(net) == len(dates)}
    below = {name: 100 * (path / np.maximum.accumulate(np.maximum(path, 1.0)) - 1) for name, path in grown.items()}
    return [
        Chart(
            "What 1 has become",
            "All days out of sample, net of costs; the axis is logarithmic, so equal slopes are equal returns.",
            x,
            "times, log",
            tuple((name, _drawn(path[rows], 4)) for name, path in grown.items()),
        ),
        Chart(
            "Below the peak",
            "How far each team was below its own highest wealth.",
            x,
            "%",
            tuple((name, _drawn(path[rows], 2)) for name, path in below.items()),
        ),
    ]


def voices(record: Record, days: Mapping[int, str]) -> list[Chart]:
    """Darwinian weights at the start of each window; `days`: generation -> its first day."""
    names = sorted({name for state in record.states for name in state.get("voices", {})})
    if not names:
        return []
    lines = tuple(
        (name, tuple(round(float(state.get("voices", {}).get(name, 1.0)), 3) for state in record.states))
        for name in names
    )
    return [
        Chart(
            "Whose word counts",
            "Darwinian weights at the start of each window: an agent that was right lately speaks louder.",
            tuple(days[g] for g in range(len(record.states))),
            "weight",
            lines,
        )
    ]


def _drawn(path: Floats, digits: int) -> tuple[float, ...]:
    return tuple(np.round(path, digits).tolist())
