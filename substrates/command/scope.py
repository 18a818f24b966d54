"""Which tracked files a genome holds, and which it may never touch: the ruler is not the genome's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from evolve.genome import Genome

__all__ = ["Scope", "matcher", "named_files"]


def matcher(globs: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path matches one of the globs: `*` and `?` within a name, `**` over any number of folders (none too),
    a trailing `/` for all below."""
    patterns = [re.compile(_translated(glob)) for glob in globs]
    return lambda path: any(pattern.fullmatch(path) for pattern in patterns)


def _translated(glob: str) -> str:
    parts = [part for part in glob.removeprefix("./").split("/") if part != "."]
    if len(parts) > 1 and parts[-1] == "":
        parts[-1] = "**"
    found = ""
    for part in parts[:-1]:
        found += "(?:[^/]+/)*" if part == "**" else _name(part) + "/"
    return found + (".+" if parts[-1:] == ["**"] else _name(parts[-1] if parts else ""))


_PIECE = re.compile(r"\*+|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def _name(glob: str) -> str:
    """One name of a path: nothing in it crosses a `/`."""
    found = ""
    for piece in _PIECE.findall(glob):
        if piece.startswith("*"):
            found += "[^/]*"
        elif piece == "?":
            found += "[^/]"
        elif len(piece) > 1:
            inner = piece[1:-1].replace("\\", r"\\")
            found += f"(?!/)[^{inner[1:]}]" if inner.startswith("!") else f"(?!/)[{inner}]"
        else:
            found += re.escape(piece)
    return found


def named_files(command: str, tracked: Collection[str]) -> list[str]:
    """The tracked files that a shell command names as words, or as Python modules (`-m package.module`)."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    found = []
    for before, word in zip(["", *words], words, strict=False):
        path = PurePosixPath(word.strip(";&|()<>").partition("::")[0]).as_posix().removeprefix("./")
        module = word.replace(".", "/")
        names = [path] if before != "-m" else [f"{module}.py", f"{module}/__main__.py"]
        found += [name for name in names if name in tracked]
    return sorted(set(found))


@dataclass(frozen=True)
class Scope:
    """`texts`: the seed's files. `frozen`: every other file of the base. `grows`: may a genome add files?"""

    texts: Mapping[str, str]
    frozen: Collection[str]
    matches: Callable[[str], bool]
    grows: bool = False

    def problem(self, genome: Genome) -> str | None:
        """Why a genome may not be tried, in one clause; None where it may."""
        for path in genome:
            if path in self.texts:
                continue
            if path in self.frozen:
                return f"{path} belongs to the ruler or lies outside genome.include, and may not be edited"
            if not self.grows:
                return f"{path} is a new file, and substrate.new_files is off"
            if not self.matches(path):
                return f"{path} matches no glob of genome.include"
            above = {parent.as_posix() for parent in PurePosixPath(path).parents}
            if not above.isdisjoint(self.frozen) or any(other.startswith(f"{path}/") for other in self.frozen):
                return f"{path} would stand where the repository has a file or a folder"
        if not genome:
            return "it has no files"
        return None

    def removed(self, genome: Genome) -> Sequence[str]:
        """The seed's files that a genome has not."""
        return sorted(path for path in self.texts if path not in genome)
