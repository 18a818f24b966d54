"""Runs beside each other: intervals, pairs, and when a difference can be told from noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scipy.stats import ttest_1samp

from evolve.report.comparison import compared, interval_of, sentences, swept
from evolve.report.story import Story
from evolve.substrate import Clock, Findings, Metric

METRIC, CLOCK = Metric("error", "units", "lower", "It cannot."), Clock(1, "guess", "it is short")


def story(name: str, score: float, **settings: Any) -> Story:
    found = Findings("Said.", score=score)
    empty: dict[str, Any] = {}
    return Story(name, "toy", settings, METRIC, CLOCK, (), {}, (), (), 0, 2.0, found, "run.generations=1", empty, empty)


def runs(effect: float, noise: tuple[float, ...] = (0.1, -0.2, 0.05, 0.0, -0.1)) -> list[Story]:
    found = []
    for seed, shift in enumerate(noise):
        found.append(story(f"a{seed}", 1.0, seed=seed, selection={"rewrite": 1}, run={"name": f"a{seed}"}))
        found.append(story(f"b{seed}", 1.0 - effect + shift, seed=seed, selection={"rewrite": 5}))
    return found


def test_an_interval_is_student_s() -> None:
    values = [0.3, -0.1, 0.4, 0.2]
    found = interval_of(values)
    peer = ttest_1samp(values, 0.0)
    low, high = peer.confidence_interval(0.95)
    assert found.p == pytest.approx(peer.pvalue)
    assert (found.mean - (found.half or 0), found.mean + (found.half or 0)) == pytest.approx((low, high))
    assert interval_of([0.3]).p is None
    assert interval_of([0.3, 0.3]).p is None, "equal pairs are one observation, not certainty"


def test_what_differs_is_found_and_names_are_not() -> None:
    assert swept(runs(0.0)) == {"seed": ["0", "1", "2", "3", "4"], "selection.rewrite": ["1", "5"]}


def test_a_setting_that_helps_is_told_from_noise() -> None:
    (said,) = sentences(runs(0.5))
    assert said.startswith("selection.rewrite=5 against selection.rewrite=1: it helped (error better by +0.530 ± 0.1")
    (said,) = sentences(runs(-0.5))
    assert "it did harm" in said
    (said,) = sentences(runs(0.0))
    assert "the difference cannot be told from noise" in said


def test_only_pairs_that_differ_in_one_setting_count() -> None:
    odd = [replace(s, settings={**s.settings, "other": s.run}) for s in runs(0.5)]
    assert any("no two runs differ in it alone" in said for said in sentences(odd))


def test_seeds_alone_are_chance() -> None:
    assert sentences(runs(0.5)[::2]) == ["The runs differ in their seed alone: what differs between them is chance."]


def test_the_table_has_a_row_a_setting() -> None:
    table = compared(runs(0.5))
    assert table.columns[0] == "selection.rewrite"
    assert [row[:3] for row in table.rows] == [("1", 5, 1.0), ("5", 5, pytest.approx(0.47))]
    assert table.rows[0][3] is None
    assert table.rows[1][3] > 0
