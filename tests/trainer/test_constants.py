"""Constants of a genome that are set from outside: only their literals change."""

from __future__ import annotations

import ast
import keyword
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.constants import Constant, constants, with_constants
from trainer.errors import BadInput

NAMES = st.from_regex(r"[A-Z][A-Z_0-9]{0,8}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
VALUES: st.SearchStrategy[Constant] = st.one_of(
    st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
COMMENTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=12)
ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n\f\n"])


@st.composite
def genomes(draw: st.DrawFn) -> tuple[str, dict[str, Constant], dict[str, Constant]]:
    """A text, what its constants are, and other values of the same kinds for some of them."""
    there = draw(st.dictionaries(NAMES, VALUES, min_size=1, max_size=6))
    lines = ["'''ä text'''" + draw(ENDS)]
    for name, value in there.items():
        form = draw(st.sampled_from(["{} = {}", "{}  =   {}", "{}: object = {}", "x = 1; {} = {}"]))
        lines.append(form.format(name, repr(value)) + "  # " + draw(COMMENTS) + draw(ENDS))
    lines.append("def f(x):" + draw(st.sampled_from(["\n", "\r\n"])) + "    A = 1\n    return A\n")
    chosen = draw(st.lists(st.sampled_from(sorted(there)), unique=True))
    return "".join(lines), there, {name: draw(like(there[name])) for name in chosen}


def like(value: Constant) -> st.SearchStrategy[Constant]:
    return VALUES.filter(lambda other: type(other) is type(value))


@given(genomes())
def test_what_is_set_is_there_and_all_else_stays(given_: tuple[str, dict[str, Constant], dict[str, Constant]]) -> None:
    text, there, new = given_
    found = {name: value for name, value in constants(text).items() if name != "x"}
    assert found == there
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in there.items()}
    changed = with_constants(text, new)
    compile(changed, "genome", "exec")
    assert constants(changed) == constants(text) | new
    assert with_constants(changed, new) == changed
    assert without_literals(changed) == without_literals(text)
    assert with_constants(text, {}) == text


def without_literals(text: str) -> bytes:
    """The bytes around the literals: cut out by the tokens of the text, in another way than the code under test."""
    data, at = text.encode(), 0
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            literal = (ast.get_source_segment(text, node.value) or "").encode()
            at = data.index(b"=", at) + 1
            at = data.index(literal, at)
            data = data[:at] + data[at + len(literal) :]
    return data


def test_values_that_were_set_can_be_set_back() -> None:
    text = "DEPTH = 2  # tune: the dial\nRATE = -1e-3  # ü\nNAME = 'a' \"b\"\n"
    changed = with_constants(text, {"DEPTH": 8, "RATE": 2, "NAME": "it's"})
    assert changed == 'DEPTH = 8  # tune: the dial\nRATE = 2.0  # ü\nNAME = "it\'s"\n'
    assert with_constants(changed, {"DEPTH": 2, "RATE": -1e-3, "NAME": "ab"}) == text.replace(
        "'a' \"b\"", "'ab'"
    ).replace("-1e-3", "-0.001")


def test_a_name_that_is_assigned_twice_is_set_twice() -> None:
    assert with_constants("A = 1\nA = 2\n", {"A": 3}) == "A = 3\nA = 3\n"


@pytest.mark.parametrize(
    "values",
    [{"DEPTH": 2.0}, {"DEPTH": True}, {"DEPTH": "2"}, {"RATE": "fast"}, {"RATE": math.inf}, {"FAST": 1}, {"KIND": 3}],
)
def test_another_kind_is_refused(values: dict[str, Constant]) -> None:
    name = next(iter(values))
    with pytest.raises(BadInput, match=f"^{name}=.*give (a|True)"):
        with_constants("DEPTH = 2\nRATE = 0.1\nFAST = False\nKIND = 'a'\n", values)


def test_a_name_that_is_not_there_is_answered_with_those_that_are() -> None:
    text = "A = 1\nB, C = 2, 3\nD = A + 1\nE = [1]\nF = -True\ndef g():\n    H = 1\nclass I:\n    J = 2\n"
    for name in "BCDEFHJ":
        with pytest.raises(BadInput, match=f"no constant {name}, .*there are: A$"):
            with_constants(text, {name: 1})
    with pytest.raises(BadInput, match="there are: none"):
        with_constants("", {"A": 1})


@pytest.mark.parametrize("text", ["A = (1\n", "A = 1\0", "A = '\ud800'\n"])
def test_what_is_no_python_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="no Python"):
        with_constants(text, {"A": 2})
