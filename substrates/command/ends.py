"""The domain's own ends: a target that was reached, a metric that is saturated, a session's limit of attempts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evolve.substrate import Attempt, Outcome
from substrates.command.settings import CommandSettings

__all__ = ["advance", "fraction", "stop"]


def advance(
    settings: CommandSettings, state: Mapping[str, Any], outcomes: Mapping[str, Outcome], attempts: Sequence[Attempt]
) -> dict[str, Any]:
    """`best`: score of the best champion as it was last measured, or tried; `gains`: the largest kept gain of each of
    the last generations, as a fraction; `tried`: attempts so far."""
    sign = 1 if settings.direction == "higher" else -1
    kept = [a for a in attempts if a.verdict == "keep"]
    scores = [o.score for o in (*outcomes.values(), *(a.outcome for a in kept)) if o.score is not None]
    gains = [fraction(settings, a) for a in kept]
    return {
        "best": max(scores, key=lambda s: sign * s, default=state.get("best")),
        "gains": [*state.get("gains", []), max(gains, default=0.0)][-settings.saturation_generations :],
        "tried": state.get("tried", 0) + len(attempts),
    }


def fraction(settings: CommandSettings, attempt: Attempt) -> float:
    """How much better a kept child was than its parent in their duel: 0.25 for 4 ms after 5 ms, or 5 MB/s after 4."""
    effect = attempt.effect or 0.0
    if settings.scale == "log" and not settings.deterministic:
        return math.expm1(effect)
    child = attempt.outcome.score or 0.0
    parent = child + effect if settings.direction == "lower" else child - effect
    if child > 0 and parent > 0:
        return (parent / child if settings.direction == "lower" else child / parent) - 1
    return effect / abs(parent) if parent else math.copysign(1.0, effect)


def stop(settings: CommandSettings, limit: int | None, state: Mapping[str, Any]) -> str | None:
    best, sign = state.get("best"), 1 if settings.direction == "higher" else -1
    if settings.target is not None and best is not None and sign * (best - settings.target) >= 0:
        return f"the target is reached: {settings.metric} is {best:g}, and substrate.target={settings.target:g}"
    gains = state.get("gains", [])
    full = len(gains) >= settings.saturation_generations
    if settings.saturation is not None and full and max(gains) < settings.saturation:
        return (
            f"saturated: in {len(gains)} generations no kept change gained substrate.saturation={settings.saturation:g}"
        )
    if limit is not None and state.get("tried", 0) >= limit:
        return f"maxIterations={limit} of the repository's config.json"
    return None
