"""What came of a trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Result", "Status"]

Status = Literal["ok", "crash", "timeout", "refused", "invalid"]


@dataclass(frozen=True)
class Result:
    """`bits_per_byte` is the judge's; `seconds` of training, loading and evaluation are by the judge's clock; all
    else is what the genome's process says of itself.

    `returned`: whether train() came back by itself; where it did not, its last weights were scored, those of
    `saved_share` of the clock. `curve`: (seconds, step, loss in nats per token). `log`: the end of its output.
    """

    status: Status
    reason: str = ""
    bits_per_byte: float | None = None
    split: str = ""
    loading: float = 0.0
    training: float = 0.0
    evaluation: float = 0.0
    total: float = 0.0
    steps: int = 0
    tokens: int = 0
    parameters: int = 0
    peak_mb: float = 0.0
    flops_per_token: float = 0.0
    saving: float = 0.0
    returned: bool = True
    saved_share: float = 0.0
    differs: float = 0.0
    curve: tuple[tuple[float, int, float], ...] = field(default=(), repr=False)
    log: str = field(default="", repr=False)

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.training if self.training else 0.0
