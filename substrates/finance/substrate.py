"""The finance domain: a team of prompt agents walks forward through real daily prices.

A generation is a window of market days that nobody has seen. The champions trade it; then the worst are
rewritten, and a child is kept only on the history that ended a fitness window ago. A sealed period is opened
once, at the end. The proposals are in `proposals`, what is said at the end in `findings`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.llm import LLM
from evolve.substrate import (
    Attempt,
    Bench,
    Bout,
    Brief,
    Case,
    Clock,
    Conditions,
    Control,
    Findings,
    Metric,
    Numbers,
    Outcome,
    Purpose,
    Record,
    Rewrite,
    Substrate,
)
from substrates.finance import controls, evidence, findings, numbers, proposals, words
from substrates.finance.agent import SINGLE_ROLES, Agent, parse_agent, seat_of
from substrates.finance.desk import Desk, problem_of, text_of
from substrates.finance.market import load_panel
from substrates.finance.market.panel import Panel
from substrates.finance.reader import DirectivesReader, FreeEnglishReader, Reader, passages
from substrates.finance.settings import Calendar, FinanceSettings, ReaderName
from substrates.finance.statistics import sharpe, t_statistic
from substrates.finance.team import Team

__all__ = ["Finance"]

_SCORED_BY = ("agent", "desk", "evidence", "ground", "loops", "portfolio", "statistics", "substrate", "team")
"""Modules that a score depends on, besides the folders of directives, signals and market."""

_READ_BY = ("language", "reader")
"""And those that it depends on too where a model reads."""


class Finance(Substrate):
    """`panel`: instead of the one that the settings name (a null or a planted world, a test)."""

    schema = FinanceSettings
    metric = Metric(
        name="Sharpe ratio",
        unit="a year, of the agent's own skill",
        better="higher",
        honest="It could be gamed by luck on the days that chose the agent, by leverage or by looking ahead; so "
        "a child is judged on other days than its parent was, by differences net of costs, and no agent sees "
        "a day before it is over.",
        effect="return a day, net of costs: 0.0001 is a basis point",
    )
    deterministic = True
    uses_team = True

    def __init__(self, settings: FinanceSettings | None = None, panel: Panel | None = None) -> None:
        self.settings = settings or FinanceSettings()
        self.settings.check()
        market = self.settings.market
        self.panel = panel if panel is not None else load_panel(market.path, market.sectors)
        self.calendar = Calendar.of(self.panel.dates, self.settings)
        self._seeds: dict[str, Genome] = {}  # the admitted ones, in whose seats the controls sit
        self._seats: dict[str, set[tuple[str, str]]] = {}  # of the admitted ones, by title: layer and role
        self._reader: Reader | None = None if self.needs_model else DirectivesReader()
        self.clock = Clock(
            budget=self.settings.window,
            unit="market days",
            why="every team trades the same days, and none of them before they are over",
        )

    @property
    def needs_model(self) -> bool:
        return self.settings.reader is ReaderName.openai

    def equip(self, llm: LLM) -> None:
        self._reader = FreeEnglishReader(llm, self.panel)

    @property
    def reader(self) -> Reader:
        """One for all desks. Raises RuntimeError where nobody has equipped it."""
        if self._reader is None:
            raise RuntimeError("substrate.reader=openai asks a language model: call equip(llm) first")
        return self._reader

    def elsewhere(self, panel: Panel) -> Finance:
        """The same domain with the same reader, in another world."""
        other = type(self)(self.settings, panel)
        other._reader = self._reader
        return other

    @cached_property
    def desk(self) -> Desk:
        """Everything up to the end of the walk: the sealed days are not on this desk."""
        return Desk(self.panel.until(self.calendar.end), self.settings.team(), self.reader)

    @cached_property
    def sealed(self) -> Desk:
        """All days. Only the audit and the findings may ask for it."""
        return Desk(self.panel, self.settings.team(), self.reader)

    def unseen(self) -> Sequence[Path]:
        """One's own prices: the sealed days are among them."""
        path = self.settings.market.path
        return () if path is None else (Path(path).resolve(),)

    def admit(self, seeds: Mapping[str, Genome]) -> Sequence[str]:
        holders: dict[str, str] = {}
        remarks = []
        for name, genome in seeds.items():
            agent = self._admitted(name, genome)
            if agent.role in SINGLE_ROLES and agent.role in holders:
                raise UsageError(
                    f"the agents {holders[agent.role]!r} and {name!r} both have the role {agent.role}, and a team has "
                    "at most one of it. Remove one of the two."
                )
            holders[agent.role] = name
            self._seats.setdefault(agent.title, set()).add((agent.layer, agent.role))
            remarks += [f"{name}, line {line}: {self.reader.fate}: {text}" for line, text in agent.unread]
            remarks += [f"{name}, {problem}" for problem in agent.problems if agent.directives]
        self._seeds = dict(seeds)
        return remarks

    def _admitted(self, name: str, genome: Genome) -> Agent:
        """As the grammar alone reads it, for nothing is to be spent yet; who is all free English is let in."""
        text = text_of(genome) or ""
        agent = parse_agent(name, text)
        may_be_read = self.reader.asks and seat_of(text)[1] and passages(text)
        if (problem := problem_of(genome, agent)) is not None and not may_be_read:
            raise UsageError(f"the agent {name!r} cannot take part: {problem[1]}. See docs/agents.md.")
        return agent

    # -- time --------------------------------------------------------------------------------------

    def conditions(self, generation: int, state: Mapping[str, Any], purpose: Purpose) -> Conditions:
        """Rows of the panel, and what was carried. `rows` are those that a score is taken over."""
        days = self.calendar
        start = self._start(state)
        stop = start + self.settings.window
        common = {
            "purpose": purpose,
            "evaluator": _evaluator() + (_hashed(*_READ_BY) if self.reader.asks else ""),
            "panel": self.panel.digest,
            "cost_bps": self.settings.cost_bps,
            "max_exposure": self.settings.max_exposure,
            **self.reader.conditions,
        }
        if purpose == "audit":
            return {**common, "rows": [days.audit, days.audit_end]}
        if purpose == "confirm":
            # The days that ranked the parent are no evidence against it.
            return {**common, "rows": [0, max(stop - self.settings.fitness_days, 0)]}
        return {
            **common,
            "rows": [stop - self.settings.fitness_days, stop],
            "window": [start, stop],
            "voices": dict(state.get("voices", {})),
            "holdings": list(state.get("holdings", [])),
        }

    def advance(
        self, state: Mapping[str, Any], outcomes: Mapping[str, Outcome], attempts: Sequence[Attempt]
    ) -> dict[str, Any]:
        """The next window, the voices at its start, and what is held into it."""
        voices = {n: o.metrics["voice"] for n, o in outcomes.items() if "voice" in o.metrics}
        track = evidence.track_of(outcomes)
        return {
            "start": self._start(state) + self.settings.window,
            "voices": {**state.get("voices", {}), **voices},
            "holdings": list(track["holdings"]) if track else list(state.get("holdings", [])),
        }

    def stop(self, state: Mapping[str, Any]) -> str | None:
        if self.horizon(state) > 0:
            return None
        last = self.panel.dates[self.calendar.end - 1]
        return f"no data left: the next window would end after {np.datetime_as_string(last, 'D')}"

    def horizon(self, state: Mapping[str, Any]) -> int:
        return max(0, (self.calendar.end - self._start(state)) // self.settings.window)

    def _start(self, state: Mapping[str, Any]) -> int:
        return int(state.get("start", self.calendar.first))

    # -- evaluation --------------------------------------------------------------------------------

    def trial(self, case: Case, bench: Bench) -> Outcome:
        """The gate, then the agent's own fitness over the rows of its conditions."""
        desk = self._desk(case.conditions)
        if (problem := desk.problem(case.lineage, case.genome)) is not None:
            return Outcome(problem[0], evidence={"reason": problem[1]})
        agent = desk.agent(case.lineage, case.genome)
        if desk.looks_ahead(agent):
            return Outcome("invalid", evidence={"reason": "its past changes with its future: it looks ahead"})
        series = desk.fitness(agent, self._team(desk, case), _rows(case.conditions))
        return Outcome("ok", _finite(sharpe(series)), _figures(series), evidence.heard(agent))

    def measure(self, cases: Sequence[Case], bench: Bench) -> dict[str, Outcome]:
        """All champions in one pass over one team."""
        desk, team = self.desk, self._team(self.desk, cases[0])
        conditions, found = cases[0].conditions, {}
        walk = evidence.walk(team, slice(*conditions["window"]), conditions["voices"], conditions["holdings"])
        for case in cases:
            if (problem := desk.problem(case.lineage, case.genome)) is not None:
                found[case.lineage] = Outcome(problem[0], evidence={"reason": problem[1]})
                continue
            agent, rows = desk.agent(case.lineage, case.genome), _rows(conditions)
            series = desk.fitness(agent, team, rows)
            said = evidence.of(desk, agent, team, rows)
            if case.lineage == min(member.name for member in team.members):
                said["track"] = walk.to_json()
            metrics = {**_figures(series), "voice": walk.voices[case.lineage]}
            found[case.lineage] = Outcome("ok", _finite(sharpe(series)), metrics, said)
        return found

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        """All history there is, at once: there is no second look."""
        desk, rows = self._desk(incumbent.conditions), _rows(incumbent.conditions)
        team = self._team(desk, incumbent)
        parent = desk.agent(incumbent.lineage, incumbent.genome)
        bouts = []
        for case in challengers:
            if (problem := desk.problem(case.lineage, case.genome)) is not None:
                bouts.append(Bout(last=True, failed=problem[0], reason=problem[1]))
                continue
            child = desk.agent(case.lineage, case.genome)
            if (child.layer, child.role) != (parent.layer, parent.role):
                bouts.append(Bout(last=True, failed="invalid"))
            elif rows.stop - rows.start < self.settings.duel_days:
                bouts.append(Bout(last=True))
            else:
                bouts.append(Bout.of(desk.paired(child, parent, team, rows), last=True))
        return bouts

    def rank(self, history: Sequence[Mapping[str, Outcome]], state: Mapping[str, Any]) -> dict[str, float]:
        """Percentile of the last fitness within the layer, 0 to 1; ties share it."""
        last = history[-1]
        layers: dict[str, list[str]] = {}
        for name, outcome in last.items():
            layers.setdefault(str(outcome.evidence.get("layer", "")), []).append(name)
        ranks = {}
        for names in layers.values():
            scores = {n: -math.inf if (s := last[n].score) is None else s for n in names}
            for name in names:
                below = sum(score < scores[name] for score in scores.values())
                equal = sum(score == scores[name] for score in scores.values())
                ranks[name] = (below + equal / 2) / len(names)
        return ranks

    def _desk(self, conditions: Conditions) -> Desk:
        return self.sealed if conditions["purpose"] == "audit" else self.desk

    @staticmethod
    def _team(desk: Desk, case: Case) -> Team:
        return desk.team({**case.team, case.lineage: case.genome})

    # -- words -------------------------------------------------------------------------------------

    def controls(self) -> Iterable[Control]:
        return controls.controls(self, self._seeds)

    def brief(self) -> str:
        return words.brief(self.settings, self.panel)

    def objections(self, genome: Genome) -> Sequence[str]:
        """With a reader that asks, raises Spent and Halt where it does: what it reads here is not read again."""
        if len(genome) != 1:
            return [f"an agent is one Markdown file, not {len(genome)} files"]
        agent = self.desk.agent("", genome)
        return words.objections(agent, self._seats.get(agent.title, ()), self.panel)

    def numbers(self, genome: Genome) -> Numbers:
        return numbers.numbers(genome, len(self.panel.tickers))

    def propose(self, brief: Brief, rng: np.random.Generator) -> Sequence[Rewrite]:
        return proposals.propose(self.desk, brief, rng, self.settings)

    def findings(self, record: Record) -> Findings:
        return findings.findings(record, self.desk, lambda: self.sealed, self.calendar)


def _rows(conditions: Conditions) -> slice:
    start, stop = conditions["rows"]
    return slice(max(int(start), 0), int(stop))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _figures(series: np.ndarray) -> dict[str, float]:
    """Of a daily series: its mean, its t statistic, its days."""
    t = t_statistic(series) if len(series) else math.nan
    figures = {"days": float(len(series)), "mean": float(series.mean()) if len(series) else 0.0}
    return figures if not math.isfinite(t) else {**figures, "t": t}


def _evaluator() -> str:
    """The hash of the code that scores: where it changes, scores are no longer compared."""
    return _hashed(*_SCORED_BY, "directives", "market", "signals")


@cache
def _hashed(*names: str) -> str:
    """Of modules, and of folders with all that is in them."""
    root = resources.files("substrates.finance")
    digest, files = hashlib.sha256(), []
    for name in names:
        folder = root / name
        within = [f for f in folder.iterdir() if f.name.endswith((".py", ".lark"))] if folder.is_dir() else []
        files += within or [root / f"{name}.py"]
    for file in sorted(files, key=str):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
