"""From an agent and a panel to a position for every day. Row t uses what is known at the close of day t."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from evolve.errors import UsageError
from substrates.finance.agent import Agent
from substrates.finance.directives import Directive
from substrates.finance.directives.tree import (
    MOST_EXPOSURE,
    CapStocks,
    Scale,
    ShrinkBook,
    TradeBand,
    TradeEvery,
    TradeStep,
    VetoWhere,
    VetoWorst,
    VolatilityTarget,
    WeighAgents,
)
from substrates.finance.signals.books import book
from substrates.finance.signals.conditions import exposure
from substrates.finance.signals.frame import MEMORY, Frame
from substrates.finance.signals.memory import Memory
from substrates.finance.signals.neutral import shortfalls
from substrates.finance.signals.position import AllocationRule, Bools, ExecutionRule, Floats, Position
from substrates.finance.signals.vetoes import veto

if TYPE_CHECKING:
    from substrates.finance.market.panel import Panel

__all__ = ["interpret"]


def interpret(agent: Agent, panel: Panel, memory: Memory = MEMORY) -> Position:
    """What the agent wants on every day of the panel. UsageError for an agent that is refused.

    To see one directive alone, interpret `dataclasses.replace(agent, directives=(directive,))`.
    """
    if agent.refusal is not None:
        raise UsageError(f"agent {agent.name} cannot be interpreted: {agent.refusal}")
    frame, role, directives = Frame(panel, memory), agent.role, agent.directives
    neutral = shortfalls(frame, directives)
    if role == "exposure":
        return Position(role, exposure=_exposure(frame, directives), neutral=neutral)
    if role == "risk":
        return Position(role, _exposure(frame, directives), veto=_veto(frame, directives), neutral=neutral)
    if role == "execution":
        return Position(role, execution=_execution(directives))
    if role == "allocation":
        return Position(role, allocation=_allocation(directives))
    return Position(role, weights=book(frame, directives), neutral=neutral)


def _exposure(frame: Frame, directives: tuple[Directive, ...]) -> Floats:
    """Factors multiply; the product stays in 0..2."""
    scaling = tuple(d for d in directives if isinstance(d, Scale | VolatilityTarget))

    def product() -> Floats:
        total = np.ones(frame.length)
        for directive in scaling:
            total *= exposure(frame, directive)
        return np.minimum(total, MOST_EXPOSURE)

    return frame.remember(("exposure", scaling), product)


def _veto(frame: Frame, directives: tuple[Directive, ...]) -> Bools:
    forbidden = np.zeros((frame.length, len(frame.panel.tickers)), dtype=bool)
    for directive in directives:
        if isinstance(directive, VetoWorst | VetoWhere):
            forbidden |= veto(frame, directive)
    forbidden.flags.writeable = False
    return forbidden


def _execution(directives: Iterable[Directive]) -> ExecutionRule:
    said: dict[type, Directive] = {type(directive): directive for directive in directives}
    every, band, step = said.get(TradeEvery), said.get(TradeBand), said.get(TradeStep)
    return ExecutionRule(
        every=every.every if isinstance(every, TradeEvery) else "daily",
        band=band.band if isinstance(band, TradeBand) else 0.0,
        step=step.step if isinstance(step, TradeStep) else 1.0,
    )


def _allocation(directives: Iterable[Directive]) -> AllocationRule:
    said: dict[type, Directive] = {type(directive): directive for directive in directives}
    weigh, cap, shrink = said.get(WeighAgents), said.get(CapStocks), said.get(ShrinkBook)
    return AllocationRule(
        darwinian=isinstance(weigh, WeighAgents) and weigh.darwinian,
        cap=cap.cap if isinstance(cap, CapStocks) else 1.0,
        shrink=shrink.share if isinstance(shrink, ShrinkBook) else 0.0,
    )
