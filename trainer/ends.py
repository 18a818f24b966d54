"""Why a program of the genome ended, in one sentence, and the end of what it wrote."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.job import BAD_GENOME, DIVERGED, NO_MEMORY
from trainer.launch import Ended
from trainer.result import Status

__all__ = ["Lost", "lost", "tail"]

_LOG = 4000
"""Characters of a program's last output that are kept as evidence."""

_REASON = 300
"""Characters of an exception at most."""


@dataclass(frozen=True)
class Lost(Exception):
    """The trial has ended without a score."""

    status: Status
    reason: str
    log: str = ""


def lost(end: Ended, when: str) -> Lost:
    """Why a program of the genome ended that should not have."""
    log = tail(end)
    said = [line for line in log.splitlines() if line.strip()]
    last = said[-1].strip() if said else ""
    if end.status == "timeout":
        return Lost("timeout", f"{end.reason} {when}", log)
    if end.reason in (f"exit code {DIVERGED}", f"exit code {BAD_GENOME}"):
        return Lost("invalid", last, log)
    if end.reason == f"exit code {NO_MEMORY}":
        return Lost("crash", f"out of memory {when}: {last}", log)
    if end.reason != "exit code 1":  # no exception: what it wrote last need not be why
        return Lost("crash", f"{end.reason or 'it ended by itself'} {when}", log)
    error = _exception(end.stderr.decode("utf-8", "replace")) or last
    if "DefaultCPUAllocator" in error:
        return Lost("crash", f"out of memory {when}: {error}", log)
    return Lost("crash", f"{error or end.reason} ({when})", log)


def _exception(text: str) -> str:
    """The last exception that Python wrote, in one line."""
    _, found, after = text.rpartition("Traceback (most recent call last):")
    lines = after.splitlines() if found else []
    first = next((i for i, line in enumerate(lines) if line and not line[0].isspace()), len(lines))
    said = " ".join(" ".join(lines[first:]).split())
    return said if len(said) <= _REASON else said[:_REASON] + " …"


def tail(end: Ended) -> str:
    """The end of what a program wrote, its errors last."""
    text = "\n".join(part.decode("utf-8", "replace").rstrip() for part in (end.stdout, end.stderr) if part.strip())
    return text[-_LOG:]
