"""What was said at the end, as text for a terminal."""

from __future__ import annotations

import textwrap
from typing import Any

from evolve.substrate import Findings, Table

__all__ = ["cell", "findings_text"]


def findings_text(findings: Findings, width: int = 100) -> str:
    """The sentence first; then the tables, aligned; then the notes."""
    parts = [textwrap.fill(findings.sentence, width), *(_table(table) for table in findings.tables)]
    if findings.notes:
        parts.append("\n".join(textwrap.fill(note, width, subsequent_indent="  ") for note in findings.notes))
    return "\n\n".join(parts)


def _table(table: Table) -> str:
    rows = [list(table.columns), *([cell(value) for value in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    numeric = [all(isinstance(row[i], int | float | None) for row in table.rows) for i in range(len(table.columns))]
    if not any(table.columns):
        rows, widths = rows[1:], [max(len(row[i]) for row in rows[1:]) for i in range(len(table.columns))]
    lines = [
        "  ".join(
            cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, widths, numeric, strict=True)
        )
        for row in rows
    ]
    return "\n".join([table.title, *(f"  {line.rstrip()}" for line in lines)])


def cell(value: Any) -> str:
    """A table's cell as text: numbers to two decimals, a missing one as a dash."""
    if value is None:
        return "-"
    if isinstance(value, float):
        # Rounded first: a little below nothing is nothing.
        return f"{round(value, 2) + 0.0:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
