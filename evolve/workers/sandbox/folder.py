"""What goes into a trial's folder and comes out of it, by trusted code that follows no links."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

__all__ = ["collect", "fill", "parts_of", "survey"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PROGRAMS = (b"#!", b"\x7fELF")
_DEEPEST = 64  # folders within folders: each is opened on the way (an assumption; paths of Linux allow some 2,000)
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""NONBLOCK: a named pipe in a file's place must not hold us up."""


def parts_of(path: str) -> tuple[str, ...]:
    """The names along a relative path. Raises ValueError where it is absolute, empty, or leaves the folder."""
    pure = PurePosixPath(path)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise ValueError(f"a file of a trial must lie in its folder: {path!r} is not a relative path without '..'")
    return pure.parts


def fill(root: int, files: Mapping[str, bytes], owner: int | None) -> None:
    """Write `files` into the folder of descriptor `root`; all belong to user and group `owner`, if one is given.
    Scripts with a `#!` and ELF programs may be executed.

    Raises OSError, ENOSPC where they are more than it holds.
    """
    for path, content in files.items():
        *folders, name = parts_of(path)
        inside = _descend(root, folders, make_for=(owner,))
        try:
            mode = 0o755 if bytes(content[:4]).startswith(_PROGRAMS) else 0o644
            file = os.open(name, _NEW, mode, dir_fd=inside)
            with os.fdopen(file, "wb", buffering=0) as stream:
                rest = memoryview(content)
                while rest:
                    rest = rest[stream.write(rest) or 0 :]
                if owner is not None:
                    os.fchown(stream.fileno(), owner, owner)
        finally:
            os.close(inside)


def collect(root: int, names: Iterable[str], largest: int, altogether: int) -> dict[str, bytes]:
    """Of the files `names` those that are there, are regular and fit: `largest` bytes each, `altogether` in all."""
    found: dict[str, bytes] = {}
    for path in names:
        content = _read(root, path, min(largest, altogether))
        if content is not None:
            found[path] = content
            altogether -= len(content)
    return found


def survey(root: int, passed_over: Callable[[str], bool], most: int) -> dict[str, bool]:
    """Every path below the folder `root` that is no folder itself: is it a regular file? Links are not followed;
    folders that are `passed_over`, by their path, are not entered.

    Raises ValueError for more than `most` of them, or for folders too deep within each other.
    """
    found: dict[str, bool] = {}
    todo: list[tuple[str, ...]] = [()]
    while todo:
        folders = todo.pop()
        if len(folders) > _DEEPEST:
            raise ValueError(f"folders lie more than {_DEEPEST} deep within each other")
        inside = _descend(root, folders)
        try:
            with os.scandir(inside) as entries:
                for entry in entries:
                    path = "/".join((*folders, entry.name))
                    if not entry.is_dir(follow_symlinks=False):
                        found[path] = entry.is_file(follow_symlinks=False)
                    elif not passed_over(path):
                        todo.append((*folders, entry.name))
                    if len(found) + len(todo) > most:
                        raise ValueError(f"there are more than {most:,} files")
        finally:
            os.close(inside)
    return found


def _read(root: int, path: str, most: int) -> bytes | None:
    *folders, name = parts_of(path)
    try:
        inside = _descend(root, folders)
    except OSError:
        return None
    try:
        file = os.open(name, _OLD, dir_fd=inside)
    except OSError:
        return None
    finally:
        os.close(inside)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            return None
        with os.fdopen(file, "rb", closefd=False) as stream:
            return stream.read(status.st_size)
    except OSError:
        return None
    finally:
        os.close(file)


def _descend(root: int, folders: Iterable[str], make_for: tuple[int | None] | None = None) -> int:
    """A descriptor of the folder; `make_for`: make those that are missing, for this owner."""
    at = os.dup(root)
    for name in folders:
        try:
            if make_for is not None:
                _make(at, name, make_for[0])
            inner = os.open(name, _FOLDER, dir_fd=at)
        finally:
            os.close(at)
        at = inner
    return at


def _make(at: int, name: str, owner: int | None) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=at)
    except FileExistsError:
        return
    if owner is not None:
        os.chown(name, owner, owner, dir_fd=at, follow_symlinks=False)
