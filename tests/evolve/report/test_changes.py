"""Word-level changes: nothing is lost, nothing is invented."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolve.report.changes import changes

words = st.lists(st.sampled_from(["hold", "the", "top", "5", ";", " ", "\n", "ä", "<b>"]), max_size=40).map("".join)


@given(words, words)
def test_what_is_shown_is_what_was_and_what_is(old: str, new: str) -> None:
    found = list(changes({"a": old}, {"a": new}))
    assert bool(found) == (old.splitlines(True) != new.splitlines(True))
    for change in found:
        was = "".join(p.text for p in change.pieces if p.kind != "ins")
        now = "".join(p.text for p in change.pieces if p.kind != "del")
        assert was in old
        assert now in new
        assert any(p.kind != "same" for p in change.pieces)


def test_a_number_is_a_word() -> None:
    (change,) = changes({"agent.md": "hold the top 5;\n"}, {"agent.md": "hold the top 6;\n"})
    assert [(p.kind, p.text) for p in change.pieces if p.kind != "same"] == [("del", "5"), ("ins", "6")]


def test_files_come_and_go() -> None:
    found = list(changes({"a": "x\n", "b": "y\n"}, {"b": "y\n", "c": "z\n"}))
    assert [(c.path, c.pieces[0].kind) for c in found] == [("a", "del"), ("c", "ins")]
