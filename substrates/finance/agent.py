"""An agent is one Markdown file: a title, a layer and a role, and sections of which `## Directives` is read.

Reading never raises: an agent that cannot trade says why in `refusal`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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

__all__ = ["FITTING", "LAYERS", "ROLES", "SINGLE_ROLES", "Agent", "parse_agent", "with_directives"]

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
_REMEMBERED_AGENTS = 16_384  # texts; a run writes a few thousand


@dataclass(frozen=True)
class Agent:
    """What a Markdown file says. `directives` are those that act, `problems` why others do not.

    `unread` holds (line number from 1, line) of the Directives section that no rule of the grammar reads.
    """

    name: str
    title: str
    layer: str
    role: str
    directives: tuple[Directive, ...]
    unread: tuple[tuple[int, str], ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def refusal(self) -> str | None:
        """Why this agent cannot take part, or None: no valid layer and role, or nothing that it may do."""
        if self.role not in LAYERS.get(self.layer, ()):
            return self.problems[0]
        if not self.directives:
            return "no readable directive that fits the role"
        return None


@lru_cache(maxsize=_REMEMBERED_AGENTS)
def parse_agent(name: str, text: str) -> Agent:
    """Read one agent. Never raises: whatever is wrong is in `problems`, `unread` and `refusal`."""
    title, layer, role = _front(name, text)
    problems = _front_problems(layer, role)
    reading = read(text)
    fitting: list[Directive] = []
    for line, directive in reading.directives:
        reason = _misfit(directive, role, fitting)
        if reason is None:
            fitting.append(directive)
        else:
            problems.append(f"line {line} has no effect: {reason}: {render(directive)}")
    if not reading.directives:
        problems.append("there is no readable directive under '## Directives'")
    return Agent(name, title, layer, role, tuple(fitting), reading.unread, tuple(problems))


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
