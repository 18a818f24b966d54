"""Every number of a trial, and what a genome may know of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Facts", "Plan"]


@dataclass(frozen=True)
class Facts:
    """What a genome is told before it builds anything. `vocabulary`: how many tokens there are; `context`: tokens of a
    window when it is scored; `seconds`: its clock; `device`: cpu or cuda; `cores`: processors it may use."""

    vocabulary: int
    context: int
    seconds: float
    device: str
    cores: int


@dataclass(frozen=True)
class Plan:
    """One trial. Seconds are wall clock.

    `seconds`: training, from the moment the training text is there. `warmup`: of the genome's own loading and compiling
    before it, at most; what takes longer counts. 0: the clock starts before anything of the genome is loaded.
    `evaluation`: from the bell to the last answer of each of the two processes, at most.
    `windows` of `context` tokens are scored, at most `rows` in one request; 0: all that the split has. `probes` of
    them, drawn anew for each trial, are answered by the second process too; 0: all.
    `saves`: how often weights are kept on the way. `tolerance`: by how many nats the two processes' answers may differ,
    on average and at worst, where arithmetic is float32; wider where it is not (`coarse`).
    """

    seconds: float = 30.0
    warmup: float = 0.0
    evaluation: float = 60.0
    context: int = 256
    windows: int = 256
    rows: int = 32
    probes: int = 0
    saves: int = 8
    device: str = "cpu"
    memory_mb: int = 4096
    processes: int = 256
    weights_mb: int = 2048

    def __post_init__(self) -> None:
        least = {
            "seconds": 0.5,
            "warmup": 0.0,
            "evaluation": 1.0,
            "context": 2,
            "windows": 0,
            "rows": 1,
            "probes": 0,
            "saves": 1,
        }
        for name, floor in least.items():
            value = getattr(self, name)
            if not floor <= value < math.inf:
                raise ValueError(f"{name}={value} means nothing: give {floor:g} or more")
