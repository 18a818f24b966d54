"""What a generation leaves behind: how the team did on days nobody had seen, and why each agent did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evolve.substrate import Outcome
from substrates.finance.agent import Agent
from substrates.finance.desk import Desk
from substrates.finance.directives import Directive, render
from substrates.finance.portfolio import Result
from substrates.finance.statistics import DAYS_A_YEAR, sharpe
from substrates.finance.team import Team

__all__ = ["Walk", "heard", "of", "track_of", "walk"]


@dataclass(frozen=True, eq=False)
class Walk:
    """A team's way through one window: daily figures, and what goes on: voices by agent, holdings [N]."""

    result: Result
    voices: Mapping[str, float]
    holdings: Sequence[float]

    def to_json(self) -> dict[str, Any]:
        """Daily `net`, `turnover` and `cost`, exactly as computed, and `holdings`."""
        figures = {name: getattr(self.result, name).tolist() for name in ("net", "turnover", "cost")}
        return {**figures, "holdings": list(self.holdings)}


def walk(team: Team, rows: slice, voices: Mapping[str, float], holdings: Sequence[float]) -> Walk:
    """From the carried voices and holdings ({} and []: at the beginning) through `rows`."""
    path = team.voices(rows, voices)
    book = team.book(path, rows, np.asarray(holdings, dtype=float) if holdings else None)
    names = [member.name for member in team.members]
    ends = dict(zip(names, path[-1].tolist(), strict=True))
    return Walk(book.result, ends, book.holdings.tolist())


def track_of(outcomes: Mapping[str, Outcome]) -> Mapping[str, Any] | None:
    """The team's window, which one of its agents' outcomes carries."""
    return next((o.evidence["track"] for o in outcomes.values() if "track" in o.evidence), None)


def of(desk: Desk, agent: Agent, team: Team, rows: slice) -> dict[str, Any]:
    """What the mutator may read of an agent: what each directive is worth, and what does nothing.

    `worth`: the Sharpe ratio lost without the directive; null for the only one.
    """

    def score_of(directives: tuple[Directive, ...]) -> float:
        if agent.layer == "decision":
            return sharpe(desk.fitness(replace(agent, directives=directives), team, rows))
        return desk.ratio(agent.role, directives, rows) * math.sqrt(DAYS_A_YEAR)

    score = score_of(agent.directives)
    said: dict[str, Any] = {"layer": agent.layer, "role": agent.role, "attribution": []}
    for i, directive in enumerate(agent.directives):
        others = agent.directives[:i] + agent.directives[i + 1 :]
        worth = math.nan
        if others:
            worth = score - score_of(others)
        value = round(worth, 6) if math.isfinite(worth) else None
        said["attribution"].append({"directive": render(directive), "worth": value})
    if agent.unread:
        said["unread"] = [f"line {number}: {line}" for number, line in agent.unread]
    if agent.problems:
        said["problems"] = list(agent.problems)
    said |= heard(agent)
    if neutral := desk.member(agent).position.neutral:
        said["neutral"] = list(neutral)
    return said


def heard(agent: Agent) -> dict[str, Any]:
    """What a reader made of the agent's free English, if it has any: `said`, and as what it was `read` or `why` not."""
    if not agent.heard:
        return {}
    told = [
        {"line": p.line, "said": p.said, **({"read": list(p.sentences)} if p.sentences else {"why": p.why})}
        for p in agent.heard
    ]
    return {"free_english": told}
