"""What preflight found before: JSON files beside the ledger, written whole, so that a night isn't spent on it twice."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evolve.evidence import Bout
from evolve.ledger.repository import Repository
from evolve.preflight import floor_of

__all__ = ["Passed"]


class Passed:
    """`checks` are of one run's settings as a whole; `bouts` of a genome against itself, which other settings may
    share. The ledger at `path` is made when the first is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def checks(self, key: str) -> list[dict[str, Any]] | None:
        """Those that passed, or None."""
        found = self._read(f"{key}.json")
        return None if found is None else list(found)

    def keep_checks(self, key: str, checks: Sequence[dict[str, Any]]) -> None:
        self._write(f"{key}.json", checks)

    def bouts(self, key: str) -> list[Bout]:
        """In repeat order."""
        found = self._read(f"floor-{key}.json")
        return [] if found is None else [Bout(**bout) for bout in found["bouts"]]

    def keep(self, key: str, bouts: Sequence[Bout]) -> None:
        value = {"floor": floor_of(bouts), "bouts": [dict(vars(bout)) for bout in bouts]}
        self._write(f"floor-{key}.json", value)

    def _read(self, name: str) -> Any:
        if not self._path.exists() or not any(self._path.iterdir()):
            return None
        file = Repository.open(self._path, create=False).gitdir / "evolve" / "preflight" / name
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def _write(self, name: str, value: Any) -> None:
        place = Repository.open(self._path, create=True).gitdir / "evolve" / "preflight"
        place.mkdir(parents=True, exist_ok=True)
        # Under another name first: the next job of a sweep may be reading.
        half = place / f"{name}.{os.getpid()}.tmp"
        half.write_text(json.dumps(value, indent=1), encoding="utf-8")
        half.replace(place / name)
