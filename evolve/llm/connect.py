"""From settings to an LLM. Nothing is spent here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evolve.config import LLMSettings
from evolve.llm.types import LLM

__all__ = ["connect"]


def connect(settings: LLMSettings, answers: Callable[[], Path]) -> LLM:
    """`answers`: gives the folder where answers are kept. Raises UsageError where no model can be asked."""
    raise NotImplementedError
