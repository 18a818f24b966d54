"""What an agent says of its change, in one line."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from evolve.mutators.command.checkout import Harvest
from evolve.printable import line, printable

__all__ = ["expected", "hypothesis", "last_lines", "named", "plain"]

_NUMBER = re.compile(r"^\W*expected\W*:\W*?([-+−]?\d*\.?\d+(?:e[-+]?\d+)?)\b", re.IGNORECASE | re.MULTILINE)
_LABEL = re.compile(r"^(?:[#>*_\-\s]*hypothesis[*_]*\s*:[*_]*|[#>*\-]+)\s*", re.IGNORECASE)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""Colours and titles for a terminal (ECMA-48): without them, what is left of a line is its text."""

_LINE, _NAMES = 300, 120
"""Characters of the whole line, and of the names in it of what was discarded."""


def plain(output: bytes) -> str:
    """What a person would read of it: no colours, no controls. Only in this can something secret be found."""
    text = output.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return printable(_ESCAPES.sub("", text))


def hypothesis(note: str, stdout: str, harvest: Harvest, parent: Mapping[str, str]) -> str:
    """Its note's first line, or the last that it has printed, or what it changed; then what of it was discarded."""
    said = _first(note) or _last(stdout) or _counted(harvest, parent)
    lost = f"; discarded what it changed elsewhere: {named(harvest.discarded)}" if harvest.discarded else ""
    return line(said, _LINE - len(lost)) + lost


def expected(note: str) -> float | None:
    """The effect that its note predicts; None for none."""
    found = _NUMBER.search(note)
    number = None if found is None else float(found[1].replace("−", "-"))
    return number if number is not None and math.isfinite(number) else None


def last_lines(output: str, most: int = 600) -> str:
    """The end of a log, its lines one after the other."""
    rows = [row.strip() for row in output.splitlines() if row.strip()]
    return line(" / ".join(rows[-8:])[-most:], most)


def named(paths: Sequence[str]) -> str:
    """As many of them as fit, then how many more."""
    shown = [line(path, 60) for path in paths]
    ends = accumulate(len(path) + 2 for path in shown)
    fit = max(sum(end - 2 <= _NAMES for end in ends), 1)
    more = f" and {len(shown) - fit} more" if len(shown) > fit else ""
    return ", ".join(shown[:fit]) + more


def _first(note: str) -> str:
    rows = (_LABEL.sub("", row.strip()) for row in note.splitlines() if not _NUMBER.match(row))
    return next((text for row in rows if (text := line(row))), "")


def _last(stdout: str) -> str:
    return next((text for row in reversed(stdout.splitlines()) if (text := line(row))), "")


def _counted(harvest: Harvest, parent: Mapping[str, str]) -> str:
    if not harvest.changed:
        return "changes nothing"
    plus = minus = 0
    for path in harvest.changed:
        before, after = (Counter(files.get(path, "").splitlines()) for files in (parent, harvest.files))
        plus += (after - before).total()
        minus += (before - after).total()
    return f"changes {named(harvest.changed)} (+{plus} −{minus} lines)"
