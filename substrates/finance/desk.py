"""Where agents are evaluated: each once over all days that this desk may see, then sliced.

Evaluating once is the speed trick, and it would be the look-ahead hole: so a desk is given a panel that was
cut with `Panel.until`, and `looks_ahead` asks of every agent that is tried whether its past stands when the
future is taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache

import numpy as np

from evolve.genome import Genome
from evolve.substrate import Status
from substrates.finance.agent import LAYERS, Agent, in_controlled_english, parse_agent
from substrates.finance.directives import Directive
from substrates.finance.ground import Ground, Member, TeamConfig, exposure_of, own_book, timing
from substrates.finance.market.panel import Panel
from substrates.finance.portfolio import Floats
from substrates.finance.reader import DirectivesReader, Reader
from substrates.finance.signals import interpret
from substrates.finance.statistics import sharpe
from substrates.finance.team import Team, clean, paired

__all__ = ["Desk", "problem_of", "text_of", "with_text"]

_MEMBERS = 96
"""Members kept with their weights, about 1 MB each on the built-in market."""

_SERIES = 2048
"""Daily series kept, about 50 kB each."""

_RATIOS = 65_536
"""Numbers; a run asks for tens of thousands, its baselines for the same ones again."""

_AGENTS = 4096
"""Parsed agents by genome."""

_CONTRIBUTIONS = 64
"""Of decision agents and their variants; each keeps its team alive."""

_TEAMS = 12
"""Teams kept with what was computed of them, about 10 MB each."""


def text_of(genome: Genome) -> str | None:
    """The agent's Markdown: the one file of a genome; None where there is not exactly one."""
    return next(iter(genome.values())) if len(genome) == 1 else None


def with_text(genome: Genome, text: str) -> Genome:
    """The same file with another text."""
    return Genome({next(iter(genome)): text})


def problem_of(genome: Genome, agent: Agent) -> tuple[Status, str] | None:
    """Why a genome, read as this agent, cannot take part, or None. `invalid` is ill-formed, `refused` says nothing
    readable."""
    if text_of(genome) is None:
        return "invalid", f"an agent is one Markdown file, not {len(genome)} files"
    if agent.layer == "" or agent.role == "":
        return "invalid", agent.refusal or "it has no layer or no role"
    if agent.refusal is not None:
        unread = "; ".join(line for _, line in agent.unread[:3])
        why = "; ".join(dict.fromkeys(p.why for p in agent.heard[:3] if p.why))
        said = agent.refusal + (f"; unread: {unread}" if unread else "")
        return "refused", said + (f" ({why})" if why else "")
    return None


class Desk:
    """One panel, one team configuration, a reader of agents, and what was computed on them. Safe to share between
    threads. Whatever reads an agent raises Spent and Halt where its reader does."""

    def __init__(self, panel: Panel, config: TeamConfig, reader: Reader | None = None) -> None:
        self.panel = panel
        self._reader = reader or DirectivesReader()
        self.ground = Ground(
            returns=np.nan_to_num(panel.returns, nan=0.0),
            market=np.nan_to_num(panel.market, nan=0.0),
            dates=panel.dates,
            config=config,
            listed=np.isfinite(panel.prices),
        )
        self.member = lru_cache(_MEMBERS)(self._member)
        self.agent = lru_cache(_AGENTS)(self._agent)
        self._own = lru_cache(_SERIES)(self._own_series)
        self._ratio = lru_cache(_RATIOS)(self._solo_ratio)
        self._teams = lru_cache(_TEAMS)(self._team)
        self._seated = lru_cache(_CONTRIBUTIONS)(lambda member, team: team.replaced(member).heeding(team))
        self._contribution = lru_cache(_CONTRIBUTIONS)(lambda team, name: team.contribution(name))

    def problem(self, name: str, genome: Genome) -> tuple[Status, str] | None:
        """Why a genome cannot take part, or None."""
        return problem_of(genome, self.agent(name, genome))

    def text(self, genome: Genome) -> str:
        """The agent's Markdown with what its reader understood in controlled English: what edits are made of."""
        text = text_of(genome) or ""
        return in_controlled_english(text, self._reader.heard(text))

    def team(self, genomes: Mapping[str, Genome]) -> Team:
        """The team of those that can take part."""
        return self._teams(tuple(sorted(genomes.items())))

    def paired(self, child: Agent, parent: Agent, team: Team, rows: slice) -> Floats:
        """Daily differences of a child to its parent, who sits in `team`; see `team.paired`."""
        if parent.layer == "decision":
            book = self._own(child.role, child.directives) if _picks(child) else None
            return paired(self.member(child), team, rows, book)
        return clean(self.solo(child, rows) - self.solo(parent, rows))

    def fitness(self, agent: Agent, team: Team, rows: slice) -> Floats:
        """An agent's own series over `rows`: by itself, or in the decision layer by its seat in the team."""
        member = self.member(agent)
        if agent.layer == "decision":
            seated = team if member in team.members else self._seated(member, team)
            contribution: Floats = clean(self._contribution(seated, agent.name)[rows])
            return contribution
        return self.solo(agent, rows)

    def solo(self, agent: Agent, rows: slice) -> Floats:
        """Timing or selection skill [len(rows)] of an agent by itself."""
        own = self._own(agent.role, agent.directives)
        if _picks(agent):
            return clean((own - self.ground.benchmark.net)[rows])
        return clean(timing(own, self.ground, own[rows].mean(keepdims=True))[rows])

    def ratio(self, role: str, directives: tuple[Directive, ...], rows: slice) -> float:
        """The daily Sharpe ratio of the skill of these directives by themselves, remembered."""
        return self._ratio(role, directives, rows.start, rows.stop)

    def looks_ahead(self, agent: Agent) -> bool:
        """Whether its past changes when everything after the middle of the panel is taken away."""
        half, whole = interpret(agent, self._half), self.member(agent).position
        for before, after in ((half.exposure, whole.exposure), (half.weights, whole.weights)):
            if before is not None and after is not None and not np.allclose(before, after[: len(before)]):
                return True
        if half.veto is None or whole.veto is None:
            return False
        return not np.array_equal(half.veto, whole.veto[: len(half.veto)])

    @cached_property
    def _half(self) -> Panel:
        return self.panel.until(len(self.panel.dates) // 2)

    def _agent(self, name: str, genome: Genome) -> Agent:
        text = text_of(genome) or ""
        return parse_agent(name, text, self._reader.heard(text))

    def _solo_ratio(self, role: str, directives: tuple[Directive, ...], start: int, stop: int) -> float:
        return sharpe(self.solo(_anybody(role, directives), slice(start, stop)), annualised=False)

    def _member(self, agent: Agent) -> Member:
        return Member(agent.name, agent.layer, interpret(agent, self.panel))

    def _own_series(self, role: str, directives: tuple[Directive, ...]) -> Floats:
        """The net return of a picker's own book, or an exposure [T]. Names and wording make no difference."""
        agent = _anybody(role, directives)
        member = Member(agent.name, agent.layer, interpret(agent, self.panel))
        return own_book(member, self.ground).net if _picks(agent) else exposure_of(member)

    def _team(self, genomes: Iterable[tuple[str, Genome]]) -> Team:
        agents = [self.agent(name, g) for name, g in genomes if self.problem(name, g) is None]
        books = {a.name: self._own(a.role, a.directives) for a in agents if _picks(a)}
        return Team([self.member(agent) for agent in agents], self.ground, books)


def _anybody(role: str, directives: tuple[Directive, ...]) -> Agent:
    """Names, wording and layer make no difference to what directives do by themselves."""
    layer = next(layer for layer, roles in LAYERS.items() if role in roles)
    return Agent("anybody", "", layer, role, directives)


def _picks(agent: Agent) -> bool:
    return agent.role in ("selection", "alpha")
