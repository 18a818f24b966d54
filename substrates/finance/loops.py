"""The loops in which each day depends on the one before, compiled (numba): 8,313 days in 1 ms, not 40.

Element by element: numba takes seconds to compile what numpy would say in a slice. `nogil`, because contests
are decided in threads.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["capped", "clipped_products", "traded"]

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.bool_]


@njit(nogil=True, cache=True)
def traded(
    target: Floats, returns: Floats, days: Days, reach: float, step: float, start: Floats
) -> tuple[Floats, Floats, Floats]:
    """Gross return [T], turnover [T] and what is held [T, N] at each close, `start` [N] held into row 0.

    A day of `days` [T] trades when the L1 distance from the drifted holding to the target [T, N] is above
    `reach`, and goes `step` of the way.
    """
    length, assets = target.shape
    gross, turnover = np.zeros(length), np.zeros(length)
    held = np.empty((length, assets))
    now = np.empty(assets)
    for i in range(assets):
        now[i] = start[i]
    for day in range(length):
        for i in range(assets):
            gross[day] += now[i] * returns[day, i]
        gap = 0.0
        for i in range(assets):
            now[i] *= (1.0 + returns[day, i]) / (1.0 + gross[day])
            gap += abs(target[day, i] - now[i])
        if days[day] and gap > reach:
            turnover[day] = step * gap
            for i in range(assets):
                now[i] = target[day, i] if step >= 1.0 else now[i] + step * (target[day, i] - now[i])
        for i in range(assets):
            held[day, i] = now[i]
    return gross, turnover, held


@njit(nogil=True, cache=True)
def clipped_products(moves: Floats, start: Floats, low: float, high: float) -> Floats:
    """`start` [A] multiplied day by day by `moves` [T, A], never outside `low` to `high`: [T + 1, A]."""
    length, seats = moves.shape
    path = np.empty((length + 1, seats))
    for i in range(seats):
        path[0, i] = start[i]
    for day in range(length):
        for i in range(seats):
            path[day + 1, i] = max(low, min(high, path[day, i] * moves[day, i]))
    return path


@njit(nogil=True, cache=True)
def capped(weights: Floats, cap: float) -> Floats:
    """No weight [T, N] above `cap`: a row's excess goes to its others in proportion, to cash where none has room."""
    length, assets = weights.shape
    out = np.empty((length, assets))
    for day in range(length):
        total = 0.0
        for i in range(assets):
            out[day, i] = weights[day, i]
            total += weights[day, i]
        for _ in range(assets):  # each round fills one more stock to its cap
            above, full, rest = False, 0.0, 0.0
            for i in range(assets):
                above = above or out[day, i] > cap
                if out[day, i] >= cap:
                    full += cap
                else:
                    rest += out[day, i]
            if not above:
                break
            scale = max(total - full, 0.0) / rest if rest > 0.0 else 0.0
            for i in range(assets):
                out[day, i] = cap if out[day, i] >= cap else out[day, i] * scale
        for i in range(assets):
            out[day, i] = min(out[day, i], cap)
    return out
