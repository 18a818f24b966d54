"""Known answers: what must tie, what must lose, and cheats that must gain nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from evolve.genome import Genome
from evolve.substrate import Control
from substrates.finance import worlds
from substrates.finance.agent import Agent, with_directives
from substrates.finance.desk import text_of, with_text
from substrates.finance.directives import parse
from substrates.finance.directives.vocabulary import vocabulary
from substrates.finance.market.panel import Panel

if TYPE_CHECKING:
    from substrates.finance.substrate import Finance

__all__ = ["controls"]

_CHURN = (
    "Rank by highest 1-day return; hold the top {half}; rebalance daily.",
    "Rank by lowest 1-day return; hold the top {half}; rebalance daily.",
)
"""Yesterday's winners, or its losers: what the one gains before costs the other loses, and both pay some 12 %
of the book a year. So the worse of the two loses, whatever the market did."""

_FORESIGHT = (
    "Buy what rises tomorrow.",
    "Rank by next month's return; hold the top 5; rebalance monthly.",
    "Halve exposure when the market's return tomorrow is below 0.",
)


def controls(finance: Finance, seeds: Mapping[str, Genome]) -> Iterator[Control]:
    """In the seats of the admitted seeds."""
    desk = finance.desk
    agents = {name: desk.agent(name, genome) for name, genome in seeds.items()}
    for role in ("exposure", "selection"):
        for name, agent in agents.items():
            if agent.role == role:
                text = text_of(seeds[name]) or ""
                # In a section of its own: below '## Directives' it would be something to read.
                null = with_text(seeds[name], text + "\n## In other words\n\nI do what I did before.\n")
                yield Control(f"null: {name} in other words", "null", name, null)
                break
    pickers = [agent for agent in agents.values() if agent.role == "selection"]
    if pickers and _churning_shows(finance):
        yield _churner(finance, pickers, seeds)
    yield from _cheats(finance, list(agents.values()), seeds)
    yield from _worlds(finance, list(agents.values()), seeds)


_WORLD_SEED = 0
_WORLD_GENERATIONS = 24
_PLANTED_SHARPE = 3.0
"""Found in 10 of 10 seeds over 24 generations of the built-in market, half of them for each rule."""

_SHOWS = 3.0
"""Standard errors by which costs must stand above luck, for that a loss can be demanded."""


def _worlds(finance: Finance, agents: Sequence[Agent], seeds: Mapping[str, Genome]) -> Iterator[Control]:
    """Short runs where nothing is to be found, and where a rule is that pays: for `doctor`."""

    def world(make: Callable[[], Panel]) -> Callable[[], Finance]:
        def made() -> Finance:
            other = finance.elsewhere(make())
            other.admit(seeds)
            return other

        return made

    def null() -> Panel:
        return worlds.null_world(finance.panel, _WORLD_SEED, finance.calendar)

    yield Control("world: nothing to find", "null", world=world(null), generations=_WORLD_GENERATIONS)
    enough = finance.horizon({}) >= _WORLD_GENERATIONS
    for name, role, rule in (("momentum", "selection", worlds.MOMENTUM), ("regime", "exposure", worlds.REGIME)):
        if enough and any(agent.role == role for agent in agents) and _can_be_said(finance, role, rule):

            def planted(rule: str = rule) -> Panel:
                config = finance.settings.team()
                return worlds.planted_world(finance.panel, _WORLD_SEED, rule, _PLANTED_SHARPE, finance.calendar, config)

            said = f"world: a {name} rule to find"
            yield Control(said, "planted", world=world(planted), generations=_WORLD_GENERATIONS)


def _can_be_said(finance: Finance, role: str, rule: str) -> bool:
    """Whether the mutator's vocabulary for this panel holds the rule: without it there is nothing to find."""
    return parse(rule) in vocabulary(role, finance.panel) and len(finance.panel.tickers) > 5


def _churning_shows(finance: Finance) -> bool:
    """Whether renewing a random half of the book daily must lose on the days before the first trade.

    Its cost a day is the one-way cost; its tracking error the stocks' own volatility over sqrt(N).
    """
    returns = finance.panel.returns[1 : finance.calendar.first]
    days, stocks = returns.shape
    own = float((returns - returns.mean(axis=1, keepdims=True)).std())
    cost = finance.settings.cost_bps / 1e4
    return stocks >= 4 and own > 0 and cost * math.sqrt(stocks * days) > _SHOWS * own


def _churner(finance: Finance, pickers: Sequence[Agent], seeds: Mapping[str, Genome]) -> Control:
    """In the seat whose own book is the least noisy, so that costs and not luck decide."""
    rows = slice(0, finance.calendar.first)
    agent = min(pickers, key=lambda a: float(finance.desk.solo(a, rows).std()))
    half = len(finance.panel.tickers) // 2
    churners = [d for line in _CHURN if (d := parse(line.format(half=half))) is not None]
    worse = min(churners, key=lambda d: finance.desk.ratio(agent.role, (d,), rows))
    genome = with_text(seeds[agent.name], with_directives(finance.desk.text(seeds[agent.name]), (worse,)))
    return Control("worse: renews half of the book every day", "worse", agent.name, genome)


def _cheats(finance: Finance, agents: Sequence[Agent], seeds: Mapping[str, Genome]) -> Iterator[Control]:
    if not agents:
        return
    agent, *others = agents
    text = with_directives(finance.desk.text(seeds[agent.name]), ())
    foresight = text + "\n## Directives\n\n" + "".join(f"- {line}\n" for line in _FORESIGHT)
    # A model may well make a rule about the past of it, which is no cheat, and would sometimes win.
    if not finance.reader.asks:
        yield Control("cheat: asks for tomorrow's prices", "cheat", agent.name, with_text(seeds[agent.name], foresight))
    other = next((a for a in others if a.role != agent.role), None)
    if other is not None:
        seat = with_text(seeds[agent.name], text_of(seeds[other.name]) or "")
        yield Control("cheat: judges itself by another role", "cheat", agent.name, seat)
