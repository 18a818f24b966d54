"""What can be set in `+domain=ml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["Device", "MLSettings"]


class Device(str, Enum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


@dataclass(frozen=True)
class MLSettings:
    """The defaults are those of `clock=cpu_30s`. Seconds are wall clock."""

    seconds: float = 30.0  # of training: the clock
    warmup: float = 0.0  # of the genome's own loading and compiling before it, at most; what takes longer counts
    evaluation: float = 60.0  # of each of the two processes that answer, at most
    context: int = 256  # tokens of a window that is scored
    windows: int = 192  # that are scored; 0: the whole split
    rows: int = 32  # windows in one request at most
    probes: int = 0  # of them, answered by a second process about changed text; 0: all
    text: str = "stdlib"  # this Python's library, a folder of text, or Parquet
    glob: str = "**/*"  # which files of a folder
    column: str = "text"  # of Parquet
    tokens: str = "bytes"  # or bpe:8192
    constants: dict[str, Any] = field(default_factory=dict)  # of the seeds, set before the run: {DEPTH: 8}
    device: Device = Device.auto  # auto: CUDA where there is a GPU
    cores: int = 1  # that a training computes on; 0: all of its slot
    memory_mb: int = 4096  # of each of a trial's programs
    processes: int = 256  # and threads of each
    controls: float = 5.0  # seconds of the clock of a control
    audits: int = 4  # trainings that a champion is audited by
    cache: str | None = None  # where prepared text lies; null: XDG_CACHE_HOME or ~/.cache
    curves: str | None = None  # a folder for TensorBoard's files, a curve a trial; chosen as tracker=tensorboard
