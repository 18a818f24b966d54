"""Lineages, their champions, and who descends from whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import evolve
from evolve.errors import UsageError
from evolve.genome import Genome

__all__ = ["Lineage", "Population", "copied", "read_seeds"]

_PACKAGE = "pkg://"
_OURS = Path(evolve.__file__).resolve().parents[1]
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True)
class Lineage:
    """A named line of descent. `tip`: the commit of its champion; `reigns`: (champion, its commit), oldest
    first, the seed included, so that a champion that breaks can be dethroned for the one before."""

    name: str
    seed: Genome
    reigns: tuple[tuple[Genome, str], ...]

    @property
    def champion(self) -> Genome:
        return self.reigns[-1][0]

    @property
    def tip(self) -> str:
        return self.reigns[-1][1]


class Population(Mapping[str, Lineage]):
    """All lineages by name, in alphabetical order. Only `crown` changes it."""

    def __init__(self, lineages: Mapping[str, Lineage]) -> None:
        self._lineages = {name: lineages[name] for name in sorted(lineages)}

    def __getitem__(self, name: str) -> Lineage:
        return self._lineages[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lineages)

    def __len__(self) -> int:
        return len(self._lineages)

    def champions(self) -> dict[str, Genome]:
        return {name: lineage.champion for name, lineage in self.items()}

    def tips(self) -> dict[str, str]:
        return {name: lineage.tip for name, lineage in self.items()}

    def team(self, name: str) -> dict[str, Genome]:
        """The other champions."""
        return {other: lineage.champion for other, lineage in self.items() if other != name}

    def before(self, name: str) -> Genome | None:
        """The champion that ruled before the present one first did; None where that was the seed itself."""
        reigns = self._lineages[name].reigns
        first = next(i for i, (genome, _) in enumerate(reigns) if genome == reigns[-1][0])
        return reigns[first - 1][0] if first else None

    def crown(self, name: str, champion: Genome, commit: str) -> None:
        old = self._lineages[name]
        self._lineages[name] = Lineage(name, old.seed, (*old.reigns, (champion, commit)))


def copied(seeds: Mapping[str, Genome], copies: int) -> dict[str, Genome]:
    """`copies` lineages from each seed, NAME-1 to NAME-N; a single one keeps its name.

    Raises UsageError where two would share a name.
    """
    if copies == 1:
        return dict(seeds)
    found: dict[str, Genome] = {}
    for name, genome in seeds.items():
        for number in range(1, copies + 1):
            if (twin := f"{name}-{number}") in seeds or twin in found:
                raise UsageError(f"population.copies={copies}: there is an agent {twin!r} already. Rename it.")
            found[twin] = genome
    return found


def read_seeds(place: str) -> dict[str, Genome]:
    """Seed genomes out of a folder: a file is a lineage of one file (`agent.EXT`), a folder one of several.

    `place` is a path, or `pkg://populations.finance` for the folder of an installed package. A `README`, names
    that start with `.` or `_`, and code beside the seeds of a package (`*.py`), are passed over.
    Raises UsageError for a missing or empty folder, a name that cannot be a branch, a file that is no text.
    """
    path = _folder(place)
    if not place.strip() or not path.is_dir():
        raise UsageError(
            f"population.path={path}: there is no such folder. It must hold one file (or folder) an agent."
        )
    seeds: dict[str, Genome] = {}
    for item in sorted(path.iterdir()):
        if _passed_over(item) or (place.startswith(_PACKAGE) and item.suffix == ".py"):
            continue
        name = (item.stem if item.is_file() else item.name).lower()
        if not _NAME.fullmatch(name) or name.endswith((".lock", ".")) or ".." in name:
            raise UsageError(
                f"{item}: the name {name!r} cannot be a lineage's. Rename it to letters, digits, '-' and '_'."
            )
        if name in seeds:
            raise UsageError(f"{item}: there are two agents named {name!r} in {path}. Rename one of them.")
        texts = [item] if item.is_file() else _files_in(item)
        if not texts:
            raise UsageError(f"{item}: the folder is empty. An agent needs at least one text file.")
        seeds[name] = Genome({_inside(item, file): _text(file) for file in texts})
    if not seeds:
        raise UsageError(f"population.path={path}: the folder is empty. Put one text file an agent into it.")
    return seeds


def _folder(place: str) -> Path:
    if not place.startswith(_PACKAGE):
        return Path(place)
    name = place.removeprefix(_PACKAGE)
    unknown = UsageError(
        f"population.path={place}: there is no such package{_beside(name)}. Name a folder instead: population.path=DIR."
    )
    if not all(part.isidentifier() for part in name.split(".")):
        raise unknown
    # Ours stand beside the engine; asking the import system first would let a foreign folder win.
    beside = _OURS.joinpath(*name.split("."))
    if beside.is_dir():
        return beside
    try:
        return Path(str(files(name)))
    except (ModuleNotFoundError, TypeError):  # TypeError: a module, not a package
        raise _unknown(place, _beside(name)) from None


def _unknown(place: str, beside: str = "") -> UsageError:
    return UsageError(
        f"population.path={place}: there is no such package{beside}. Name a folder instead: population.path=DIR."
    )


def _beside(name: str) -> str:
    """What there is where it was looked for, in our own populations."""
    parent, _, last = name.rpartition(".")
    folder = _OURS.joinpath(*parent.split("."))
    if not parent or not last or not folder.is_dir():
        return ""
    found = sorted(item.name for item in folder.iterdir() if item.is_dir() and not _passed_over(item))
    return f"; {parent} has {', '.join(found)}" if found else ""


def _passed_over(item: Path) -> bool:
    return item.name.startswith((".", "_")) or (item.is_file() and item.stem.lower() == "readme")


def _files_in(folder: Path) -> list[Path]:
    """Every file of a genome; what editors and systems leave behind (`.DS_Store`) is none."""
    found = (f for f in folder.rglob("*") if not any(p.startswith(".") for p in f.relative_to(folder).parts))
    return sorted(f for f in found if f.is_file())


def _inside(item: Path, file: Path) -> str:
    return f"agent{item.suffix}" if item.is_file() else file.relative_to(item).as_posix()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: byte {error.start} is not UTF-8. An agent is text; save it as UTF-8.") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}). Mend its permissions.") from None
