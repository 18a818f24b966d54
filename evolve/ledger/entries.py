"""What a ledger holds: entries of a journal, and attempts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Attempt", "Entry", "Record", "one_line"]


@dataclass(frozen=True)
class Entry:
    """One thing that happened. Its key is its content, never its order.

    `genome` (a rewrite's, a seed's text) lies in the entry's tree under genome/; `attempt` is the commit
    that a verdict is about, the entry's second parent.
    """

    kind: str
    key: str
    value: Mapping[str, Any]
    genome: Mapping[str, str] | None = None
    attempt: str | None = None


@dataclass(frozen=True)
class Attempt:
    """Becomes one commit: its tree is the genome and nothing else, its parents are the genetic ones."""

    run: str
    lineage: str
    generation: int
    number: int
    genome: Mapping[str, str]
    parents: tuple[str, ...]
    hypothesis: str
    trailers: Mapping[str, str]

    def message(self) -> str:
        """The hypothesis in one line, then trailers that no hypothesis can forge."""
        own = {"Run": self.run, "Generation": str(self.generation), "Lineage": self.lineage}
        rows = [f"{name}: {one_line(text)}" for name, text in {**own, **self.trailers}.items()]
        # To git, three hyphens begin a patch and scissors end a message: no trailer would be read behind them.
        subject = re.sub(r"^-{3,}|-{10,} >8 -{10,}", "-", one_line(self.hypothesis))
        return subject + "\n\n" + "\n".join(rows) + "\n"


@dataclass(frozen=True)
class Record:
    """An attempt as it is read back: `parents` are attempt commits, `time` is seconds since 1970."""

    commit: str
    tree: str
    parents: tuple[str, ...]
    time: int
    subject: str
    trailers: Mapping[str, str]


def one_line(text: str) -> str:
    """Without line breaks or control characters, 300 characters at most."""
    if text.isprintable() and len(text) <= 300:  # most are: nothing to replace
        return text.strip() or "-"
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text).strip()[:300].rstrip() or "-"
