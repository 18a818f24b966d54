"""The errors that mean something to the engine."""

from __future__ import annotations

__all__ = ["Halt", "SlotLost", "Spent", "UsageError"]


class UsageError(ValueError):
    """What a person can mend: what is wrong (with the value), what would be right, and how to get there."""


class Halt(Exception):
    """What a run cannot go on without is gone for now (a model's server), as the sentence says. The run stops with
    everything recorded, and can be resumed."""


class Spent(Exception):
    """A cap of the budget is reached, as the sentence says. The run comes to its end."""


class SlotLost(Exception):
    """The machine's fault, not the genome's, as the words say ("the GPU fell off the bus"): raised by a trial, whose
    slot is never leased again. The trial runs anew on another one."""
