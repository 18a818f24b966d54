"""The errors that mean something to the engine."""

from __future__ import annotations

__all__ = ["Halt", "Spent", "UsageError"]


class UsageError(ValueError):
    """What a person can mend: what is wrong (with the value), what would be right, and how to get there."""


class Halt(Exception):
    """What a run cannot go on without is gone for now (a model's server), as the sentence says. The run stops with
    everything recorded, and can be resumed."""


class Spent(Exception):
    """A cap of the budget is reached, as the sentence says. The run comes to its end."""
