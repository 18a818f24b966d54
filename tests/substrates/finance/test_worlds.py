"""Worlds whose answer is known, and what the loop says in them: miniatures of `benchmarks/finance_worlds.py`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.finance_worlds import later_differences, play
from substrates.finance.desk import Desk
from substrates.finance.directives import parse, render
from substrates.finance.directives.vocabulary import vocabulary
from substrates.finance.findings import LEVEL
from substrates.finance.ground import TeamConfig
from substrates.finance.substrate import Finance
from substrates.finance.worlds import MOMENTUM, REGIME, null_world, planted_world, realised

GENERATIONS = 24


@pytest.fixture(scope="module")
def real() -> Finance:
    return Finance()


def test_a_null_world_has_equal_means_and_real_days_before_the_seal(real: Finance) -> None:
    world = null_world(real.panel, 3, real.calendar)
    assert world.prices.shape == real.panel.prices.shape
    assert np.isfinite(world.prices).all()
    walked = real.panel.returns[1 : real.calendar.end]
    equal = walked - walked.mean(axis=0) + walked.mean()
    at = [np.flatnonzero(np.isclose(equal, row, atol=1e-9).all(axis=1)) for row in world.returns[1:400]]
    assert all(len(found) for found in at), "a day of the world never was, or is sealed"
    after = np.diff([int(found[0]) for found in at])
    assert float((after == 1).mean()) < 0.02, "what follows what was kept"
    spread = equal.std() * np.sqrt(2 / len(equal))
    assert np.abs(world.returns.mean(axis=0) - world.returns.mean()).max() < 5 * spread


def test_no_rule_of_the_vocabulary_has_skill_in_null_worlds(real: Finance) -> None:
    """Before costs, over 12 worlds: 4 standard errors among some 60 rules come by chance once in 250 such tests."""
    free = TeamConfig(cost=0.0)
    worlds = [null_world(real.panel, seed, real.calendar) for seed in range(12)]
    rules = [(role, rule) for role in ("exposure", "selection") for rule in vocabulary(role, real.panel)]
    desks = [Desk(world.until(real.calendar.end), free) for world in worlds]
    rows = slice(real.calendar.first, real.calendar.end)
    for role, rule in rules:
        ratios = np.array([desk.ratio(role, (rule,), rows) for desk in desks])
        error = max(ratios.std(ddof=1) / np.sqrt(len(ratios)), 1 / np.sqrt((rows.stop - rows.start) * len(ratios)))
        assert abs(ratios.mean()) < 4 * error, (render(rule), ratios.mean() * np.sqrt(252))


def test_seeds_give_other_worlds_and_the_same_seed_the_same(real: Finance) -> None:
    one, again, two = (null_world(real.panel, seed, real.calendar).digest for seed in (1, 1, 2))
    assert one == again != two


def test_the_series_of_a_null_world_know_nothing_of_its_stocks(real: Finance) -> None:
    world = null_world(real.panel, 0, real.calendar)
    known = np.isfinite(real.panel.series["vix"])
    walked = real.panel.until(real.calendar.end).series["vix"]
    assert set(world.series["vix"][known]) <= set(walked), "a sealed value is in the world"
    own = np.abs(np.corrcoef(real.panel.series["vix"][known], np.abs(real.panel.market[known]))[0, 1])
    other = np.abs(np.corrcoef(world.series["vix"][known], np.abs(world.market[known]))[0, 1])
    assert own > 0.4 > 0.1 > other


@pytest.mark.parametrize("rule", [MOMENTUM, REGIME])
@pytest.mark.parametrize("sharpe", [1.0, 2.0])
def test_what_is_planted_is_realised(real: Finance, rule: str, sharpe: float) -> None:
    directive, config = parse(rule), real.settings.team()
    assert directive is not None
    for seed in (0, 1):
        world = planted_world(real.panel, seed, rule, sharpe, real.calendar, config)
        assert realised(world, directive, real.calendar, config) == pytest.approx(sharpe, abs=0.05)
        assert world.market[1:].mean() == pytest.approx(
            null_world(real.panel, seed, real.calendar).market[1:].mean(), abs=2e-5
        )


def test_only_what_can_be_planted_is(real: Finance) -> None:
    with pytest.raises(ValueError, match="cannot be planted"):
        planted_world(real.panel, 0, "Trade weekly.", 2.0, real.calendar, real.settings.team())


def test_nothing_is_claimed_where_nothing_is() -> None:
    """Eight fixed seeds; more claims than this bound would come by chance once in 60 such tests."""
    played = [play("null", seed, generations=GENERATIONS) for seed in range(8)]
    bound = int(binom.ppf(0.98, len(played), LEVEL))
    assert bound == 1
    assert sum(p.helped for p in played) <= bound
    # Children that were kept in one world are no independent evidence: a world is one observation.
    later = [np.mean(found) for p in played if (found := later_differences(p))]
    assert len(later) >= 3
    assert np.mean(later) <= 2 * np.std(later, ddof=1) / np.sqrt(len(later))


@pytest.mark.parametrize("world", ["momentum", "regime"])
def test_what_is_there_is_found(world: str) -> None:
    played = [play(world, seed, sharpe=3.0, generations=GENERATIONS) for seed in range(2)]
    assert [p.figure("p") < 0.05 and p.figure("difference") > 0 for p in played] == [True, True]
    rule = parse({"momentum": MOMENTUM, "regime": REGIME}[world])
    for p in played:
        agents = [p.finance.desk.agent(name, genome) for name, genome in p.result.record.final.items()]
        assert any(rule in agent.directives for agent in agents), "it was claimed, but the rule was not found"
