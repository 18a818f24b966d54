"""Directives: English and trees say the same, and what is not English of this kind stays prose."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import KINDS, directives

from substrates.finance.directives import Directive, parse, read, render
from substrates.finance.directives.series import PHRASES, phrase_of
from substrates.finance.directives.tree import (
    Condition,
    Keep,
    Measure,
    Quantity,
    Rank,
    Scale,
    Season,
    StockTest,
    VetoWorst,
    Window,
)

YEAR = Window(12, "month")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_written_reads_back(kind: type, data: st.DataObject) -> None:
    directive = data.draw(KINDS[kind])
    assert parse(render(directive)) == directive


@given(directives(), st.sampled_from([str.upper, str.lower, str.title]), st.sampled_from(["", "- ", "  * "]))
def test_case_spaces_bullets_and_full_stops_do_not_matter(directive: Directive, case, bullet: str) -> None:
    spoken = render(directive)
    sloppy = f"{bullet}{case(spoken).removesuffix('.').replace(' ', '   ')}  "
    reading = parse(sloppy)
    assert reading is not None
    assert render(reading).lower() == spoken.lower()  # an unknown sector keeps the spelling it is given


@given(directives())
@settings(max_examples=200)
def test_the_rendering_of_a_reading_is_canonical(directive: Directive) -> None:
    once = render(directive)
    again = parse(once)
    assert again is not None
    assert render(again) == once


# Words of real sentences, so that near misses come up.
REAL = "rank by 12-month return ; hold the top 5 when oil is above 0 halve exposure in May %"
WORDS = REAL.split()


@given(st.text(max_size=80) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_a_directive_or_prose(text: str) -> None:
    found = parse(text)
    assert found is None or parse(render(found)) == found


@pytest.mark.parametrize(
    ("line", "tree"),
    [
        (
            "Rank by 12-month return skipping the last month; hold the top 5; rebalance monthly.",
            Rank(Measure("return", YEAR, Window(1, "month")), 5),
        ),
        (
            "Rank by 4-month return; hold the top 5; rebalance monthly.",
            Rank(Measure("return", Window(4, "month")), 5),
        ),
        (
            "Halve exposure when the 3-month change of oil is below 0.",
            Scale(0.5, Condition(Quantity("oil", "change", Window(3, "month")), "below", 0.0)),
        ),
        (
            "Halve exposure when the 10-year minus 3-month spread is below 0.",
            Scale(0.5, Condition(Quantity("term_spread", "level"), "below", 0.0)),
        ),
        (
            "Cut exposure to 25% when the credit spread is above 1.25 percent",
            Scale(0.25, Condition(Quantity("credit_spread", "level"), "above", 0.0125)),
        ),
        (
            "Cut exposure to 25 % when the VIX is above 30",
            Scale(0.25, Condition(Quantity("vix", "level"), "above", 0.3)),
        ),
        ("Hold exposure of 80 %  in May to October.", Scale(0.8, Season(5, 10))),
        ("Avoid stocks below their 200-day average.", Keep(StockTest(Measure("average", Window(200)), "above", 0))),
        ("Veto the 3 most volatile stocks over 63 days.", VetoWorst(Measure("volatility", Window(63)), 3)),
        (
            "Rank by 1-year return; hold the top 5",
            Rank(Measure("return", YEAR), 5),
        ),
    ],
)  # fmt: skip
def test_examples(line: str, tree: Directive) -> None:
    assert parse(line) == tree


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Be nice to widows.",
        "Rank by 12-month return.",  # how many to hold is not said
        "Rank by 0-month return; hold the top 5.",
        "Rank by 12-month return; hold the top 0.",
        "Rank by 12-month return; hold the top 2.5.",
        "Rank by 3-month return skipping the last 3 months; hold the top 5.",
        "Cut exposure to 150 % when oil is above 0.",  # a cut that raises
        "Raise exposure to 250 % when oil is above 0.",
        "Hold exposure of 100 % in May.",  # changes nothing
        "Halve exposure in January to December.",
        "Halve exposure when the credit spread is above 1.",  # 1 or 1 %?
        "Halve exposure when oil is above 60 %.",
        "Halve exposure when copper is above 60.",
        "Halve exposure when the 3-month change of oil is below 0 and it rains.",
        "Prefer stocks when oil is above 60.",
        "Cap each stock at 0 %.",
        "Trade hourly.",
        "Rank by 12-month return; hold the top 5; " + "rebalance monthly " * 50,
    ],
)
def test_what_is_not_clear_is_prose(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize("name", PHRASES)
def test_every_series_can_be_spoken_of(name: str) -> None:
    found = parse(f"Halve exposure when the 6-month change of {phrase_of(name)} is below 0.")
    assert found == Scale(0.5, Condition(Quantity(name, "change", Window(6, "month")), "below", 0.0))


def test_only_the_directives_section_is_read() -> None:
    text = "# X\n\n- Trade weekly.\n\n## directives\n\n- Trade monthly.\nHm.\n### Note\n\n## Notes\n- Trade daily."
    reading = read(text)
    assert [(line, render(found)) for line, found in reading.directives] == [(7, "Trade monthly.")]
    assert reading.unread == ((8, "Hm."),)
