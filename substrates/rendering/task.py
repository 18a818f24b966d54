"""What is rendered: jobs with their exact answers, made on the trusted side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from evolve.genome import Genome
from evolve.substrate import Control

__all__ = ["Job", "Task"]


@dataclass(frozen=True)
class Job:
    args: tuple[Any, ...]  # JSON values, the positional arguments of the call
    expected: bytes  # what must come out; text as UTF-8; b"!error" where it must raise


class Task(ABC):
    """One kind of rendering: the file and the function that are called, and jobs for it.

    `asks`: in a sentence, what the function takes, gives and raises. `measured`: how many jobs make a trial's measured
    work worth more than its process's start.
    """

    name: str
    entry: str
    call: str
    asks: str
    unit: str
    measured: int

    @abstractmethod
    def visible(self) -> list[Job]:
        """Written by hand; the mutator may read them."""

    @abstractmethod
    def jobs(self, seed: int, count: int) -> list[Job]:
        """Fresh ones; equal seed, equal jobs."""

    @abstractmethod
    def controls(self, seed_genome: Genome) -> list[Control]:
        """Known answers, derived from the seed's files."""
