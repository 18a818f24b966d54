"""What a genome says of itself: `engine.toml`, which no mutator may touch."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from evolve.genome import Genome

__all__ = ["MANIFEST", "Manifest", "manifest_of"]

MANIFEST = "engine.toml"
_PYTHON = "python"


@dataclass(frozen=True)
class Manifest:
    """`build`: the command that makes `artefact` of the sources (both empty where nothing is built); `run`: the one
    that is the engine. A first word `python` stands for this Python, isolated."""

    language: str
    build: tuple[str, ...]
    artefact: str
    run: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        return _with_python(self.run)

    @property
    def building(self) -> list[str]:
        return _with_python(self.build)


def manifest_of(genome: Genome) -> Manifest:
    """Raises ValueError, in one sentence, where it isn't there or says something else."""
    if MANIFEST not in genome:
        raise ValueError(f"{MANIFEST} is missing: it says language, build, artefact and run")
    try:
        given: Mapping[str, Any] = tomllib.loads(genome[MANIFEST])
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{MANIFEST} is no TOML: {error}") from None
    words = {key: given.get(key, []) for key in ("build", "run")}
    texts = {key: given.get(key, "") for key in ("language", "artefact")}
    if not all(isinstance(v, list) and all(isinstance(word, str) for word in v) for v in words.values()):
        raise ValueError(f"{MANIFEST}: build and run are lists of words")
    if not all(isinstance(v, str) for v in texts.values()):
        raise ValueError(f"{MANIFEST}: language and artefact are text")
    if not words["run"]:
        raise ValueError(f'{MANIFEST}: run is missing, as in run = ["./engine"]')
    if bool(words["build"]) != bool(texts["artefact"]):
        raise ValueError(f"{MANIFEST}: what build makes is named by artefact; give both or neither")
    made = PurePosixPath(texts["artefact"])
    if made.is_absolute() or ".." in made.parts:
        raise ValueError(f"{MANIFEST}: artefact = {texts['artefact']!r} must lie in the engine's own folder")
    return Manifest(texts["language"], tuple(words["build"]), texts["artefact"], tuple(words["run"]))


def _with_python(words: tuple[str, ...]) -> list[str]:
    if words[:1] == (_PYTHON,):
        return [str(Path(sys.executable)), "-I", "-B", *words[1:]]
    return list(words)
