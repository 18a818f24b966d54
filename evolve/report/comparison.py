"""Several runs beside each other: which setting helped, and whether that can be told from noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import stdtr, stdtrit

from evolve.report.figures import Figure, charts
from evolve.report.story import Story
from evolve.substrate import Chart, Table

__all__ = ["LEVEL", "Interval", "compared", "interval_of", "multiples", "sentences", "swept"]

LEVEL = 0.95
"""Of intervals, and of what "can be told from noise" means: the convention."""

_SEED = "seed"
_ROUNDING = 1e-9
"""A spread below this share of the mean is rounding: the seed has changed nothing."""


@dataclass(frozen=True)
class Interval:
    """A mean over `count` runs, with Student's interval; None where they are too few, or all alike."""

    count: int
    mean: float
    half: float | None
    p: float | None

    def __str__(self) -> str:
        return f"{self.mean:+.3f}" + (f" ± {self.half:.3f}" if self.half is not None else "")


def interval_of(values: Sequence[float]) -> Interval:
    """`p`: two-sided, of a mean of 0."""
    count = len(values)
    mean = sum(values) / count
    if count < 2:
        return Interval(count, mean, None, None)
    error = math.sqrt(sum((v - mean) ** 2 for v in values) / (count - 1) / count)
    if error <= _ROUNDING * abs(mean):
        return Interval(count, mean, None, None)
    half = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * error
    return Interval(count, mean, half, 2 * float(stdtr(count - 1, -abs(mean) / error)))


def swept(stories: Sequence[Story]) -> dict[str, list[str]]:
    """setting -> its values, of the settings in which the runs differ; names and places are none."""
    flat = [_flat(story.settings) for story in stories]
    names = sorted({name for settings in flat for name in settings} - {"run.name", "ledger.repository"})
    found = {}
    for name in names:
        values = list(dict.fromkeys(settings.get(name, "-") for settings in flat))
        if len(values) > 1:
            found[name] = values
    return found


def compared(stories: Sequence[Story]) -> Table:
    """A row a combination of settings, over its seeds: score, what was kept, time."""
    keys = [name for name in swept(stories) if name != _SEED]
    groups: dict[tuple[str, ...], list[Story]] = {}
    for story in stories:
        groups.setdefault(tuple(_flat(story.settings).get(k, "-") for k in keys), []).append(story)
    rows = []
    for values, members in groups.items():
        scores = _scores(members)
        score = interval_of(scores) if scores else None
        attempts = sum(len(s.tries) for s in members)
        rows.append(
            (
                *values,
                len(members),
                score.mean if score else None,
                score.half if score else None,
                sum(len(s.kept) for s in members),
                attempts,
                sum(bool(s.findings and s.findings.helped) for s in members),
                sum(s.seconds for s in members) / len(members),
            )
        )
    metric = _scored(stories[0]) if stories else "score"
    said = ("runs", f"mean {metric}", "± 95 %", "kept", "attempts", "claim that it helped", "seconds a run")
    return Table("The runs, by setting", (*keys, *said), tuple(rows))


def sentences(stories: Sequence[Story]) -> list[str]:
    """Of each setting with two values or more: whether it helped, by pairs of runs that differ in it alone."""
    found = []
    settings = swept(stories)
    for name, values in settings.items():
        if name == _SEED:
            continue
        for other in values[1:]:
            pairs = _pairs(stories, settings, name, values[0], other)
            found.append(_said(stories[0], name, values[0], other, pairs))
    if not found:
        found.append("The runs differ in their seed alone: what differs between them is chance.")
    return found


def _pairs(
    stories: Sequence[Story], settings: Mapping[str, Any], name: str, one: str, other: str
) -> list[tuple[float, float]]:
    def rest(story: Story) -> tuple[str, ...]:
        return tuple(_flat(story.settings).get(k, "-") for k in settings if k != name)

    def having(value: str) -> dict[tuple[str, ...], Story]:
        return {rest(s): s for s in stories if _flat(s.settings).get(name, "-") == value}

    left, right = having(one), having(other)
    scores = [(_score(left[k]), _score(right[k])) for k in left if k in right]
    return [(a, b) for a, b in scores if a is not None and b is not None]


def _said(story: Story, name: str, one: str, other: str, pairs: Sequence[tuple[float, float]]) -> str:
    what = f"{name}={other} against {name}={one}"
    if not pairs:
        return f"{what}: no two runs differ in it alone, so nothing can be said."
    found = interval_of([story.metric.sign * (b - a) for a, b in pairs])
    figures = f"{_scored(story)} better by {found}, over {found.count} pairs of runs"
    if found.p is None:
        why = "one pair has" if found.count == 1 else "the pairs are all alike, so there is"
        return f"{what}: {figures}; {why} no noise to compare it with."
    if found.p < 1 - LEVEL:
        word = "helped" if found.mean > 0 else "did harm"
        return f"{what}: it {word} ({figures}, p {found.p:.3f})."
    return f"{what}: the difference cannot be told from noise ({figures}, p {found.p:.3f})."


def multiples(stories: Sequence[Story]) -> list[Figure]:
    """Small ones, one a run: the domain's first chart, or each generation's best champion."""
    keys = list(swept(stories))
    figures = []
    for number, story in enumerate(stories):
        flat = _flat(story.settings)
        title = ", ".join(f"{k.split('.')[-1]} {flat.get(k, '-')}" for k in keys) or story.run
        drawn = story.findings.charts[0] if story.findings and story.findings.charts else _best(story)
        (figure,) = charts([Chart(title, story.run, drawn.x, drawn.unit, drawn.lines[:3])])
        figures.append(Figure(f"run{number}", title, story.run, figure.traces, figure.layout, height=240))
    return figures


def _best(story: Story) -> Chart:
    x, y = zip(*story.best, strict=True) if story.best else ((), ())
    return Chart(story.run, "", tuple(x), story.metric.name, (("best champion", tuple(y)),))


def _score(story: Story) -> float | None:
    return story.findings.score if story.findings is not None else None


def _scored(story: Story) -> str:
    """What the score is."""
    return (story.findings.scored if story.findings else "") or story.metric.name


def _scores(stories: Sequence[Story]) -> list[float]:
    return [score for story in stories if (score := _score(story)) is not None]


def _flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in node.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = str(value)
    return found
