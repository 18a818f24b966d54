"""Git objects by hashlib: ids and bytes of blobs, trees and commits. Nothing is written here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from evolve.errors import UsageError

__all__ = ["Object", "blob", "commit", "trees"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# What HFS+ passes over in a name (git's utf8.c).
_PASSED_OVER = re.compile(r"[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")

_NAME, _PATH = 255, 1_000  # bytes: of a name, what file systems take; of a path, far below the 4,096 of Linux


class Object(NamedTuple):
    """A git object. `id` is its sha1 in hex; `data` its content without the header."""

    id: str
    kind: str
    data: bytes


def _object(kind: str, data: bytes) -> Object:
    return Object(hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest(), kind, data)


def blob(data: bytes) -> Object:
    return _object("blob", data)


def trees(files: Mapping[str, str]) -> tuple[str, list[Object]]:
    """The root tree's id of text files by path, and every object it is made of (the root last).

    Raises UsageError for a path that git or a file system could misread.
    """
    nested: dict[str, Any] = {}
    for path, text in files.items():
        *folders, name = _parts(path)
        place = nested
        for folder in folders:
            inner = place.setdefault(folder, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{path!r}: {folder!r} is a file and a folder at once. Rename one of them.")
            place = inner
        if name in place:
            raise UsageError(f"{path!r}: {name!r} is a file and a folder at once. Rename one of them.")
        place[name] = text
    objects: list[Object] = []
    return _tree(nested, objects), objects


def _tree(nested: Mapping[str, Any], objects: list[Object]) -> str:
    rows = []
    for name, inner in nested.items():
        if isinstance(inner, str):
            try:
                child = blob(inner.encode())
            except UnicodeEncodeError:
                raise UsageError(f"{name!r}: the text holds a lone surrogate; it must be valid Unicode.") from None
            objects.append(child)
            # Git sorts a folder as if its name ended in a slash.
            rows.append((name.encode(), b"100644", child.id))
        else:
            rows.append((name.encode() + b"/", b"40000", _tree(inner, objects)))
    rows.sort(key=lambda row: row[0])
    data = b"".join([mode + b" " + name.rstrip(b"/") + b"\0" + bytes.fromhex(i) for name, mode, i in rows])
    tree = _object("tree", data)
    objects.append(tree)
    return tree.id


@lru_cache(maxsize=4096)  # the paths of a run's genomes repeat
def _parts(path: str) -> list[str]:
    parts = path.split("/")
    bad = any(part in ("", ".", "..") or _is_git(part) for part in parts)
    if bad or _CONTROL.search(path) or "\\" in path:
        raise UsageError(
            f"{path!r} cannot be a file of a genome. Use a relative path without '..', '.git' and control characters."
        )
    if len(path.encode()) > _PATH or any(len(part.encode()) > _NAME for part in parts):
        raise UsageError(
            f"{path[:80]!r}… is too long for a file of a genome. Use at most {_PATH:,} bytes, and {_NAME} for a name."
        )
    return parts


def _is_git(part: str) -> bool:
    """Whether some file system takes it for `.git`: git refuses to check it out then."""
    name = part if part.isascii() else _PASSED_OVER.sub("", part)
    return name.partition(":")[0].rstrip(" .").lower() in (".git", "git~1")


def commit(tree: str, parents: Sequence[str], message: str, time: int, begun: int | None = None) -> Object:
    """A commit by the engine at `time` (seconds since 1970): equal content gives an equal id.

    `begun`: the author's date, where it is another than the committer's.
    """
    who = "evolve <evolve@localhost>"
    lines = [
        f"tree {tree}",
        *(f"parent {p}" for p in parents),
        f"author {who} {time if begun is None else begun} +0000",
        f"committer {who} {time} +0000",
        "",
        message,
    ]
    return _object("commit", "\n".join(lines).encode("utf-8", "replace"))
