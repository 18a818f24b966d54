"""What an agent's directives say for every day: the answer of `interpret`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from substrates.finance.directives.tree import Every

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class ExecutionRule:
    """When and how far to trade.

    `every`: trade on the first trading day of each period only. `band`: trade only when half the sum of
    absolute differences between target and holdings exceeds it (0: always). `step`: share of the way that a
    day of trading moves (0..1].
    """

    every: Every = "daily"
    band: float = 0.0
    step: float = 1.0


@dataclass(frozen=True)
class AllocationRule:
    """How books are added: by Darwinian weight or equally.

    `cap`: most of the book in one stock (1: no limit). `shrink`: share of the way to equal weight (0..1).
    """

    darwinian: bool = False
    cap: float = 1.0
    shrink: float = 0.0


@dataclass(frozen=True, eq=False)
class Position:
    """What an agent wants at the close of each day t, from what is known then. Arrays are read-only.

    exposure [T] in 0..2 (roles exposure, risk); weights [T, N], rows >= 0 that sum to 1 (selection, alpha);
    veto [T, N] (risk); a rule (execution, allocation). What the role does not have is None.
    `neutral`: sentences about the directives that do nothing, wholly or since a day, for lack of data.
    """

    role: str
    exposure: Floats | None = None
    weights: Floats | None = None
    veto: Bools | None = None
    execution: ExecutionRule | None = None
    allocation: AllocationRule | None = None
    neutral: tuple[str, ...] = ()
