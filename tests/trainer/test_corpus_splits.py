"""The split: a partition, by content alone, that one document more does not disturb."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.errors import BadInput
from trainer.splits import SPLITS, Kept, divide, length

texts = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=60, unique=True)
leasts = st.integers(1, 2000)


def kept(documents: list[bytes]) -> list[Kept]:
    found = [Kept(hashlib.sha256(text).digest(), 0, len(text)) for text in documents]
    return sorted(found, key=lambda each: each.digest)


def sides(documents: list[bytes], least: int) -> dict[bytes, str] | None:
    """The split of each document, by digest; None where there is too little text."""
    try:
        found = divide(kept(documents), least, "the text", "give more")
    except BadInput:
        return None
    assert list(found) == list(SPLITS)
    assert sum(map(len, found.values())) == len(documents)
    return {each.digest: name for name in SPLITS for each in found[name]}


@given(texts, leasts)
def test_every_document_is_in_one_split_and_each_has_enough(documents: list[bytes], least: int) -> None:
    found = sides(documents, least)
    if found is None:
        return
    assert len(found) == len(documents)
    divided = divide(kept(documents), least, "the text", "give more")
    assert all(length(part) >= least for part in divided.values())


@given(texts, leasts)
def test_names_and_order_of_files_say_nothing(documents: list[bytes], least: int) -> None:
    assert sides(documents, least) == sides(documents[::-1], least)


@given(texts, st.binary(min_size=1, max_size=300), leasts)
def test_a_document_more_moves_none_into_what_is_scored(documents: list[bytes], more: bytes, least: int) -> None:
    before, after = sides(documents, least), sides([*documents, more], least)
    if before is None or after is None:
        return
    moved = {(side, after[digest]) for digest, side in before.items() if after[digest] != side}
    assert moved <= {("validation", "train"), ("audit", "train")}


def test_where_there_is_text_enough_a_document_more_moves_none() -> None:
    documents = [hashlib.sha256(b"%d" % number).digest() * 8 for number in range(3000)]
    before = sides(documents, 4000)
    assert before is not None
    shares = {name: list(before.values()).count(name) / len(before) for name in SPLITS}
    assert shares["validation"] == pytest.approx(0.02, abs=0.008)
    assert shares["audit"] == pytest.approx(0.02, abs=0.008)
    for number in range(40):
        after = sides([*documents, b"more %d" % number], 4000)
        assert after is not None
        assert {digest: after[digest] for digest in before} == before


def test_a_split_of_a_large_text_ends_where_no_evaluation_reads_on() -> None:
    documents = [Kept(hashlib.sha256(b"%d" % n).digest(), 0, 1 << 20) for n in range(2000)]
    found = divide(sorted(documents, key=lambda each: each.digest), 1 << 18, "the text", "give more")
    assert length(found["validation"]) < 10 << 20
    assert length(found["audit"]) < 10 << 20
    assert length(found["train"]) > 1900 << 20


def test_too_little_text_says_how_much_is_needed() -> None:
    with pytest.raises(BadInput, match=r"the text has 3,099 bytes of text; 4,000 are needed.*: give more"):
        divide(kept([bytes([n]) * 30 for n in range(100)]), 1000, "the text", "give more")


def test_no_text_at_all() -> None:
    with pytest.raises(BadInput, match=r"has 0 bytes of text; 4,000 are needed"):
        divide([], 1000, "the text", "give more")


@pytest.mark.parametrize("count", [1, 2])
def test_few_large_files_are_to_be_cut(count: int) -> None:
    with pytest.raises(BadInput, match=rf"{count} documents of up to 9,000 bytes.*split -C 64k"):
        divide(kept([bytes([n]) * 9000 for n in range(count)]), 1000, "the text", "give more")
