"""The run's page of what worked and what didn't: a mutator reads it, and a person in the morning."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.substrate import Attempt

__all__ = ["page"]


def page(attempts: Sequence[Attempt], limit: int = 4000) -> str:
    """Markdown of at most `limit` characters."""
    return ""
