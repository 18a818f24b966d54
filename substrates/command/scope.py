"""Which tracked files a genome holds, and which it may never touch: the ruler is not the genome's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from evolve.genome import Genome

__all__ = ["Scope", "named_files"]


_RUNNERS = {
    "cargo": ("Cargo.toml",),
    "just": ("justfile", "Justfile"),
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "npm": ("package.json",),
    "pnpm": ("package.json",),
    "rake": ("Rakefile",),
    "yarn": ("package.json",),
}
"""Programs that do what a file of the repository says, without its being named."""


def named_files(command: str, tracked: Collection[str]) -> list[str]:
    """The tracked files that a shell command names: as words, after a `cd` too, as Python modules (`-m a.b`), or by
    starting a program that reads them."""
    words = _words(command)
    found: set[str] = set()
    folder = PurePosixPath()
    folders: list[PurePosixPath] = [folder]
    read: list[str] = []  # where it goes, and what the programs that it starts read there
    for before, word in zip(["", *words], words, strict=False):
        bare = word.partition("::")[0]
        module = word.replace(".", "/")
        names = [bare] if before != "-m" else [f"{module}.py", f"{module}/__main__.py"]
        found.update(path for name in names for path in (PurePosixPath(name).as_posix(), (folder / name).as_posix()))
        read += _RUNNERS.get(bare, ())
        if before in ("cd", "-C"):
            folder = folder / bare
            folders.append(folder)
    found.update((place / name).as_posix() for place in folders for name in read)
    return sorted(found.intersection(tracked))


def _words(command: str) -> list[str]:
    """Every word that may name a file: quotes, pipes, redirections and assignments end one, also inside of `sh -c`."""
    try:
        parts = shlex.split(command, comments=True)
    except ValueError:
        parts = [command]
    words = [word for part in parts for word in re.split(r"[\s;&|()<>=$`'\"{},]+", part) if word]
    joined = re.compile(r"-[mC][\w./]+")
    return [part for word in words for part in ((word[:2], word[2:]) if joined.fullmatch(word) else (word,))]


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
