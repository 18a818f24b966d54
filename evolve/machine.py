"""What machine this is, for conditions that scores belong to."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

__all__ = ["processor_name"]


@cache
def processor_name() -> str:
    """The processor as the kernel names it; where it doesn't, its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
