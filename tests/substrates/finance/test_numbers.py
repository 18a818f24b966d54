"""The numbers of directives: whatever they become, the sentences are read, and say the same with other numbers."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from panels import TICKERS
from strategies import directives, prose
from test_substrate import SEEDS, finance, genome, markdown

from evolve.genome import Genome
from substrates.finance.agent import FITTING, parse_agent
from substrates.finance.directives import Directive, parse, read, render
from substrates.finance.numbers import numbers

LAYER = {"exposure": "macro", "selection": "style"}


@st.composite
def agents(draw: st.DrawFn) -> Genome:
    role = draw(st.sampled_from(sorted(FITTING)))
    said = draw(st.lists(directives(role).map(render), min_size=1, max_size=4))
    text = markdown(LAYER.get(role, "decision"), role, said) + "\n".join(draw(st.lists(prose, max_size=3)))
    return Genome({"agent.md": text})


def wanted(genome: Genome, draws: list[float]) -> list[float]:
    """Values around what is there, and far from it."""
    found = numbers(genome, len(TICKERS)).all
    return [n.value + n.scale * draws[i % len(draws)] for i, n in enumerate(found)]


def told(genome: Genome) -> tuple[Directive, ...]:
    return tuple(directive for _, directive in read(genome["agent.md"]).directives)


def same_but_for_numbers(one: Any, other: Any) -> bool:
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same_but_for_numbers(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
        )
    if isinstance(one, int | float) and not isinstance(one, bool):
        return type(one) is type(other)
    return bool(one == other)


@given(agents(), st.lists(st.floats(-3, 3) | st.floats(allow_nan=False, width=32), min_size=1, max_size=12))
def test_whatever_is_put_can_be_read_and_changes_only_numbers(parent: Genome, draws: list[float]) -> None:
    found = numbers(parent, len(TICKERS))
    child = found.put(wanted(parent, draws))
    if child is None:
        return
    before, after = parent["agent.md"].split("\n"), child["agent.md"].split("\n")
    assert len(before) == len(after)
    assert read(child["agent.md"]).unread == read(parent["agent.md"]).unread
    assert all(map(same_but_for_numbers, told(parent), told(child)))
    old, new = parse_agent("a", parent["agent.md"]), parse_agent("a", child["agent.md"])
    assert len(old.directives) == len(new.directives)
    stated = {number for number, _ in read(parent["agent.md"]).directives}
    assert all(a == b for i, (a, b) in enumerate(zip(before, after, strict=True), start=1) if i not in stated)


@given(agents(), st.lists(st.floats(-3, 3), min_size=1, max_size=12))
def test_what_was_put_is_found_within_its_bounds_and_in_its_place(parent: Genome, draws: list[float]) -> None:
    found = numbers(parent, len(TICKERS))
    child = found.put(wanted(parent, draws))
    again = None if child is None else numbers(child, len(TICKERS)).all
    if again is None or len(again) != len(found.all):
        return  # a level became nought, which is said without a number
    for old, new in zip(found.all, again, strict=True):
        assert (old.path, old.place, old.whole) == (new.path, new.place, new.whole)
        # A share of nought is 0.1 % at least, unless less was written.
        assert min(old.low, old.value) <= new.value <= max(old.high, old.value)
        assert new.scale > 0


@given(agents())
def test_what_stays_is_not_said_anew(parent: Genome) -> None:
    found = numbers(parent, len(TICKERS))
    assert found.put([number.value for number in found.all]) == parent


EXAMPLES = [
    ("Trade weekly.", [], "Trade weekly."),
    (
        "Rank by 12-month return skipping the last month; hold the top 5; rebalance monthly.",
        [10.4, 2.2, 99.0],
        "Rank by 10-month return skipping the last 2 months; hold the top 8; rebalance monthly.",
    ),
    (
        "Rank by 2-month return skipping the last 2 weeks; hold the top 5; rebalance monthly.",
        [1.0, 30.0, -7.0],  # it cannot skip more than it spans
        "Rank by 1-month return skipping the last 10 days; hold the top 1; rebalance monthly.",
    ),
    (
        "Veto the 1 stock with the highest 63-day volatility.",
        [60.0, 2.6],
        "Veto the 3 stocks with the highest 60-day volatility.",
    ),
    (
        "Halve exposure when the VIX is above 30.",
        [0.4567, 0.25],
        "Cut exposure to 45.7 % when the VIX is above 25.",
    ),
    ("Hold exposure of 75 % in May.", [1.2], "Raise exposure to 120 % in May."),
    ("Hold exposure of 75 % in May.", [1.0], "Hold exposure of 75 % in May."),  # of all of it is no directive
    (
        "Halve exposure when oil is below its 200-day average.",
        [0.5, 100.4],
        "Halve exposure when oil is below its 100-day average.",
    ),
    (
        "Halve exposure when the 10-year minus 3-month spread is below 0.",
        [0.5, 0.01],
        "Halve exposure when the 10-year minus 3-month spread is below 1 %.",
    ),
    (
        "Veto stocks more than 30 % below their 252-day high.",
        [252.0, -0.25],
        "Veto stocks more than 25 % below their 252-day high.",
    ),
    ("Target 10 % volatility over 1 month.", [7.0, 2.0], "Target 100 % volatility over 2 months."),
    (
        "Hold a stock only while its 63-day volatility is below 40 %.",
        [2.0, -1.0],  # below five days a volatility is refused
        "Hold a stock only while its 63-day volatility is below 0.1 %.",
    ),
]


@pytest.mark.parametrize(("said", "values", "then"), EXAMPLES)
def test_examples(said: str, values: list[float], then: str) -> None:
    directive = parse(said)
    role = next(role for role, kinds in FITTING.items() if isinstance(directive, kinds))
    parent = genome(LAYER.get(role, "decision"), role, said)
    found = numbers(parent, len(TICKERS))
    assert len(found.all) == len(values)
    assert found.put(values) == genome(LAYER.get(role, "decision"), role, then)


def test_lines_without_effect_are_left_alone() -> None:
    lines = ("Trade weekly.", "Cap each stock at 20 %.", "Move 25 % of the way each day.", "Listen for 7 days.")
    found = numbers(genome("decision", "allocation", *lines, "Cap each stock at 10 %."), len(TICKERS))
    assert [(number.name, number.value) for number in found.all] == [("CapStocks cap", 0.2)]


def test_two_directives_do_not_become_one() -> None:
    lines = [f"Halve exposure when the market is below its {days}-day average." for days in (50, 200)]
    found = numbers(genome("macro", "exposure", *lines), len(TICKERS))
    assert [number.value for number in found.all] == [0.5, 50, 0.5, 200]
    assert found.put([0.5, 100, 0.5, 100]) is None
    assert found.put([0.5, 100, 0.5, 101]) is not None


def test_line_ends_and_bullets_stay() -> None:
    text = markdown("macro", "exposure", ["Halve exposure when the VIX is above 30."])
    child = numbers(Genome({"a.md": text.replace("\n", "\r\n").replace("- Halve", "  * Halve")}), 8).put([0.4, 0.3])
    assert child is not None
    assert child["a.md"].endswith("\r\n  * Cut exposure to 40 % when the VIX is above 30.\r\n")


def test_another_measure_is_another_place() -> None:
    one, other = (
        numbers(genome("style", "selection", f"Rank by 63-day {m}; hold the top 3; rebalance monthly."), 8).all
        for m in ("return", "volatility")
    )
    assert [number.value for number in one] == [number.value for number in other]
    assert {number.place for number in one}.isdisjoint(number.place for number in other)


@pytest.mark.parametrize("odd", [{}, {"a": "x", "b": "y"}, {"a": ""}, {"a": "## Directives\n\n- Trade weekly.\n"}])
def test_what_is_no_agent_has_no_numbers(odd: dict[str, str]) -> None:
    assert finance().numbers(Genome(odd)).all == ()


def test_the_domain_knows_how_many_stocks_there_are() -> None:
    [_, hold] = finance().numbers(SEEDS["momentum"]).all
    assert (hold.name, hold.low, hold.high) == ("Rank hold", 1, len(TICKERS))
