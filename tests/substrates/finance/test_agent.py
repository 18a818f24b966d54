"""Agents: one Markdown file is read, rewritten without harm to its prose, and refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import directives, prose

from evolve.population import read_seeds
from substrates.finance.agent import FITTING, LAYERS, parse_agent, with_directives
from substrates.finance.directives import Directive, neighbours, parse, read, render

SEEDS_FOLDER = Path(__file__).parents[3] / "populations" / "finance"
SEEDS = {name: genome["agent.md"] for name, genome in read_seeds(str(SEEDS_FOLDER)).items()}
ENERGY = """# Energy

Layer: Sector
**Role:** selection

## Role

I like oil. Halve exposure when oil is above 60.

## Directives

- prefer energy when the 6-month change of oil is above 0
- Follow the tankers.
- Trade weekly.

## Constraints

Hold between 3 and 10 stocks.
"""


def test_an_agent_is_read() -> None:
    agent = parse_agent("energy", ENERGY)
    assert (agent.name, agent.title, agent.layer, agent.role) == ("energy", "Energy", "sector", "selection")
    assert agent.directives == (parse("Prefer Energy when the 6-month change of oil is above 0."),)
    assert agent.unread == ((13, "- Follow the tankers."),)
    assert agent.problems == ("line 14 has no effect: it is for the role execution: Trade weekly.",)
    assert agent.refusal is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Layer: Sector", "", "has no Layer"),
        ("Layer: Sector", "Layer: moon", "says 'Layer: moon'"),
        ("**Role:** selection", "", "has no Role"),
        ("**Role:** selection", "Role: risk", "says 'Role: risk'"),
        ("- prefer energy when the 6-month change of oil is above 0\n", "", "no readable directive"),
        ("## Directives", "## Ideas", "no readable directive"),
    ],
)
def test_why_an_agent_is_refused(old: str, new: str, reason: str) -> None:
    agent = parse_agent("energy", ENERGY.replace(old, new))
    assert agent.refusal is not None
    assert reason in agent.refusal


def test_a_second_line_of_a_kind_that_can_act_once_is_a_problem() -> None:
    text = "# X\nLayer: decision\nRole: execution\n## Directives\n- Trade weekly.\n- Trade monthly.\n- Trade weekly."
    agent = parse_agent("x", text)
    assert agent.directives == (parse("Trade weekly."),)
    assert [problem.split(": ")[1] for problem in agent.problems] == [
        "an earlier line of its kind counts",
        "it is said twice",
    ]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    agent = parse_agent("x", text)
    assert agent.refusal is None or agent.refusal


@st.composite
def texts(draw: st.DrawFn) -> str:
    lines = st.one_of(prose, directives("selection").map(lambda d: f"- {render(d)}"))
    section = "\n".join(draw(st.lists(lines, max_size=8)))
    heading = draw(st.sampled_from(["## Directives\n", "##  directives ##\n\n", ""]))
    after = draw(st.sampled_from(["", "\n## Constraints\n\nNone.\n", "\r\n## Notes"]))
    return f"# X\nLayer: style\nRole: selection\n\n{heading}{section if heading else ''}{after}"


@st.composite
def rewrites(draw: st.DrawFn) -> tuple[str, list[Directive]]:
    """A text and what is wanted of it: some of its own directives and some new ones, in any order."""
    text = draw(texts())
    own = [found for _, found in read(text).directives]
    new = draw(st.lists(directives("selection"), min_size=1, max_size=3))
    kept = [found for found in own if draw(st.integers(0, 3))]
    for directive in new:
        kept.insert(draw(st.integers(0, len(kept))), directive)
    return text, list(dict.fromkeys(kept))


@given(rewrites())
def test_directives_are_replaced_and_nothing_else(rewrite: tuple[str, list[Directive]]) -> None:
    text, wanted = rewrite
    written = with_directives(text, wanted)
    assert tuple(found for _, found in read(written).directives) == tuple(wanted)
    assert parse_agent("x", written).directives == tuple(wanted)
    kept = [line for line in text.split("\n") if parse(line) is None and line.strip()]
    left = [line for line in written.split("\n") if parse(line) is None and line.strip()]
    assert [line for line in left if line not in ("## Directives",)] == [
        line for line in kept if line not in ("## Directives",)
    ]
    assert with_directives(written, wanted) == written


def test_an_untouched_directive_keeps_its_wording() -> None:
    agent = parse_agent("energy", ENERGY)
    added = parse("Avoid Energy when oil is below 20.")
    assert added is not None
    text = with_directives(ENERGY, (*agent.directives, added))
    assert "- prefer energy when the 6-month change of oil is above 0\n- Follow the tankers.\n- Avoid" in text
    assert text.replace("- Avoid Energy when oil is below 20.\n", "") == ENERGY.replace("- Trade weekly.\n", "")


def test_the_seeds_are_a_whole_team() -> None:
    agents = [parse_agent(name, text) for name, text in SEEDS.items()]
    assert len(agents) == 25
    assert [sum(a.layer == layer for a in agents) for layer in LAYERS] == [10, 7, 4, 4]
    assert {agent.role for agent in agents} == set(FITTING)
    for agent in agents:
        assert agent.problems == ()
        assert agent.unread == ()
        for section in ("Role", "Data", "Directives", "Constraints"):
            assert f"\n## {section}\n" in SEEDS[agent.name]


def test_no_seed_knows_the_rules_that_are_planted() -> None:
    planted = [
        parse("Rank by 4-month return; hold the top 5; rebalance monthly."),
        parse("Halve exposure when the 3-month change of oil is below 0."),
    ]
    near = {other for rule in planted if rule for one in neighbours(rule) for other in (rule, one, *neighbours(one))}
    held = {rule for name, text in SEEDS.items() for rule in parse_agent(name, text).directives}
    assert not near & held


def test_examples_in_the_docs_are_read_as_they_say() -> None:
    page = (Path(__file__).parents[3] / "docs" / "agents.md").read_text(encoding="utf-8")
    blocks = page.split("```")[1::2]
    spoken = [line for block in blocks if block.startswith("text") for line in block.split("\n")[1:] if line]
    assert len(spoken) > 40
    assert [line for line in spoken if parse(line) is None] == []
    prose_blocks = [block for block in blocks if block.startswith("prose")]
    unread = [line for block in prose_blocks for line in block.split("\n")[1:] if line]
    assert unread
    assert [line for line in unread if parse(line) is not None] == []
    whole = next(block for block in blocks if block.startswith("markdown")).split("\n", 1)[1]
    agent = parse_agent("example", whole)
    assert (agent.problems, agent.refusal, len(agent.unread)) == ((), None, 1)
