"""Text to token numbers and back: bytes as they are, or byte pairs learnt from the training text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from trainer.errors import BadInput

__all__ = ["INSTALL", "SAMPLE", "BytePairs", "Bytes", "Tokens", "pairs_wanted"]

INSTALL = "pip install -e '.[ml]'"

SAMPLE = 16 << 20
"""Bytes of training text that pairs are learnt from, at most. Measured: 8 to 16 MiB changes 4,096 tokens from 2.95 to
3.13 bytes a token on a mix of Python sources, and takes twice as long (10 s for 16 MiB on one core)."""

_LEAST, _MOST = 257, 1 << 16
"""A token of each byte and one pair; as many as uint16 can number."""

_PIECE = 1 << 16
"""Characters that are tokenised as one: a longer text is cut, at the cost of one pair."""

_BATCH = 4 << 20
"""Characters that are tokenised at once, over all cores: some 200 MB of working memory."""


class Tokens(Protocol):
    """How text becomes numbers. `dtype`: uint8 or uint16; `sizes`: bytes of text of each token, (vocabulary,) int64."""

    @property
    def dtype(self) -> str: ...
    @property
    def sizes(self) -> npt.NDArray[np.int64]: ...

    def encode(self, texts: Iterable[bytes]) -> Iterator[npt.NDArray[Any]]:
        """The tokens of the texts (UTF-8), one after the other, in arrays of any length."""

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> bytes:
        """The very bytes that these tokens stand for."""

    def save(self, folder: Path) -> None:
        """What a person needs to use the same tokens elsewhere; nothing where that is nothing."""


class Bytes:
    """Each byte is a token."""

    dtype = "uint8"
    sizes: npt.NDArray[np.int64] = np.ones(256, np.int64)

    def encode(self, texts: Iterable[bytes]) -> Iterator[npt.NDArray[Any]]:
        for text in texts:
            yield np.frombuffer(text, np.uint8)

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> bytes:
        return np.asarray(ids, np.uint8).tobytes()

    def save(self, folder: Path) -> None:
        pass


class BytePairs:
    """Byte-level byte pairs (GPT-2's scheme, by the package tokenizers). A byte that is in no pair is its own token, so
    that every text is told without loss; a NUL, which separates documents, is in none."""

    dtype = "uint16"

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        letters = _letters()
        names = (tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size()))
        self._table = [bytes(letters[letter] for letter in name) for name in names]

    @classmethod
    def learn(cls, texts: Iterable[bytes], vocabulary: int) -> BytePairs:
        """From the first `SAMPLE` bytes of the texts. It has fewer tokens where they have fewer pairs.

        Raises BadInput where tokenizers is not installed.
        """
        try:
            from tokenizers import Tokenizer, models, pre_tokenizers, trainers
        except ImportError:
            raise BadInput(f"Byte pairs need the package tokenizers, which is not installed: {INSTALL}") from None
        tokenizer = Tokenizer(models.BPE())
        words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("\0", "isolated"), words])
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=vocabulary, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(_first(texts, SAMPLE), trainer)
        return cls(tokenizer)

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        return np.array([len(token) for token in self._table], np.int64)

    def encode(self, texts: Iterable[bytes]) -> Iterator[npt.NDArray[Any]]:
        batch: list[str] = []
        size = 0
        for text in texts:
            letters = text.decode()
            for at in range(0, len(letters), _PIECE):
                batch.append(letters[at : at + _PIECE])
                size += len(batch[-1])
                if size >= _BATCH:
                    yield self._encoded(batch)
                    batch, size = [], 0
        if batch:
            yield self._encoded(batch)

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> bytes:
        return b"".join(self._table[int(number)] for number in ids)

    def save(self, folder: Path) -> None:
        self._tokenizer.save(os.fspath(folder / "tokenizer.json"))

    def _encoded(self, batch: list[str]) -> npt.NDArray[np.uint16]:
        # Without offsets: half the time, and bytes are counted by `sizes`.
        found = self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        return np.concatenate([np.array(each.ids, np.uint16) for each in found])


def pairs_wanted(tokens: str) -> int:
    """The vocabulary of `bpe:N`, or 0 of `bytes`. Raises BadInput for anything else."""
    if tokens == "bytes":
        return 0
    kind, _, number = tokens.partition(":")
    if kind != "bpe" or not number.isdecimal():
        raise BadInput(f"tokens={tokens!r} is not known: give bytes, or bpe:N with N tokens, e.g. bpe:8192")
    if not _LEAST <= int(number) <= _MOST:
        raise BadInput(f"tokens={tokens!r} is out of range: byte pairs have from {_LEAST} to {_MOST:,} tokens")
    return int(number)


def _first(texts: Iterable[bytes], most: int) -> Iterator[str]:
    for text in texts:
        yield text[:most].decode(errors="ignore")
        most -= len(text)
        if most <= 0:
            return


def _letters() -> dict[str, int]:
    """The byte of each letter of the byte-level alphabet: printable ones stand for themselves, the rest follow 255."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}
