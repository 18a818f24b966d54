"""What a domain says at the end of a run: a sentence, figures, tables, charts and pictures; JSON throughout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Chart", "Findings", "Picture", "Table"]


@dataclass(frozen=True)
class Table:
    """A titled table of the findings; cells are numbers or short text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Chart:
    """Named lines over one axis, as a report draws them, the most important first: `x` shared by all, numbers
    or ISO dates; None is a gap.

    `said`: in one sentence, what is to be seen.
    """

    title: str
    said: str
    x: tuple[Any, ...]
    unit: str
    lines: tuple[tuple[str, tuple[float | None, ...]], ...]


@dataclass(frozen=True)
class Picture:
    """An SVG document that the domain drew; a report shows it as an image, so nothing in it runs or is fetched.

    `title`: of the section that it stands in, with others of that title; `said`: in one sentence, what is to be seen.
    """

    title: str
    said: str
    svg: str


@dataclass(frozen=True)
class Findings:
    """What is said at the end. `sentence`: in words, whether there is evidence that evolution helped.

    `helped` is the answer of the one test named beforehand (None: the domain has none); `score` the run's
    headline number, `scored` what it is, where it is not the metric at the end; `figures` are finite numbers by name;
    JSON throughout.
    """

    sentence: str
    score: float | None = None
    helped: bool | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    pictures: tuple[Picture, ...] = ()
    scored: str = ""

    def to_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Findings:
        tables = tuple(
            Table(t["title"], tuple(t["columns"]), tuple(tuple(row) for row in t["rows"])) for t in value["tables"]
        )
        charts = tuple(
            Chart(
                c["title"],
                c["said"],
                tuple(c["x"]),
                c["unit"],
                tuple((name, tuple(line)) for name, line in c["lines"]),
            )
            for c in value.get("charts", ())
        )
        pictures = tuple(Picture(**picture) for picture in value.get("pictures", ()))
        notes = tuple(value["notes"])
        return cls(**{**value, "tables": tables, "notes": notes, "charts": charts, "pictures": pictures})
