"""What a person may set, and what of it means nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from evolve.errors import UsageError
from substrates.command.parsers import FORMATS

__all__ = ["DIRECTIONS", "CommandSettings"]

DIRECTIONS = ("lower", "higher")


@dataclass(frozen=True)
class CommandSettings:
    """`measure`, `check`, `metric`, `direction` and `unit` default to pi-autoresearch's files where there are any."""

    repository: str = ""  # a folder, or a URL to clone
    commit: str | None = None  # the frozen base; null: HEAD of a clean tree
    measure: str | None = None  # shell command in the repository's root; prints or writes the metric
    check: str | None = None  # shell command that ends with 0 where the program is still correct
    audit: str | None = None  # hidden check: a script on this host, outside the repository, laid by the harness alone
    audit_gates: bool = True  # it also runs once in each contest: a challenger that fails it is not kept
    metric: str | None = None  # its name; in JSON BENCHMARK.FIGURE
    direction: str | None = None  # lower or higher is better; there is no default
    unit: str | None = None  # for people only; null: none is said
    format: str = "auto"  # auto, metric, hyperfine, pytest-benchmark, google-benchmark, pyperf
    output: str | None = None  # the file that the command writes; null: what it prints
    seconds: float = 60.0  # of the clock: check and measurement together
    grace: float = 1.0  # seconds more, before everything is killed
    deterministic: bool = False  # equal trees measure equal: one trial each decides, by the difference
    exclusive: bool = True  # champions and bouts are measured with the machine to themselves
    pairs: int = 10  # of parent and child in one bout
    scale: str = "log"  # differences of logarithms, for positive metrics; or plain
    target: float | None = None  # the run ends when the best champion measures so
    saturation: float | None = None  # the run ends when no keep of the last generations gained this fraction
    saturation_generations: int = 10  # how many those are
    new_files: bool = False  # a genome may add files that match the globs; a new module could shadow one of the ruler's
    environment: dict[str, str] = field(default_factory=dict)  # variables that the commands see, besides a few
    visible: list[str] = field(default_factory=list)  # folders of this host that they may read: a toolchain, data
    memory_mb: int = 2048
    processes: int = 128
    scratch_mb: int = 1024  # room for a copy of the repository and what the commands write
    brief: str | None = None  # what to tell the mutator; null: prompt.md of pi-autoresearch, or a sentence

    def check_values(self) -> None:
        """Raises UsageError for whatever means nothing, before the repository is looked at."""
        if not self.repository.strip():
            raise UsageError("substrate.repository is not set. Name a git repository: substrate.repository=PATH.")
        _one_of("format", self.format, FORMATS)
        _one_of("scale", self.scale, ("log", "plain"))
        if self.direction is not None:
            _one_of("direction", self.direction, DIRECTIONS)
        for name in ("seconds", "pairs", "memory_mb", "processes", "scratch_mb", "saturation_generations"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise UsageError(f"substrate.{name}={value} means nothing: give a number above 0.")
        if not 0 <= self.grace < math.inf:
            raise UsageError(f"substrate.grace={self.grace} means nothing: give 0 or more seconds.")
        if self.saturation is not None and not 0 < self.saturation < 1:
            raise UsageError(f"substrate.saturation={self.saturation} is no fraction: give 0.01 for one percent.")
        if self.target is not None and not math.isfinite(self.target):
            raise UsageError(f"substrate.target={self.target} can never be reached: give a finite number.")
        if self.output is not None and (self.output.startswith("/") or ".." in self.output.split("/")):
            raise UsageError(f"substrate.output={self.output} leads out of the repository: give a path inside it.")


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(f"substrate.{name}={value} is unknown. Give one of: {', '.join(known)}.")
