"""This Python's standard library as text: what of it is held out, and where a sandbox would show copies of that.

A trial runs on the very library that it is trained on, so what is scored comes from modules that no trial needs: they
are named here, and `copies` says what of the machine must be hidden.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["HELD", "copies", "files", "libraries", "places", "root", "side"]

HELD = {
    "validation": ("mailbox", "_pyio", "optparse", "smtplib", "trace", "nntplib", "telnetlib"),
    "audit": (
        *("xmlrpc", "wsgiref", "imaplib", "ftplib", "venv", "modulefinder", "poplib", "tabnanny", "pyclbr", "zipapp"),
        *("cgi", "smtpd"),
    ),
}
"""Top-level modules and packages, each as a whole on one side. Chosen because neither torch (with its compiler), numpy
nor tokenizers import them, every system's Python has them (the last few until 3.12), and each side has 300 kB with or
without the parts that some systems leave out: idlelib, tkinter, turtle, lib2to3, test."""

_NO_TEXT = ("site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__")
"""Folders that are none of the text: other people's, or tests, which many systems leave out."""

_OF_THE_MACHINE = ("_sysconfigdata", "sitecustomize", "usercustomize")
"""Modules that differ from one machine to the next."""

_QUOTING = ("test",)
"""CPython's own tests quote the modules that they test, and no trial needs them."""

_LANDMARKS = frozenset({"os.py", "os.pyc"})
"""A folder with one of these is a standard library: by this, Python itself finds it."""

_NO_LIBRARY = ("site-packages", "dist-packages", "__pycache__", "include", "doc", "man", "locale", "icons")
"""Folders in which none is looked for: they are large, and the tests look for copies among installed packages."""


def root() -> Path:
    """Where the standard library of this Python lies."""
    return Path(sysconfig.get_path("stdlib"))


def files(library: Path) -> list[Path]:
    """The sources that are text, sorted."""
    found = []
    for folder, folders, names in os.walk(library):
        folders[:] = [name for name in folders if name not in _NO_TEXT and not name.startswith("config-")]
        found += [Path(folder, name) for name in names if name.endswith(".py") and not name.startswith(_OF_THE_MACHINE)]
    return sorted(found)


def side(path: Path, library: Path) -> str:
    """The split that a source belongs to."""
    top = path.relative_to(library).parts[0].removesuffix(".py")
    return next((name for name, modules in HELD.items() if top in modules), "train")


def places() -> list[Path]:
    """What a sandbox shows that has this Python and /usr in it: folders that a standard library may lie in."""
    prefixes = dict.fromkeys([sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix])
    own = [Path(prefix, part) for prefix in prefixes for part in ("lib", "lib64", "share")]
    return [Path("/usr"), *(path for path in own if path.is_dir() and not path.is_relative_to("/usr"))]


def libraries(places: Iterable[Path]) -> list[Path]:
    """Every standard library there, of any version: some programs bring a Python of their own, wherever they lie."""
    found = []
    for place in places:
        for folder, folders, names in os.walk(place):
            if not _LANDMARKS.isdisjoint(names):
                found.append(Path(folder))
                folders.clear()
            found += [Path(folder, name) for name in names if name.startswith("python") and name.endswith(".zip")]
            folders[:] = [name for name in folders if name not in _NO_LIBRARY]
    # By both names where a link leads there: a sandbox may show either.
    return list(dict.fromkeys(path for each in found for path in (each, each.resolve())))


def copies(libraries: Iterable[Path]) -> Iterator[Path]:
    """The files and folders in these libraries that hold text of a held-out module: sources, bytecode, archives."""
    names = [*_QUOTING, *(name for modules in HELD.values() for name in modules)]
    for library in libraries:
        if library.suffix == ".zip":
            yield library
            continue
        for name in names:
            found = [library / name, library / f"{name}.py", library / f"{name}.pyc"]
            yield from (path for path in found if path.exists())
            yield from sorted(library.glob(f"__pycache__/{name}.*.pyc"))
