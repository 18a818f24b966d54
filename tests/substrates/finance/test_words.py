"""The whole language in one brief, and what a cheap look says of an answer."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_reader import FREE, free
from test_substrate import RULES, SEEDS, finance, genome, markdown

from evolve.genome import Genome
from substrates.finance.agent import FITTING, LAYERS, ROLES
from substrates.finance.directives import parse
from substrates.finance.directives.tree import Directive
from substrates.finance.language import CLAUSES, FORMS, MEASURES, grammar, nearest
from substrates.finance.market import load_panel
from substrates.finance.settings import ReaderName
from substrates.finance.substrate import Finance


def test_every_kind_of_directive_has_sentences_that_are_read() -> None:
    assert [form.kind for form in FORMS] == list(dict.fromkeys(form.kind for form in FORMS))
    assert {form.kind for form in FORMS} == set(get_args(Directive))
    for form in FORMS:
        assert form.examples
        assert all(type(parse(sentence)) is form.kind for sentence in form.examples)
    assert all(parse(f"Halve exposure {clause}.") for clause in CLAUSES)
    assert all(parse(f"Rank by {measure}; hold the top 5.") for measure in MEASURES)


@pytest.mark.parametrize("reader", list(ReaderName))
def test_the_brief_explains_the_language(reader: ReaderName) -> None:
    panel = load_panel()
    said = Finance(Finance.schema(reader=reader), panel).brief()
    assert len(said.encode()) < 6000
    listed = re.findall(r"^- (.*)$", said, re.MULTILINE)
    assert {type(parse(line)) for line in listed} == set(get_args(Directive))
    for word in (*ROLES, *LAYERS, "## Directives", "the credit spread", "Energy", "5/10,000"):
        assert word in said
    assert ("language model" in said) == (reader is ReaderName.openai)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_told_its_own_forms(role: str) -> None:
    listed = re.findall(r"^- (.*)$", grammar((role,), finance().panel), re.MULTILINE)
    assert listed
    assert all(isinstance(parse(line), FITTING[role]) for line in listed)


@pytest.mark.parametrize(
    ("line", "role", "like"),
    [
        ("Halve the exposure if VIX is > 30", "exposure", "Halve exposure when the VIX is above 30."),
        ("Rank stocks by 12 month return and hold top 5", "selection", "Rank "),
        ("trade every week", "execution", "Trade weekly."),
        ("???", "allocation", "Weigh agents by Darwinian weight."),
    ],
)
def test_a_near_sentence_is_shown(line: str, role: str, like: str) -> None:
    found = nearest(line, role, finance().panel)
    assert found.startswith(like)
    assert isinstance(parse(found), FITTING[role])


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_nothing_is_wrong_with_a_seed(name: str) -> None:
    substrate = finance()
    substrate.admit(SEEDS)
    assert substrate.objections(SEEDS[name]) == []


def test_what_is_wrong_is_said_in_a_sentence_each() -> None:
    text = markdown("macro", "exposure", ["Halve exposure in May.", "Halve it when VIX > 30.", "Trade weekly."])
    said = finance().objections(Genome({"agent.md": f"{text}> a quotation\n"}))
    assert said == [
        "line 10 has no effect: it is for the role execution: Trade weekly.",
        "line 9 is not read, so without effect: '- Halve it when VIX > 30.'; a sentence that is read: "
        f"'{nearest('- Halve it when VIX > 30.', 'exposure', finance().panel)}'",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (markdown("", "exposure", ["Halve exposure in May."]), "has no Layer"),
        (markdown("macro", "", ["Halve exposure in May."]), "has no Role"),
        (markdown("moon", "exposure", ["Halve exposure in May."]), "says 'Layer: moon'"),
        (markdown("macro", "exposure", []), "no readable directive"),
        ("", "has no Layer"),
    ],
)
def test_an_agent_that_is_none_is_objected_to(text: str, said: str) -> None:
    assert any(said in sentence for sentence in finance().objections(Genome({"agent.md": text})))


def test_two_files_are_no_agent() -> None:
    assert finance().objections(Genome({"a.md": "", "b.md": ""})) == ["an agent is one Markdown file, not 2 files"]


def test_who_leaves_its_seat_is_told() -> None:
    def titled(title: str, name: str) -> Genome:
        return Genome({"agent.md": SEEDS[name]["agent.md"].replace("# An agent", f"# {title}")})

    substrate = finance()
    substrate.admit({name: titled(name, name) for name in SEEDS})
    (said,) = substrate.objections(titled("trend", "calm"))
    assert said == "an agent keeps its seat: it was 'Layer: macro' and 'Role: exposure'"
    assert substrate.objections(titled("trend", "season")) == []
    assert substrate.objections(titled("a new title", "calm")) == []


def test_objections_end() -> None:
    many = finance().objections(genome("macro", "exposure", "Halve exposure in May.", *(["Be calm."] * 500)))
    assert len(many) == 8
    assert many[-1] == "and 493 more of the kind"


@given(st.text())
def test_any_text_is_looked_at(text: str) -> None:
    substrate = _SHARED
    for sentence in substrate.objections(Genome({"agent.md": text})):
        assert len(sentence) < 1000


@given(st.text(min_size=1, max_size=400))
def test_any_line_is_looked_at(line: str) -> None:
    for role in ("exposure", "allocation"):
        said = _SHARED.objections(genome("macro" if role == "exposure" else "decision", role, line))
        assert all(len(sentence) < 1000 for sentence in said)


_SHARED = finance()


def test_free_english_is_no_objection_where_it_is_understood() -> None:
    substrate, llm = free()
    substrate.admit(FREE)
    assert substrate.objections(FREE["calm"]) == []
    (said,) = substrate.objections(genome(*RULES["calm"][:2], *RULES["calm"][2], "Trust the tape."))
    assert said.startswith("line 10 is not read, so without effect: '- Trust the tape.' (no rule); a sentence")
    assert len(llm.requests) == 2
