"""Edits that evidence speaks for, and that are all counted."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from test_substrate import SEEDS, bench, cases, finance, genome, seat

from evolve.genome import Genome
from evolve.substrate import Attempt, Brief, Duel, Outcome, Rewrite
from substrates.finance.settings import ProposalSettings
from substrates.finance.substrate import Finance


def brief(substrate: Finance, lineage: str, donors: tuple[str, ...] = (), **changes: object) -> Brief:
    found = substrate.measure(cases(substrate), bench(substrate))
    made = Brief(
        goal=substrate.brief(),
        metric=substrate.metric,
        clock=substrate.clock,
        generation=5,
        lineage=lineage,
        parent=SEEDS[lineage],
        donors={name: SEEDS[name] for name in donors},
        team={n: g for n, g in SEEDS.items() if n != lineage},
        outcome=found[lineage],
        conditions=substrate.conditions(5, {"start": 400}, "confirm"),
        state={},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def offered(lineage: str, donors: tuple[str, ...] = (), seed: int = 0, **changes: object) -> list[Rewrite]:
    substrate = finance()
    return list(substrate.propose(brief(substrate, lineage, donors, **changes), np.random.default_rng(seed)))


@pytest.mark.parametrize("lineage", sorted(SEEDS))
def test_every_seat_is_offered_something_that_works(lineage: str) -> None:
    substrate = finance()
    proposals = substrate.propose(brief(substrate, lineage), np.random.default_rng(1))
    assert 0 < len(proposals) <= ProposalSettings().count
    expected = [p.expected or 0.0 for p in proposals]
    assert expected == sorted(expected, reverse=True)
    for p in proposals:
        assert substrate.trial(seat(substrate, lineage, p.genome), bench(substrate)).ok
        assert p.genome != SEEDS[lineage]
        assert "\n" not in p.hypothesis


def test_the_expected_effect_is_the_t_of_the_contest_to_come() -> None:
    substrate = finance()
    for proposal in substrate.propose(brief(substrate, "calm"), np.random.default_rng(2)):
        (bout,) = substrate.compare(
            seat(substrate, "calm", SEEDS["calm"]), [seat(substrate, "calm", proposal.genome)], bench(substrate)
        )
        t = Duel().fold(bout).t
        assert proposal.expected == pytest.approx(t or 0.0, abs=1e-3)
        assert f"{proposal.expected:+.2f}" in proposal.hypothesis


def test_everything_looked_at_is_counted() -> None:
    proposals = offered("momentum")
    few = finance(proposals=ProposalSettings(vocabulary=3))
    fewer = few.propose(brief(few, "momentum"), np.random.default_rng(0))
    assert {p.screened for p in fewer} == {3 + len(fewer)}
    assert {p.screened for p in proposals} > {3 + len(fewer)} or proposals[0].screened > fewer[0].screened


def test_crossovers_take_over_from_donors_of_the_role() -> None:
    proposals = offered("momentum", ("calm", "trend"))
    crossed = [p for p in proposals if p.kind == "crossover"]
    assert crossed
    assert {p.donors for p in crossed} == {("calm",)}
    assert all("from calm" in p.hypothesis for p in crossed)
    assert not any(p.donors for p in offered("momentum"))


def test_what_was_tried_is_not_offered_again() -> None:
    first = offered("calm")
    tried = frozenset(p.genome.digest for p in first)
    assert not tried & {p.genome.digest for p in offered("calm", tried=tried)}


def test_equal_streams_equal_offers() -> None:
    assert offered("trend", seed=4) == offered("trend", seed=4)
    assert offered("trend", seed=4) != offered("trend", seed=5)


def test_without_history_there_is_nothing_to_say() -> None:
    substrate = finance()
    early = {**substrate.conditions(0, {}, "confirm"), "rows": [0, 99]}
    assert offered("calm", conditions=early) == []


def test_what_worked_elsewhere_is_looked_at_first() -> None:
    """A directive that no vocabulary holds comes from the playbook."""
    odd = "Rank by lowest 37-day volatility; hold the top 3; rebalance monthly."
    child = genome("style", "selection", odd)
    attempt = Attempt("calm", 3, child, SEEDS["calm"], Rewrite(child, "x"), Outcome("ok", 1.0), Duel(), 0.1, "keep")
    substrate = finance(proposals=ProposalSettings(vocabulary=1))
    told = brief(substrate, "momentum", playbook=(attempt,))
    texts = [p.genome["agent.md"] for p in substrate.propose(told, np.random.default_rng(0))]
    assert any("37-day" in text for text in texts)


def test_a_directive_that_counts_once_takes_the_place_of_its_kind() -> None:
    for p in offered("execution"):
        assert len(re.findall(r"^- Trade (daily|weekly|monthly)", p.genome["agent.md"], re.M)) <= 1


def test_prose_survives_an_edit() -> None:
    prose = Genome({"agent.md": SEEDS["calm"]["agent.md"] + "\n## Constraints\n\nI do not panic.\n"})
    substrate = finance()
    told = replace(brief(substrate, "calm"), parent=prose)
    for p in substrate.propose(told, np.random.default_rng(0)):
        assert "I do not panic." in p.genome["agent.md"]
