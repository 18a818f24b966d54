"""Text to tokens, split by file into what is trained on, what is scored, and what only the audit sees."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SPLITS", "Corpus"]

SPLITS = ("train", "validation", "audit")


@dataclass(frozen=True)
class Corpus:
    """A prepared folder: `train.bin`, `validation.bin`, `audit.bin` (token numbers, `dtype`), `sizes.npy`,
    `about.json`.

    `digest`: of the text, its split and its tokens. `vocabulary`: how many tokens there are. `hidden`: files
    and folders of this machine with text that is scored, or copies of it: no genome may see them.
    """

    folder: Path
    digest: str
    vocabulary: int
    dtype: str
    hidden: tuple[Path, ...] = ()

    @classmethod
    def open(cls, folder: Path) -> Corpus:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        hidden = tuple(Path(path) for path in about["hidden"])
        return cls(folder, about["digest"], about["vocabulary"], about["dtype"], hidden)

    @property
    def train(self) -> Path:
        return self.folder / "train.bin"

    def split(self, name: str) -> npt.NDArray[Any]:
        """Its tokens, memory-mapped."""
        return np.memmap(self.folder / f"{name}.bin", dtype=self.dtype, mode="r")

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """How many bytes of the text each token is, (vocabulary,): all 1 where bytes are the tokens."""
        sizes: npt.NDArray[np.int64] = np.load(self.folder / "sizes.npy", allow_pickle=False)
        return sizes
