"""Tokens lose nothing, and each says how many bytes of the text it is."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainer.errors import BadInput
from trainer.tokens import BytePairs, Bytes, Tokens, pairs_wanted

LEARNT = [
    b"the cat and the hat and the bat\n" * 40,
    "Ünïcödé: 日本語 🦊🦊🦊 naïve café\n".encode() * 40,
    b"def f(x):\n        return x\0\0\r\n\t" * 40,
]
texts = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=80), max_size=6)


def known(name: str) -> Tokens:
    if name == "bytes":
        return Bytes()
    pytest.importorskip("tokenizers", reason="pip install -e '.[ml]'")
    if name not in _made:
        _made[name] = BytePairs.learn(LEARNT, pairs_wanted(name))
    return _made[name]


_made: dict[str, Tokens] = {}


@pytest.mark.parametrize("name", ["bytes", "bpe:257", "bpe:300"])
def test_text_comes_back_as_it_was_and_sizes_add_up(name: str) -> None:
    tokens = known(name)

    @given(texts)
    @example(["\0", "a\0b\0\0", "\r\n \t\n", "the cat\0the hat", "\U0010ffff\u0301e\u200d", " " * 300])
    def holds(parts: list[str]) -> None:
        data = [part.encode() for part in parts]
        found = [*tokens.encode(data)]
        ids = np.concatenate(found) if found else np.zeros(0, tokens.dtype)
        assert ids.dtype == np.dtype(tokens.dtype)
        assert tokens.decode(ids) == b"".join(data)
        assert tokens.sizes[ids].sum() == sum(map(len, data))
        assert all(tokens.sizes[number] == len(tokens.decode([number])) for number in set(ids.tolist()))

    holds()


@pytest.mark.parametrize("name", ["bpe:257", "bpe:300"])
def test_every_byte_is_a_token_and_every_token_is_another_text(name: str) -> None:
    tokens = known(name)
    all_of_them = [tokens.decode([number]) for number in range(len(tokens.sizes))]
    assert len(set(all_of_them)) == len(all_of_them) == int(name[4:])
    assert {bytes([byte]) for byte in range(256)} <= set(all_of_them)
    assert [len(token) for token in all_of_them] == tokens.sizes.tolist()


def test_a_document_ends_in_no_token() -> None:
    tokens = known("bpe:300")
    assert [n for n in range(300) if b"\0" in tokens.decode([n]) and tokens.sizes[n] > 1] == []


def test_a_text_longer_than_a_piece_and_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.tokens._PIECE", 7)
    monkeypatch.setattr("trainer.tokens._BATCH", 100)
    tokens = known("bpe:300")
    found = [*tokens.encode(LEARNT)]
    assert len(found) > 10
    assert tokens.decode(np.concatenate(found)) == b"".join(LEARNT)


def test_a_text_with_few_pairs_has_fewer_tokens() -> None:
    pytest.importorskip("tokenizers", reason="pip install -e '.[ml]'")
    tokens = BytePairs.learn([b"ab" * 10], 1000)
    assert 256 < len(tokens.sizes) < 300
    assert [*tokens.encode([])] == []


def test_pairs_are_learnt_from_the_first_part_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tokenizers", reason="pip install -e '.[ml]'")
    monkeypatch.setattr("trainer.tokens.SAMPLE", 60)
    tokens = BytePairs.learn([b"abc " * 10, "é".encode() * 11, b"xyz " * 100], 400)
    learnt = {tokens.decode([n]) for n in range(256, len(tokens.sizes))}
    assert b"abc" in learnt
    assert not any(set(token) & set(b"xyz") for token in learnt)


def test_learning_twice_gives_the_same_tokens() -> None:
    first, again = known("bpe:300"), BytePairs.learn(LEARNT, 300)
    assert [first.decode([n]) for n in range(300)] == [again.decode([n]) for n in range(300)]


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ("words", "tokens='words' is not known: give bytes, or bpe:N"),
        ("bpe", "give bytes, or bpe:N"),
        ("bpe:", "give bytes, or bpe:N"),
        ("bpe:-300", "give bytes, or bpe:N"),
        ("bpe:1e4", "give bytes, or bpe:N"),
        ("bpe:256", "from 257 to 65,536"),
        ("bpe:65537", "from 257 to 65,536"),
        ("", "give bytes, or bpe:N"),
    ],
)
def test_unknown_tokens(tokens: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        pairs_wanted(tokens)


def test_known_tokens() -> None:
    assert [pairs_wanted(name) for name in ("bytes", "bpe:257", "bpe:65536")] == [0, 257, 65536]


def test_tokenizers_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(BadInput, match=r"tokenizers, which is not installed: pip install -e '\.\[ml\]'"):
        BytePairs.learn(LEARNT, 300)
