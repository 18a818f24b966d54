"""An agent is one Markdown file: a title, a layer and a role, and sections of which `## Directives` is read.

Reading never raises: an agent that cannot trade says why in `refusal`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from substrates.finance.directives import Directive, parse, read, render
from substrates.finance.directives.parse import opens_section, section_lines
from substrates.finance.directives.tree import (
    CapStocks,
    Keep,
    Rank,
    Scale,
    ShrinkBook,
    Tilt,
    TradeBand,
    TradeEvery,
    TradeStep,
    VetoWhere,
    VetoWorst,
    VolatilityTarget,
    WeighAgents,
)

__all__ = [
    "FITTING",
    "LAYERS",
    "QUOTE",
    "ROLES",
    "SINGLE_ROLES",
    "Agent",
    "Heard",
    "in_controlled_english",
    "parse_agent",
    "seat_of",
    "with_directives",
]

_TEAM_ROLES = ("exposure", "selection")
LAYERS: dict[str, tuple[str, ...]] = {  # layer -> the roles it may hold
    "macro": _TEAM_ROLES,
    "sector": _TEAM_ROLES,
    "style": _TEAM_ROLES,
    "decision": ("risk", "alpha", "execution", "allocation"),
}
ROLES = tuple(dict.fromkeys(role for roles in LAYERS.values() for role in roles))
SINGLE_ROLES = ("risk", "execution", "allocation")  # a team has at most one of each

FITTING: dict[str, tuple[type, ...]] = {  # role -> the kinds of directive that act in it
    "exposure": (Scale, VolatilityTarget),
    "selection": (Rank, Keep, Tilt),
    "alpha": (Rank, Keep, Tilt),
    "risk": (Scale, VolatilityTarget, VetoWorst, VetoWhere),
    "execution": (TradeEvery, TradeBand, TradeStep),
    "allocation": (WeighAgents, CapStocks, ShrinkBook),
}
_ONCE = (VolatilityTarget, TradeEvery, TradeBand, TradeStep, WeighAgents, CapStocks, ShrinkBook)

_FRONT = re.compile(r"^\s*[-*]?\s*\**(layer|role)\**\s*:\**\s*(\S.*?)\s*$", re.IGNORECASE)
_TITLE = re.compile(r"^#\s+(.+?)\s*$")
QUOTE = ">"  # begins a line of Markdown that is nobody's rule
_REMEMBERED_AGENTS = 16_384  # texts; a run writes a few thousand


@dataclass(frozen=True)
class Heard:
    """A passage in free English and the controlled sentences that a reader took it for, each in its canonical form.

    It stands on `count` lines from `line` (from 1) on. Without sentences it was not understood, and `why` says why.
    """

    line: int
    count: int
    said: str
    sentences: tuple[str, ...] = ()
    why: str = ""

    @property
    def lines(self) -> range:
        return range(self.line, self.line + self.count)


@dataclass(frozen=True)
class Agent:
    """What a Markdown file says. `directives` are those that act, `problems` why others do not.

    `unread` holds (line number from 1, line) of the Directives section that no rule of the grammar reads, and nobody
    else either; `heard` what a reader of free English made of such lines.
    """

    name: str
    title: str
    layer: str
    role: str
    directives: tuple[Directive, ...]
    unread: tuple[tuple[int, str], ...] = ()
    problems: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()

    @property
    def refusal(self) -> str | None:
        """Why this agent cannot take part, or None: no valid layer and role, or nothing that it may do."""
        if self.role not in LAYERS.get(self.layer, ()):
            return self.problems[0]
        if not self.directives:
            return "no readable directive that fits the role"
        return None


@lru_cache(maxsize=_REMEMBERED_AGENTS)
def parse_agent(name: str, text: str, heard: tuple[Heard, ...] = ()) -> Agent:
    """Read one agent. Never raises: whatever is wrong is in `problems`, `unread` and `refusal`.

    `heard`: its passages in free English, as somebody has read them.
    """
    title, layer, role = _front(name, text)
    problems = _front_problems(layer, role)
    reading = read(text)
    stated = sorted([*reading.directives, *_understood(heard)], key=lambda numbered: numbered[0])
    understood = {line for passage in heard if passage.sentences for line in passage.lines}
    fitting: list[Directive] = []
    for line, directive in stated:
        reason = _misfit(directive, role, fitting)
        if reason is None:
            fitting.append(directive)
        else:
            problems.append(f"line {line} has no effect: {reason}: {render(directive)}")
    if not stated:
        problems.append("there is no readable directive under '## Directives'")
    unread = tuple(numbered for numbered in reading.unread if numbered[0] not in understood)
    return Agent(name, title, layer, role, tuple(fitting), unread, tuple(problems), heard)


def seat_of(text: str) -> tuple[str, str]:
    """Layer and role, as a text says them; the role is "" where a team has no such seat."""
    _, layer, role = _front("", text)
    return layer, role if role in LAYERS.get(layer, ()) else ""


def _understood(heard: Iterable[Heard]) -> Iterator[tuple[int, Directive]]:
    for passage in heard:
        for sentence in passage.sentences:
            if (directive := parse(sentence)) is not None:
                yield passage.line, directive


def in_controlled_english(text: str, heard: Iterable[Heard]) -> str:
    """The text with its sentences in the place of each passage; one that was not understood becomes a quotation, which
    no reader is asked about again."""
    lines: list[str | None] = list(text.split("\n"))
    for passage in heard:
        own = [f"{QUOTE} {line}" for line in lines[passage.line - 1 : passage.line - 1 + passage.count]]
        said = [f"- {sentence}" for sentence in passage.sentences] or own
        for line in passage.lines:
            lines[line - 1] = None
        lines[passage.line - 1] = "\n".join(said)
    return "\n".join(line for line in lines if line is not None)


def _front(name: str, text: str) -> tuple[str, str, str]:
    """Title, layer and role: from the lines before the first section."""
    title, found = name, {"layer": "", "role": ""}
    for line in text.split("\n"):
        if line.startswith("##"):
            break
        if heading := _TITLE.match(line):
            title = heading[1]
        elif said := _FRONT.match(line):
            found[said[1].lower()] = said[2].strip("*").lower()
    return title, found["layer"], found["role"]


def _front_problems(layer: str, role: str) -> list[str]:
    if layer not in LAYERS:
        given = f"says 'Layer: {layer}'" if layer else "has no Layer"
        return [f"it {given}; write a line 'Layer: {'|'.join(LAYERS)}' under the title"]
    if role not in LAYERS[layer]:
        given = f"says 'Role: {role}'" if role else "has no Role"
        return [f"it {given}; in the {layer} layer write a line 'Role: {'|'.join(LAYERS[layer])}' under the title"]
    return []


def _misfit(directive: Directive, role: str, earlier: list[Directive]) -> str | None:
    if not isinstance(directive, FITTING.get(role, ())):
        roles = [name for name, kinds in FITTING.items() if isinstance(directive, kinds)]
        return f"it is for the role {' or '.join(roles)}"
    if directive in earlier:
        return "it is said twice"
    if isinstance(directive, _ONCE) and any(type(other) is type(directive) for other in earlier):
        return "an earlier line of its kind counts"
    return None


def with_directives(text: str, directives: Sequence[Directive]) -> str:
    """The text with these directives, in this order; every line that states none stays as it is.

    Lines that already state a wanted directive keep their wording. Without a Directives section one is added.
    """
    lines = text.split("\n")
    stated = [(n - 1, d) for n, line in section_lines(text, "directives") if (d := parse(line)) is not None]
    edits: dict[int, list[str]] = {}  # line index -> what replaces it
    matcher = SequenceMatcher(None, [d for _, d in stated], list(directives), autojunk=False)
    before: list[str] = []
    for kind, old, old_end, new, new_end in matcher.get_opcodes():
        if kind == "equal":
            continue
        bullets = [f"- {render(directive)}" for directive in directives[new:new_end]]
        for index, _ in stated[old:old_end]:
            edits[index] = []
        if old < old_end:
            edits[stated[old][0]] = bullets
        elif old > 0:  # an insertion goes below the line before it
            last = stated[old - 1][0]
            edits[last] = [*edits.get(last, [lines[last]]), *bullets]
        else:
            before = bullets
    if before:
        _insert_first(lines, edits, before, stated[0][0] if stated else None)
    return "\n".join(out for index, line in enumerate(lines) for out in edits.get(index, [line]))


def _insert_first(lines: list[str], edits: dict[int, list[str]], bullets: list[str], first: int | None) -> None:
    """Put bullets before the first directive; without one, into an empty section or a new one at the end."""
    if first is not None:
        edits[first] = [*bullets, *edits.get(first, [lines[first]])]
        return
    heading = next((i for i, line in enumerate(lines) if opens_section(line, "directives")), None)
    if heading is not None:
        edits[heading] = [lines[heading], "", *bullets]
    else:
        edits[len(lines) - 1] = [lines[-1], *([""] if lines[-1] else []), "## Directives", "", *bullets, ""]
