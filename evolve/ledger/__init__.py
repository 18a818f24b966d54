"""TEMPORARY stand-in by the lead; the ledger's author overwrites this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    kind: str
    key: str
    value: Mapping[str, Any]
    genome: Mapping[str, str] | None = None
    attempt: str | None = None


@dataclass(frozen=True)
class Attempt:
    run: str
    lineage: str
    generation: int
    number: int
    genome: Mapping[str, str]
    parents: tuple[str, ...]
    hypothesis: str
    trailers: Mapping[str, str]
