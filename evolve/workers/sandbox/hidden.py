"""Where what is to be hidden from a trial lies in what it sees."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["check_hidden", "places", "within"]


def check_hidden(hidden: Iterable[Path]) -> list[str]:
    """Host paths as text. Raises ValueError where one is not absolute, or hides what every trial needs."""
    paths = [str(path) for path in hidden]
    for path in paths:
        if not path.startswith("/") or "\0" in path or os.path.normpath(path) in ("/", "/usr", "/proc", "/dev"):
            raise ValueError(
                f"{path!r} cannot be hidden from a trial: name an absolute path, and not one that it cannot do without"
            )
    return paths


def places(hidden: Iterable[str], bound: Sequence[str], emptied: Iterable[str]) -> tuple[list[str], list[str]]:
    """The folders and the files that must be made empty inside. `bound`: host paths that are seen, at the same place;
    `emptied`: folders that are empty anyhow.

    Outermost only: in an empty folder there is nothing to cover. What a link points to is hidden, where it really is;
    a hard link elsewhere is a file of its own.
    """
    real = _Real()
    shown = [(real.path(place), place) for place in bound]
    empty, folders, files = set(emptied), set[str](), set[str]()
    for path in map(real.path, hidden):
        if not os.path.exists(path):
            continue
        is_folder = os.path.isdir(path)
        for source, place in shown:
            if within(path, source):
                (folders if is_folder else files).add(place + path[len(source) :])
            elif within(source, path):
                (folders if os.path.isdir(source) else files).add(place)
    every = empty | folders
    outermost = [sorted(p for p in kind - empty if not _any_above(p, every)) for kind in (folders, files)]
    return outermost[0], outermost[1]


class _Real:
    """Paths without links. Remembers folders, for hidden files are many in few."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def path(self, path: str) -> str:
        if os.path.islink(path):
            return os.path.realpath(path)
        folder, name = os.path.split(os.path.normpath(path))
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)


def within(path: str, folder: str) -> bool:
    """Is it the folder, or does it lie in it? Both as text, absolute, without `..`."""
    return path == folder or path.startswith(folder + "/")


def _any_above(path: str, folders: set[str]) -> bool:
    while path != "/":
        path = os.path.dirname(path)
        if path in folders:
            return True
    return False
