"""A genome from files: what it is, and its name in git."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from trainer.errors import BadInput
from trainer.trial import ENTRY

__all__ = ["identity", "read"]


def read(path: Path) -> dict[str, str]:
    """Path to text: a file, which becomes `train.py`, or the Python files of a folder with a `train.py` in it. Raises
    BadInput."""
    if path.is_file():
        return {ENTRY: _text(path)}
    if not path.is_dir():
        raise BadInput(f"there is no {path}: give a Python file, or a folder with {ENTRY}")
    files = sorted(file for file in path.rglob("*.py") if not _aside(file.relative_to(path)))
    found = {file.relative_to(path).as_posix(): _text(file) for file in files}
    if ENTRY not in found:
        raise BadInput(f"{path} has no {ENTRY}: a genome is a Python file, or a folder with {ENTRY}")
    return found


def identity(files: Mapping[str, str], *, alone: bool) -> str:
    """The id that git gives: of the one file (`alone`), or of the folder."""
    data = {path: text.encode() for path, text in files.items()}
    return _object("blob", data[ENTRY]).hex() if alone else _tree(data).hex()


def _aside(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} isn't UTF-8 (byte {error.start:,}): a genome is text") from None


def _object(kind: str, data: bytes) -> bytes:
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data, usedforsecurity=False).digest()


def _tree(files: Mapping[str, bytes]) -> bytes:
    folders: dict[str, dict[str, bytes]] = {}
    entries: list[tuple[bytes, bytes, bytes]] = []  # as git sorts them, then the line
    for path, data in files.items():
        head, _, rest = path.partition("/")
        if rest:
            folders.setdefault(head, {})[rest] = data
        else:
            entries.append((head.encode(), b"100644 " + head.encode(), _object("blob", data)))
    for head, inside in folders.items():
        entries.append((head.encode() + b"/", b"40000 " + head.encode(), _tree(inside)))
    return _object("tree", b"".join(line + b"\0" + name for _, line, name in sorted(entries)))
