"""Defaults out of the files that pi-autoresearch keeps in a repository, so that its users start with one command.

Its layout, as its sources (1.x) have it: `.auto/` with measure.sh, checks.sh, prompt.md, config.json and log.jsonl;
where nothing of that exists, the older flat names (autoresearch.sh, .checks.sh, .md, .config.json, .jsonl).
config.json holds `workingDir` and `maxIterations`. Metric, unit and direction stand in the log's last header line
({"type": "config", "metricName", "metricUnit", "bestDirection"}), else in the prompt (`- **Primary**: NAME (UNIT,
lower is better)`). The scripts print `METRIC name=value` lines and are started by bash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from evolve.errors import UsageError

__all__ = ["Session", "is_living", "is_session_file", "read_session"]

_CURRENT = {
    "measure": ".auto/measure.sh",
    "checks": ".auto/checks.sh",
    "prompt": ".auto/prompt.md",
    "config": ".auto/config.json",
    "log": ".auto/log.jsonl",
}
_LEGACY = {
    "measure": "autoresearch.sh",
    "checks": "autoresearch.checks.sh",
    "prompt": "autoresearch.md",
    "config": "autoresearch.config.json",
    "log": "autoresearch.jsonl",
}
_PRIMARY = re.compile(r"\*\*Primary(?:\*\*:|:\*\*)\s*`?([^\s`(]+)`?\s*\(([^)]*?)[,\s]*(lower|higher) is better", re.I)
_LIVING = ("log.jsonl", "ideas.md", "ideation.jsonl", "autoresearch.jsonl", "autoresearch.ideas.md")
"""Files of a session that change while it runs: no part of a ruler."""


@dataclass(frozen=True)
class Session:
    """What the files say; None where they say nothing. `limit`: attempts, at most.

    `laid`: files of the session by path, to be laid where the commit has none (many sessions are in .gitignore).
    """

    measure: str | None = None
    check: str | None = None
    metric: str | None = None
    unit: str | None = None
    direction: str | None = None
    brief: str | None = None
    limit: int | None = None
    laid: Mapping[str, bytes] = field(default_factory=dict)


def is_session_file(path: str) -> bool:
    """In any folder: a working directory may be one inside the repository."""
    parts = PurePosixPath(path).parts
    return ".auto" in parts[:-1] or (bool(parts) and re.match(r"autoresearch\.", parts[-1]) is not None)


def is_living(path: str) -> bool:
    """A file that a session writes as it goes: its changes are none of the program's."""
    return is_session_file(path) and PurePosixPath(path).name in (*_LIVING, "prompt.md", "autoresearch.md")


def read_session(root: Path) -> Session:
    """Of the working tree at `root`; an empty one where it has none. Raises UsageError for a file that is broken."""
    place = ""
    config = _config(root / _names(root)["config"])
    if isinstance(inside := config.get("workingDir"), str) and inside.strip():
        place = _inside(root, inside)
    folder = root / place
    names = _names(folder)
    enter = f"cd {place} && " if place else ""
    session = Session(
        measure=f"{enter}bash {names['measure']}" if (folder / names["measure"]).is_file() else None,
        check=f"{enter}bash {names['checks']}" if (folder / names["checks"]).is_file() else None,
        brief=_text(folder / names["prompt"]),
        limit=_count(config.get("maxIterations")),
        laid=_laid(folder, place, names),
    )
    return _named(session, _text(folder / names["log"]) or "")


def _names(folder: Path) -> Mapping[str, str]:
    """The current layout rules as soon as any of its files is there."""
    return _LEGACY if not any((folder / name).exists() for name in _CURRENT.values()) else _CURRENT


def _config(path: Path) -> Mapping[str, Any]:
    text = _text(path)
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is no JSON ({error}). Mend it, or remove it.") from None
    return value if isinstance(value, dict) else {}


def _inside(root: Path, working: str) -> str:
    """The working directory, relative to the repository."""
    target = (root / working).resolve()
    if not target.is_relative_to(root.resolve()) or not target.is_dir():
        raise UsageError(
            f"workingDir={working} of pi-autoresearch's config.json is no folder inside the repository {root}. Name "
            "that folder's own repository instead: substrate.repository=PATH."
        )
    relative = target.relative_to(root.resolve()).as_posix()
    return "" if relative == "." else relative


def _named(session: Session, log: str) -> Session:
    """With metric, unit and direction: the log's last header says what is measured now, else the prompt."""
    for line in reversed(log.splitlines()):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("type") == "config" and row.get("metricName"):
            direction = row.get("bestDirection")
            return replace(
                session,
                metric=str(row["metricName"]),
                unit=str(row.get("metricUnit") or "") or None,
                direction=direction if direction in ("lower", "higher") else None,
            )
    if found := _PRIMARY.search(session.brief or ""):
        return replace(session, metric=found[1], unit=found[2].strip() or None, direction=found[3].lower())
    return session


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1 else None


def _laid(folder: Path, place: str, names: Mapping[str, str]) -> dict[str, bytes]:
    if names is _LEGACY:
        found = [folder / names[kind] for kind in ("measure", "checks")]
    else:
        found = sorted((folder / ".auto").rglob("*"))
    return {
        (PurePosixPath(place) / file.relative_to(folder).as_posix()).as_posix(): file.read_bytes()
        for file in found
        if file.is_file() and not file.is_symlink() and file.name not in _LIVING
    }


def _text(path: Path) -> str | None:
    if not path.is_file():
        return None
    return path.read_text(encoding="utf-8", errors="replace")
