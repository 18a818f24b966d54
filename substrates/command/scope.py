"""Which tracked files a genome holds, and which it may never touch: the ruler is not the genome's."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from evolve.genome import Genome

__all__ = ["Scope", "named_files"]


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
