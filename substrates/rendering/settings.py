"""What can be set in `+domain=rendering`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

__all__ = ["Measure", "Objective", "RenderingSettings"]


class Measure(str, Enum):
    auto = "auto"
    instructions = "instructions"
    time = "time"


class Objective(str, Enum):
    work = "work"
    allocations = "allocations"


@dataclass(frozen=True)
class RenderingSettings:
    """`measure`: instructions by valgrind's cachegrind, exact; or processor time, in interleaved pairs."""

    task: str = "liquid"  # or canvas; text, so that population.path can follow it
    measure: Measure = Measure.auto  # auto: instructions where valgrind is installed
    jobs: int | None = None  # fresh jobs that are measured in a trial; null: 20 pages or 3 scenes
    gate: int = 40  # hidden jobs that must come out right first, beside the visible ones
    seconds: float = 30.0  # the clock of a trial
    job_seconds: float = 2.0  # of one job, and of the gate for every 20 jobs; an engine that is stuck ends here
    least: float = 0.001  # a relative gain below this counts as none
    pairs: int = 10  # of parent and child in one bout, where processor time is measured
    audits: int = 6  # blocks of fresh jobs that a champion is audited on
    objectives: list[Objective] = field(default_factory=lambda: [Objective.work])  # both: Pareto ranks
    seed: int = 0  # of the hidden jobs
