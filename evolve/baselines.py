"""What a run is compared with: the same run by other rules, thought to the same number of generations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evolve.config import AuditSettings, AuditWhen, Method, Parent, Pick, RunSettings, Settings

__all__ = ["BASELINES"]


def _thought(settings: Settings, generations: int) -> Settings:
    """Nothing but the loop: no audit, no preflight, no baselines of its own."""
    return replace(
        settings,
        run=RunSettings(generations=generations, baselines=[], preflight=False, remeasure=settings.run.remeasure),
        audit=AuditSettings(AuditWhen.never),
    )


def frozen(settings: Settings, generations: int) -> Settings:
    """The seeds, never rewritten."""
    thought = _thought(settings, generations)
    return replace(thought, selection=replace(settings.selection, rewrite=0))


def greedy(settings: Settings, generations: int) -> Settings:
    """Keep whatever looks better: what everybody else does."""
    thought = _thought(settings, generations)
    return replace(thought, acceptance=replace(settings.acceptance, method=Method.greedy))


def best_of_n(settings: Settings, generations: int) -> Settings:
    """As many edits, each of a seed: the best of them so far stands in its place."""
    thought = _thought(settings, generations)
    return replace(
        thought,
        selection=replace(settings.selection, parent=Parent.seed, pick=Pick.random),
        acceptance=replace(settings.acceptance, method=Method.greedy),
    )


def random_pick(settings: Settings, generations: int) -> Settings:
    """Any lineage is rewritten, not the worst: is picking the worst worth anything?"""
    thought = _thought(settings, generations)
    return replace(thought, selection=replace(settings.selection, pick=Pick.random))


BASELINES: dict[str, Callable[[Settings, int], Settings]] = {
    "frozen": frozen,
    "best_of_n": best_of_n,
    "greedy": greedy,
    "random_pick": random_pick,
}
