"""An answer that is wrong goes back once, with what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import Spent
from evolve.llm import Failed, Message, Request
from evolve.llm.conversation import Complaint, converse, parsed
from evolve.testing import ScriptedLLM

ASKED = (Message("system", "You count."), Message("user", "Say a number above 3."))


def saying(answers: Sequence[str | Exception]) -> ScriptedLLM:
    left = iter(answers)
    return ScriptedLLM(lambda request: next(left), usd=0.5)


def above_3(text: str) -> int:
    if not text.strip().isdigit():
        raise Complaint("form", f"{text[:20]!r} is no number.")
    if int(text) <= 3:
        raise Complaint("size", f"{text} is not above 3.", value=int(text))
    return int(text)


def test_a_good_answer_is_one_turn() -> None:
    llm = saying(["7"])
    talk = converse(llm, ASKED, above_3, seed=5, model="m", most=9, schema={"type": "integer"})
    assert (talk.value, talk.failed, talk.cost["calls"], talk.cost["usd"]) == (7, "", 1, 0.5)
    assert llm.requests == [Request(ASKED, {"type": "integer"}, 5, "m", 9)]


def test_a_complaint_goes_back_with_the_answer() -> None:
    llm = saying(["many", "7"])
    talk = converse(llm, ASKED, above_3)
    assert talk.value == 7
    assert talk.cost["calls"] == 2
    assert llm.requests[1].messages == (*ASKED, Message("assistant", "many"), Message("user", "'many' is no number."))


def test_each_kind_is_said_once() -> None:
    talk = converse(saying(["many", "lots", "never asked for"]), ASKED, above_3)
    assert talk.value is None
    assert talk.failed == "'lots' is no number."
    assert talk.cost["calls"] == 2


def test_a_second_complaint_may_leave_something_to_go_on_with() -> None:
    talk = converse(saying(["1", "2"]), ASKED, above_3)
    assert (talk.value, talk.failed) == (2, "")


def test_an_answer_that_would_do_outlives_a_worse_one() -> None:
    assert converse(saying(["2", "nonsense", "nonsense"]), ASKED, above_3).value == 2


def test_turns_end() -> None:
    kinds = iter("abcdefgh")

    def read(text: str) -> int:
        raise Complaint(next(kinds), "wrong")

    talk = converse(saying(["x"] * 8), ASKED, read, turns=3)
    assert (talk.value, talk.failed, talk.cost["calls"]) == (None, "wrong", 3)


def test_a_failed_call_says_why_and_what_it_took() -> None:
    talk = converse(saying(["many", Failed("refused", {"calls": 1, "tokens": 4})]), ASKED, above_3)
    assert (talk.value, talk.failed, talk.cost["calls"]) == (None, "refused", 2)


def test_a_repair_that_the_budget_does_not_allow() -> None:
    assert converse(saying(["2", Spent("gone")]), ASKED, above_3).value == 2
    with pytest.raises(Spent):
        converse(saying(["many", Spent("gone")]), ASKED, above_3)
    with pytest.raises(Spent):
        converse(saying([Spent("gone")]), ASKED, above_3)


def test_what_goes_back_fits_the_context() -> None:
    answers = iter(["x" * 50_000, "7"])
    llm = ScriptedLLM(lambda request: next(answers), context=1_000, answer=200)
    assert converse(llm, ASKED, above_3).value == 7
    assert sum(len(m.content) for m in llm.requests[1].messages) <= 3 * 800 + 9


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), values), st.sampled_from(["", "json", "JSON"]))
def test_json_is_found_wherever_it_stands(value: dict[str, object], name: str) -> None:
    plain = json.dumps(value)
    assert parsed(f"  {plain}\n") == value
    assert parsed(f"Here it is: {plain} — that is all.") == value
    assert parsed(f"<think>first {{guess}}</think>\n{plain}") == value
    if "```" not in plain:
        assert parsed(f"Sure.\n```{name}\n{json.dumps(value, indent=1)}\n```\nDone.") == value


@pytest.mark.parametrize(
    "text", ["", "no", '{"a": {"b": 1}', "{]", '{"a": NaN}', '{"a": "\\ud800"}', "[" * 100_000, '{"a":' * 100_000]
)
def test_what_is_no_json_is_a_complaint(text: str) -> None:
    with pytest.raises(Complaint) as caught:
        parsed(text)
    assert caught.value.kind == "form"
    assert len(caught.value.said) < 400


@given(st.text(max_size=60) | st.text('{}[]",:0a`\n', max_size=60))
def test_any_text_is_json_or_a_complaint(text: str) -> None:
    with suppress(Complaint):
        json.dumps(parsed(text), ensure_ascii=False).encode()
