"""What the named commands share: their ledger and their run."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from evolve.errors import UsageError
from evolve.ledger import runs

__all__ = ["chosen_run", "parser", "printable"]


# Texts of genomes and hypotheses are hostile: a terminal obeys escape sequences.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{self.prog}: {message}. Try {self.prog} --help.")


def parser(command: str, what: str, run: bool = True) -> argparse.ArgumentParser:
    """With --ledger, and where `run` is said an optional RUN (default: the last)."""
    made = _Parser(prog=f"python -m evolve {command}", description=what)
    if run:
        made.add_argument("run", nargs="?", metavar="RUN", help="the run's name; the last one when left out")
    made.add_argument("--ledger", type=Path, default=Path("lineages.git"), help="the repository (lineages.git)")
    return made


def chosen_run(ledger: Path, name: str | None) -> str:
    """The run meant. Raises UsageError where there is none of that name, or none at all."""
    known = runs(ledger)
    if not known:
        raise UsageError(f"There is no run in {ledger} yet. Start one: python -m evolve +domain=finance.")
    if name is None:
        return known[0]
    if name not in known:
        raise UsageError(f"There is no run {name!r} in {ledger}. Runs there: {', '.join(known[:12])}.")
    return name


def printable(text: str) -> str:
    """Without anything that a terminal would obey."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
