"""A small finance run with the hybrid mutator: sentences from a script, their numbers from CMA-ES."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from test_proposals import brief
from test_substrate import SEEDS, finance, genome, market

from evolve.config import AcceptanceSettings, Method, MutatorSettings, RunSettings, SelectionSettings, Settings
from evolve.errors import Spent
from evolve.genome import Genome
from evolve.mutators import Mutator, Workshop
from evolve.run import Run
from evolve.substrate import Attempt, Brief, Rewrite
from evolve.testing import MutatorConformance, Scripted
from evolve.workers import LocalWorkers
from substrates.finance.agent import parse_agent

if find_spec("tree_sitter") is None:
    words = "the hybrid mutator needs tree-sitter: pip install -e '.[code]'"
    if os.environ.get("EVOLVE_NO_SKIPS"):
        pytest.fail(words, pytrace=False)
    pytest.skip(words, allow_module_level=True)

from evolve.mutators import hybrid
from evolve.mutators.hybrid import Hybrid

RULES = {
    "exposure": "Halve exposure when the VIX is above 30.",
    "selection": "Hold a stock only while its 63-day volatility is below 40 %.",
    "alpha": "Hold a stock only while it is above its 100-day average.",
    "risk": "Veto stocks more than 40 % below their 100-day high.",
    "execution": "Trade only when the target has moved by more than 3 %.",
    "allocation": "Cap each stock at 30 %.",
}
NUMBERED = {  # every seat has a number, so that no lineage's end of the model's budget is the end of the run
    **SEEDS,
    "cio": genome("decision", "allocation", "Shrink the book 25 % towards equal weight."),
    "execution": genome("decision", "execution", "Move 50 % of the way each day."),
}


def one_more_rule(brief: Brief) -> list[Rewrite]:
    """As a model might: one sentence more, once; then its budget is spent."""
    text = brief.parent["agent.md"]
    rule = RULES[parse_agent("", text).role]
    if rule in text or brief.generation > 2:
        raise Spent("llm.budget.calls is reached")
    return [Rewrite(Genome({"agent.md": f"{text}- {rule}\n"}), f"adds '{rule}'", kind="diff")]


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asker:
        make = staticmethod(lambda workshop: Scripted(one_more_rule))

    monkeypatch.setattr(hybrid, "OpenAI", Asker)


def made() -> Hybrid:
    return Hybrid.make(Workshop(finance(), MutatorSettings(structure=0.3)))


class TestConformance(MutatorConformance):
    make = staticmethod(lambda: (made(), brief(finance(), "calm")))


def ran(generations: int = 5, seeds: Mapping[str, Genome] = NUMBERED) -> tuple[tuple[Attempt, ...], dict[str, Any]]:
    settings = Settings(
        domain="finance",
        run=RunSettings(generations=generations, baselines=[], preflight=False),
        selection=SelectionSettings(rewrite=len(seeds)),
        acceptance=AcceptanceSettings(method=Method.greedy),
    )
    mutators: list[Mutator] = []

    def mutate() -> Mutator:
        mutators.append(made())
        return mutators[-1]

    workers = LocalWorkers(1)
    record = Run(settings, finance(market()), mutate, workers, seeds).execute().record
    workers.close()
    return record.attempts, mutators[0].state()


def test_a_run_tunes_the_numbers_of_every_seat_and_every_proposal_is_read() -> None:
    attempts, state = ran()
    again, same = ran()
    assert same == state
    assert [(a.lineage, a.rewrite, a.verdict, a.duel) for a in again] == [
        (a.lineage, a.rewrite, a.verdict, a.duel) for a in attempts
    ]
    tuned = [a for a in attempts if a.rewrite.kind == "cma"]
    assert len(tuned) > len(attempts) / 2
    assert {a.rewrite.kind for a in attempts} == {"cma", "diff"}
    assert {a.generation for a in tuned} == set(range(5))  # it goes on where the model's budget is spent
    assert any(a.verdict == "keep" for a in tuned)
    for attempt in attempts:
        assert attempt.outcome.ok, (attempt.rewrite.hypothesis, attempt.outcome.evidence)
        old, new = (parse_agent("", genome["agent.md"]) for genome in (attempt.parent, attempt.genome))
        assert (new.unread, new.problems) == (old.unread, old.problems)
        assert len(new.directives) - len(old.directives) == (attempt.rewrite.kind == "diff")
    # What a directive that the model added says is tuned with the rest.
    last = {a.lineage: a.parent for a in tuned}
    assert any(last[a.lineage] == a.genome for a in attempts if a.rewrite.kind == "diff" and a.verdict == "keep")
    for lineage, strategy in state["numbers"].items():
        assert len(strategy["centroid"]) == len(finance().numbers(last[lineage]).all)


def test_where_there_is_no_number_the_end_of_the_budget_is_the_end_of_the_run() -> None:
    attempts, _ = ran(9, SEEDS)
    assert max(a.generation for a in attempts) < 8


def test_what_is_restored_proposes_the_same() -> None:
    _, state = ran(3)
    one, other = made(), made()
    for mutator in (one, other):
        mutator.restore(json.loads(json.dumps(state, allow_nan=False)))
    for lineage in SEEDS:
        told = brief(finance(), lineage, generation=0)
        for seed in range(3):
            answers = [m.rewrite(told, np.random.default_rng(seed)) for m in (one, other)]
            assert answers[0] == answers[1]
