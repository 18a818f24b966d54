"""What is said at the end says no more than the evidence does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from test_substrate import SEEDS, bench, cases, finance, genome

from evolve.genome import Genome
from evolve.substrate import Attempt, Case, Duel, Findings, Outcome, Record, Rewrite
from substrates.finance.statistics import sharpe
from substrates.finance.substrate import Finance

CHILD = genome("style", "selection", "Rank by 6-month return; hold the top 3; rebalance monthly.")


def walked(substrate: Finance, seeds: Mapping[str, Genome] = SEEDS) -> Record:
    """A team that is never rewritten, to the end of the walk."""
    state: dict[str, object] = {}
    champions, outcomes, states = [], [], []
    while substrate.stop(state) is None:
        states.append(dict(state))
        outcomes.append(substrate.measure(cases(substrate, seeds, state), bench(substrate)))
        champions.append(dict(seeds))
        state = substrate.advance(state, outcomes[-1], [])
    return Record(dict(seeds), tuple(champions), tuple(outcomes), tuple(states), (), dict(seeds), state)


def attempt(screened: int = 40) -> Attempt:
    rewrite = Rewrite(CHILD, "x", screened=screened)
    return Attempt("momentum", 1, CHILD, SEEDS["momentum"], rewrite, Outcome("ok", 0.3), Duel(), 0.1, "discard")


@pytest.fixture(scope="module")
def substrate() -> Finance:
    return finance()


@pytest.fixture(scope="module")
def frozen(substrate: Finance) -> Record:
    return walked(substrate)


def shifted(record: Record, gain: float) -> Record:
    """The same record, in which every day earned `gain` more."""
    outcomes = []
    for found in record.outcomes:
        name = next(n for n, o in found.items() if "track" in o.evidence)
        track = dict(found[name].evidence["track"])
        track["net"] = [value + gain for value in track["net"]]
        evidence = {**found[name].evidence, "track": track}
        outcomes.append({**found, name: replace(found[name], evidence=evidence)})
    return replace(record, outcomes=tuple(outcomes))


def test_doing_what_the_seeds_did_is_no_evidence(substrate: Finance, frozen: Record) -> None:
    said = substrate.findings(replace(frozen, baselines={"frozen": frozen}))
    assert said.helped is False
    assert said.sentence.startswith("There is no evidence")
    assert said.figures["difference"] == 0.0


def test_a_clear_difference_is_claimed_in_words(substrate: Finance, frozen: Record) -> None:
    said = substrate.findings(replace(shifted(frozen, 0.004), baselines={"frozen": frozen}))
    assert said.helped is True
    assert said.sentence.startswith("There is evidence that evolution helped")
    assert said.figures["p"] <= 0.025
    worse = substrate.findings(replace(shifted(frozen, -0.004), baselines={"frozen": frozen}))
    assert worse.helped is False


def test_the_figures_are_of_the_walk(substrate: Finance, frozen: Record) -> None:
    said = substrate.findings(replace(frozen, baselines={"frozen": frozen}))
    net = np.concatenate([o["evidence"]["track"]["net"] for g in frozen.outcomes for o in [g[min(SEEDS)].to_json()]])
    assert said.score == said.figures["sharpe"] == pytest.approx(sharpe(net))
    table = {row[0]: row for row in said.tables[0].rows}
    assert set(table) == {"evolved", "equal weight", "frozen seeds"}
    assert table["evolved"][1:] == table["frozen seeds"][1:]
    assert table["equal weight"][4] < table["evolved"][4]


def test_every_candidate_deflates(substrate: Finance, frozen: Record) -> None:
    def deflated(screened: int) -> float:
        other = replace(attempt(screened), genome=SEEDS["calm"])
        record = replace(frozen, attempts=(attempt(screened), other))
        found = substrate.findings(record)
        assert found.figures["trials"] == 2 * screened
        return found.figures["deflated_sharpe"]

    assert deflated(5000) < deflated(5)


def test_without_a_frozen_team_nothing_is_claimed(substrate: Finance, frozen: Record) -> None:
    said = substrate.findings(frozen)
    assert said.helped is None
    assert "not tested" in said.sentence


def test_sealed_champions_and_missing_data_are_shown(substrate: Finance, frozen: Record) -> None:
    conditions = substrate.conditions(9, {}, "audit")
    audits = {}
    for name, seed in SEEDS.items():
        team = {n: g for n, g in SEEDS.items() if n != name}
        audits[name, seed.digest] = substrate.trial(Case(seed, name, conditions, "audit", 0, team), bench(substrate))
    said = substrate.findings(replace(frozen, audits=audits, baselines={"frozen": frozen}))
    titles = [table.title for table in said.tables]
    assert titles[1:] == ["How much of it is luck", "What was sealed", "Every champion on the sealed period"]
    assert len(said.tables[3].rows) == len(SEEDS)
    sealed = {row[1]: row for row in said.tables[2].rows if row[0] == "sealed"}
    assert sealed["evolved"][2:] == sealed["frozen seeds"][2:]
    assert "Data: it ended" in said.notes
    assert Findings.from_json(said.to_json()) == said


def test_greedy_is_said(substrate: Finance, frozen: Record) -> None:
    greedy = replace(frozen, attempts=(replace(attempt(), verdict="keep"), attempt()))
    said = substrate.findings(replace(frozen, baselines={"frozen": frozen, "greedy": greedy}))
    assert "greedy acceptance kept 1 of 2 attempts." in said.notes


def test_an_empty_run_says_so(substrate: Finance) -> None:
    said = substrate.findings(Record(SEEDS, (), (), (), (), SEEDS, {}))
    assert said.helped is None
    assert said.score is None or said.score == 0.0
