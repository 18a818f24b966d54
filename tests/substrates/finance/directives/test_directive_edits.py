"""The vocabulary is readable and bounded; a neighbour is one edit away and can be walked back to."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from panels import changed, small_panel
from strategies import directives

from evolve.errors import UsageError
from substrates.finance.agent import FITTING
from substrates.finance.directives import Directive, neighbours, parse, render, vocabulary
from substrates.finance.directives.vocabulary import _SENTENCES

MOST = {"exposure": 40, "selection": 40, "alpha": 40, "risk": 20, "execution": 10, "allocation": 10}


@pytest.mark.parametrize("role", FITTING)
def test_every_sentence_of_the_vocabulary_is_read_and_fits_its_role(role: str) -> None:
    found = vocabulary(role, small_panel())
    assert len(found) == len(set(found)) == len(_SENTENCES[role]) <= MOST[role]
    assert all(isinstance(directive, FITTING[role]) for directive in found)


def test_the_vocabulary_holds_the_rules_that_planted_worlds_need() -> None:
    panel = small_panel()
    assert parse("Rank by 4-month return; hold the top 5; rebalance monthly.") in vocabulary("selection", panel)
    assert parse("Halve exposure when the 3-month change of oil is below 0.") in vocabulary("exposure", panel)


def test_what_the_panel_lacks_is_left_out() -> None:
    panel = small_panel()
    poorer = changed(panel, series={}, sectors={})
    said = " ".join(render(d) for role in FITTING for d in vocabulary(role, poorer))
    assert "oil" not in said
    assert "sectors" not in said
    assert "Energy" not in said
    assert "200-day average" in said


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(UsageError, match="poet"):
        vocabulary("poet", small_panel())


def differences(one: Any, other: Any) -> int:
    if is_dataclass(one) and type(one) is type(other):
        return sum(differences(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return int(one != other)


@given(directives())
def test_a_neighbour_differs_in_one_place_and_can_be_written(directive: Directive) -> None:
    found = neighbours(directive)
    assert found
    assert len(set(found)) == len(found)
    for other in found:
        assert differences(directive, other) == 1
        assert parse(render(other)) == other


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Rank by 4-month return; hold the top 5; rebalance monthly.",
            {
                "Rank by 3-month return; hold the top 5; rebalance monthly.",
                "Rank by 6-month return; hold the top 5; rebalance monthly.",
                "Rank by 4-month return; hold the top 4; rebalance monthly.",
                "Rank by 4-month return; hold the top 6; rebalance monthly.",
                "Rank by 4-month return; hold the top 5; rebalance weekly.",
                "Rank by 4-month return; hold the top 5; rebalance daily.",
                "Rank by lowest 4-month return; hold the top 5; rebalance monthly.",
            },
        ),
        (
            "Halve exposure when the VIX is above 30.",
            {
                "Cut exposure to 25 % when the VIX is above 30.",
                "Cut exposure to 75 % when the VIX is above 30.",
                "Halve exposure when the VIX is below 30.",
                "Halve exposure when the VIX is above 25.",
                "Halve exposure when the VIX is above 40.",
            },
        ),
    ],
)
def test_examples_of_neighbours(line: str, expected: set[str]) -> None:
    directive = parse(line)
    assert directive is not None
    assert {render(other) for other in neighbours(directive)} == expected
