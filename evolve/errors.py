"""Errors that a person can mend: one sentence each, no traceback, exit code 2."""

from __future__ import annotations

__all__ = ["UsageError"]


class UsageError(ValueError):
    """What is wrong (with the value), what would be right, and how to get there."""
