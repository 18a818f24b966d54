"""What a model answers, and from there to a genome."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evolve.errors import UsageError
from evolve.genome import Genome, Globs
from evolve.llm.conversation import Complaint
from evolve.printable import line, printable

__all__ = ["SCHEMA", "Edit", "Proposal", "apply"]

_GROWTH = (4, 10_000)  # times the parent's size, and characters: what is larger is no edit of it. An assumption


def _object(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _list(**fields: Any) -> dict[str, Any]:
    return {"type": "array", "items": _object(**fields)}


_TEXT = {"type": "string"}
SCHEMA: Mapping[str, Any] = _object(
    hypothesis=_TEXT,
    expected={"type": ["number", "null"]},
    edits=_list(path=_TEXT, search=_TEXT, replace=_TEXT),
    files=_list(path=_TEXT, text=_TEXT),
)
"""Everything required and nothing else allowed, as strict servers want it."""


@dataclass(frozen=True)
class Edit:
    """`search` stands in the file once; `replace` takes its place."""

    path: str
    search: str
    replace: str


@dataclass(frozen=True)
class Proposal:
    """An answer. `expected`: the predicted effect, in the unit of effects; `files`: whole texts by path."""

    hypothesis: str
    expected: float | None
    edits: tuple[Edit, ...]
    files: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, value: Any) -> Proposal:
        """From JSON, with what a model often leaves out. Raises Complaint."""
        try:
            edits = [Edit(_text(e["path"]), _text(e["search"]), _text(e["replace"])) for e in value.get("edits") or ()]
            files = [(_text(f["path"]), _text(f["text"])) for f in value.get("files") or ()]
            hypothesis = _text(value["hypothesis"])
        except (AttributeError, KeyError, TypeError) as error:
            raise Complaint(
                "form",
                f"The answer is not an object with hypothesis, expected, edits and files as described ({error}).",
            ) from None
        if not line(hypothesis):
            raise Complaint("form", "The hypothesis is empty. Say in one line what is changed and why that helps.")
        return cls(hypothesis, _number(value.get("expected")), tuple(edits), tuple(files))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{line(json.dumps(value), 60)} is no text")
    return value


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def apply(parent: Genome, proposal: Proposal, editable: Globs) -> Genome:
    """Whole files first, then edits in their order. Raises Complaint."""
    texts = dict(parent)
    for path, text in proposal.files:
        texts[_allowed(path, editable)] = _as_in(texts.get(path, ""), text)
    for number, edit in enumerate(proposal.edits, 1):
        if _allowed(edit.path, editable) not in texts:
            raise Complaint("path", f"Edit {number}: there is no file {edit.path!r}. There are: {_names(texts)}.")
        texts[edit.path] = _edited(texts[edit.path], edit, number)
    try:
        child = Genome(texts)
    except UsageError as error:
        raise Complaint("path", str(error)) from None
    if child == parent:
        raise Complaint("empty", "The answer changes nothing. Change something.")
    if not any(child[path].strip() for path in editable.of(child)):
        raise Complaint("empty", "The answer leaves nothing in the files that may be edited.")
    most = _GROWTH[0] * parent.size + _GROWTH[1]
    if child.size > most:
        raise Complaint("size", f"The answer makes {child.size:,} characters of {parent.size:,}; {most:,} are allowed.")
    return child


def _names(texts: Mapping[str, str]) -> str:
    return ", ".join(map(repr, list(texts)[:12])) + (", …" if len(texts) > 12 else "")


def _allowed(path: str, editable: Globs) -> str:
    if path not in editable:
        raise Complaint("path", f"{line(path, 200)!r} may not be edited. Change only files that are marked editable.")
    return path


def _edited(text: str, edit: Edit, number: int) -> str:
    where = f"Edit {number}: its search text"
    if not edit.search.strip():
        raise Complaint("edit", f"{where} is empty. Copy the lines that are to be replaced.")
    spans = _spans(re.escape(edit.search), text) or _spans(_tolerant(edit.search), text)
    if not spans:
        near = _nearest(text, edit.search)
        raise Complaint(
            "edit", f"{where} is not in {edit.path!r}. Copy it exactly. The nearest lines there, as JSON:\n{near}"
        )
    if len(spans) > 1:
        raise Complaint(
            "edit", f"{where} is in {edit.path!r} more than once. Copy more of the lines around the one that is meant."
        )
    start, end = spans[0]
    return text[:start] + _as_in(text, edit.replace) + text[end:]


def _spans(pattern: str, text: str) -> list[tuple[int, int]]:
    """Of its first two places, also where they overlap."""
    compiled = re.compile(pattern)
    first = compiled.search(text)
    second = compiled.search(text, first.start() + 1) if first else None
    return [found.span() for found in (first, second) if found]


def _tolerant(search: str) -> str:
    """Whatever the lines end in: blanks, and either line ending."""
    *rows, last = search.replace("\r\n", "\n").split("\n")
    blanks = r"[ \t]*+"
    ends = re.escape(last.rstrip()) + blanks + r"(?=\r?\n|\Z)" if last.strip() else ""
    # One that begins with blanks has all of them: else there would be a place, and a search, for each.
    begins = r"(?<![ \t])" if rows and not rows[0].strip() else ""
    return begins + "".join(re.escape(row.rstrip()) + blanks + r"\r?\n" for row in rows) + ends


def _as_in(text: str, new: str) -> str:
    """With the line ending of the file, where that has one."""
    if not (lines := text.count("\n")):
        return new
    windows = text.count("\r\n")
    if windows not in (0, lines):
        return new
    plain = new.replace("\r\n", "\n")
    return plain.replace("\n", "\r\n") if windows else plain


def _nearest(text: str, search: str) -> str:
    """The lines around the one that is most like the first of the search text."""
    rows = text.splitlines()
    wanted = next(row for row in search.splitlines() if row.strip())
    close = difflib.get_close_matches(wanted[:200], [row[:200] for row in rows], n=1, cutoff=0.0) if rows else []
    if not close:
        return "(the file is empty)"
    at = [row[:200] for row in rows].index(close[0])
    # As the answer would quote them, for they are data: whatever they say, it stays within its quotation.
    return "\n".join(json.dumps(printable(row[:200]), ensure_ascii=False) for row in rows[max(at - 2, 0) : at + 3])
