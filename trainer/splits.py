"""Which documents are trained on, which are scored, and which only the audit sees: pure functions of their digests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainer.errors import BadInput

__all__ = ["SPLITS", "Kept", "divide", "ends", "length"]

SPLITS = ("train", "validation", "audit")

_HELD = 1 / 50
"""The share of documents in validation, and in the audit. A constant, so that one document more moves no other."""

_ENOUGH = 8 << 20
"""Bytes of text from which on such a split takes no further document: more than any evaluation reads."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A document: sha256 of its text, and where it lies in a file: `size` bytes from `at` on. `side`: its split, where
    that isn't for its digest to say."""

    digest: bytes
    at: int
    size: int
    side: str = ""


def length(documents: Iterable[Kept]) -> int:
    """Bytes of the text that these are: joined by one byte."""
    return max(0, sum(each.size + 1 for each in documents) - 1)


def divide(documents: Sequence[Kept], least: int, name: str, advice: str) -> dict[str, list[Kept]]:
    """The documents of each split, in the order of their digests; `documents` are sorted by them.

    Raises BadInput where one split has less than `least` bytes: of the text `name`, with `advice` on how to get more.
    """
    total, needed = length(documents), 4 * least
    if total < needed:
        raise BadInput(
            f"{name} has {total:,} bytes of text; {needed:,} are needed, of which a quarter each to validate and to "
            f"audit: {advice}, or have fewer tokens scored"
        )
    if any(each.side for each in documents):
        return _by_side(documents, least, name, advice)
    first, last = ends([each.digest for each in documents], [each.size for each in documents], least)
    there = len(documents)
    train = documents[first : there - last]
    if first + last > there or length(train) < least:
        large = max(each.size for each in documents)
        raise BadInput(
            f"{name} has {there:,} documents of up to {large:,} bytes; no file is in two splits, and so few don't give "
            f"each {least:,} bytes: cut them into smaller ones, e.g. split -C 64k --additional-suffix=.txt FILE FOLDER/"
        )
    return {"train": [*train], "validation": [*documents[:first]], "audit": [*documents[there - last :]]}


def ends(digests: Sequence[bytes], sizes: Sequence[int], least: int) -> tuple[int, int]:
    """How many documents from the first on are for validation, and how many from the last on for the audit.

    `digests`: sha256 of each, sorted; `sizes`: bytes of each. A document is held out where its digest is among the
    lowest or the highest 2 % of all that there can be; where these have less than `least` bytes, the next ones are too.
    So a document more can only move those at the edge of a split that is near its least or its most, and back into
    training: never one that was trained on into what is scored.
    """

    def count(order: Iterable[int], *, last: bool) -> int:
        taken = size = 0
        for number in order:
            place = int.from_bytes(digests[number][:8], "big") / 2**64
            chosen = (1 - place if last else place) < _HELD and size < _ENOUGH
            if not chosen and size > least:
                break
            taken, size = taken + 1, size + sizes[number] + 1
        return taken

    return count(range(len(sizes)), last=False), count(reversed(range(len(sizes))), last=True)


def _by_side(documents: Sequence[Kept], least: int, name: str, advice: str) -> dict[str, list[Kept]]:
    found = {side: [each for each in documents if each.side == side] for side in SPLITS}
    for side, part in found.items():
        if length(part) < least:
            raise BadInput(f"{name} has {length(part):,} bytes for {side}; {least:,} are needed: {advice}")
    return found
