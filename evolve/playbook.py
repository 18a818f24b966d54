"""What a run has learnt so far, as a page that a mutator reads: what worked, what didn't."""

from __future__ import annotations

import math

from evolve.substrate import Attempt

__all__ = ["measured", "noise"]


def noise(attempt: Attempt) -> float | None:
    """The standard error of its effect; None where it cannot be told."""
    variance = attempt.duel.variance
    return None if variance is None else math.sqrt(variance / attempt.duel.count)


def measured(attempt: Attempt) -> str:
    """The effect and its noise in words: "+0.31 ± 0.08"."""
    if attempt.effect is None:
        return "not measured"
    if attempt.duel.exact:
        return f"{attempt.effect:+.3g} exactly"
    error = noise(attempt)
    return f"{attempt.effect:+.3g}" + ("" if error is None else f" ± {error:.2g}")
