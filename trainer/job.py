"""What the process with the genome is asked to do, and how it says that it could not."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from trainer.plan import Facts

__all__ = ["BAD_GENOME", "DIVERGED", "NO_MEMORY", "Job"]

DIVERGED, BAD_GENOME, NO_MEMORY = 41, 42, 43
"""Exit codes that tell the judge what kind of end it was; a genome could use them too, to its own harm."""


@dataclass(frozen=True)
class Job:
    """What the child is asked to do. Paths are of shared files; `request`, `answer`: bytes of one area of each;
    `logits`: the dtype of an answer."""

    what: str  # train or answer
    genome: str
    facts: Facts
    seed: int
    ask: str
    say: str
    weights: list[str]
    text: str = ""
    dtype: str = "uint8"
    saves: int = 8
    request: int = 0
    answer: int = 0
    logits: str = "float32"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        value: dict[str, Any] = json.loads(text)
        return cls(**{**value, "facts": Facts(**value["facts"])})
