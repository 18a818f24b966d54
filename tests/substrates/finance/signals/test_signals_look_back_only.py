"""No look-ahead: replacing everything after day t by noise changes no row up to t. And the shape of positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import changed, scrambled, small_panel
from strategies import directives

from evolve.population import read_seeds
from substrates.finance.agent import FITTING, LAYERS, Agent, parse_agent
from substrates.finance.market.panel import Panel
from substrates.finance.signals import Memory, Position, interpret

LENGTH = 420
PANEL = small_panel(LENGTH)
FOLDER = Path(__file__).parents[4] / "populations" / "finance"
SEEDS = {name: genome["agent.md"] for name, genome in read_seeds(str(FOLDER)).items()}
ROLES_WITH_ARRAYS = ("exposure", "selection", "alpha", "risk")


def agent_of(role: str, rules: tuple) -> Agent:
    layer = next(layer for layer, roles in LAYERS.items() if role in roles)
    return Agent("generated", "Generated", layer, role, rules)


@st.composite
def agents(draw: st.DrawFn) -> Agent:
    role = draw(st.sampled_from(ROLES_WITH_ARRAYS))
    return agent_of(role, tuple(draw(st.lists(directives(role), min_size=1, max_size=4))))


def arrays(position: Position) -> dict[str, np.ndarray]:
    named = {"exposure": position.exposure, "weights": position.weights, "veto": position.veto}
    return {name: array for name, array in named.items() if array is not None}


def assert_blind_to_the_future(agent: Agent, panel: Panel, day: int, seed: int) -> None:
    known = arrays(interpret(agent, panel, Memory()))
    other = arrays(interpret(agent, scrambled(panel, day, seed), Memory()))
    for name, array in known.items():
        np.testing.assert_array_equal(array[: day + 1], other[name][: day + 1], err_msg=f"{name} of {agent}")


@pytest.mark.parametrize("name", SEEDS)
@given(day=st.integers(0, LENGTH - 2), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8)
def test_seeds_look_back_only(name: str, day: int, seed: int) -> None:
    assert_blind_to_the_future(parse_agent(name, SEEDS[name]), PANEL, day, seed)


@given(agents(), st.integers(0, LENGTH - 2), st.integers(0, 2**32 - 1))
@settings(max_examples=250)
def test_generated_directives_look_back_only(agent: Agent, day: int, seed: int) -> None:
    assert_blind_to_the_future(agent, PANEL, day, seed)


@given(agents(), st.integers(1, LENGTH))
def test_a_shorter_history_gives_the_same_rows(agent: Agent, stop: int) -> None:
    shorter = PANEL.until(stop)
    whole, part = arrays(interpret(agent, PANEL, Memory())), arrays(interpret(agent, shorter, Memory()))
    for name, array in part.items():
        np.testing.assert_array_equal(array, whole[name][:stop])


def with_holes(panel: Panel, seed: int) -> Panel:
    """Prices that begin late, have gaps and end early; series that begin late and end early."""
    rng = np.random.default_rng(seed)
    prices = panel.prices.copy()
    prices[rng.random(prices.shape) < 0.02] = np.nan
    prices[: rng.integers(1, 200), 0] = np.nan
    prices[-rng.integers(1, 200) :, 1] = np.nan
    series = {name: values.copy() for name, values in panel.series.items()}
    for values in series.values():
        values[: rng.integers(0, 100)] = np.nan
        values[len(values) - rng.integers(0, 100) :] = np.nan
    return changed(panel, prices=prices, series=series)


@given(agents(), st.integers(0, 2**32 - 1), st.integers(0, LENGTH - 2))
@settings(max_examples=150)
def test_positions_are_well_formed_and_blind_whatever_is_missing(agent: Agent, seed: int, day: int) -> None:
    panel = with_holes(PANEL, seed)
    position = interpret(agent, panel, Memory())
    if position.exposure is not None:
        assert position.exposure.shape == (LENGTH,)
        assert (position.exposure >= 0).all()
        assert (position.exposure <= 2).all()
    if position.weights is not None:
        assert position.weights.shape == panel.prices.shape
        assert (position.weights >= 0).all()
        np.testing.assert_allclose(position.weights.sum(axis=1), 1.0, rtol=0, atol=1e-9)
    if position.veto is not None:
        assert position.veto.shape == panel.prices.shape
    assert (position.exposure is not None) == (agent.role in ("exposure", "risk"))
    assert (position.weights is not None) == (agent.role in ("selection", "alpha"))
    assert_blind_to_the_future(agent, panel, day, seed)


@pytest.mark.parametrize("role", FITTING)
def test_every_role_is_interpreted(role: str) -> None:
    held = [name for name in SEEDS if parse_agent(name, SEEDS[name]).role == role]
    assert held
    position = interpret(parse_agent(held[0], SEEDS[held[0]]), PANEL)
    said = (position.exposure, position.weights, position.execution, position.allocation)
    assert sum(part is not None for part in said) == 1
