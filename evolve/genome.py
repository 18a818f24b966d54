"""Genome: an immutable set of text files. Its identity is its git tree id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from evolve.ledger.objects import trees

__all__ = ["Genome"]


class Genome(Mapping[str, str]):
    """Path -> text, frozen. Equal text is equal genome: `digest` is the git tree id of the files.

    Raises UsageError for a path that git or a file system could misread (absolute, `..`, `.git`, NUL).
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = {path: files[path] for path in sorted(files)}
        self.digest: str = trees(self._files)[0]

    def __getitem__(self, path: str) -> str:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Genome) and other.digest == self.digest

    def __repr__(self) -> str:
        return f"Genome({self.digest[:10]}: {', '.join(self._files)})"

    @cached_property
    def size(self) -> int:
        """Characters of text, over all files."""
        return sum(map(len, self._files.values()))
