"""What every component of a kind must pass. Join by one line: subclass, and say how yours is made.

class TestMine(SubstrateConformance):
    make = staticmethod(lambda: (MySubstrate(), {"a": Genome({"agent.txt": "…"})}))
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from evolve.acceptance import Acceptance
from evolve.config import AcceptanceSettings, Method, RunSettings, SelectionSettings, Settings
from evolve.genome import Genome
from evolve.memory import Memory, NoLedger
from evolve.mutators import Embedded, Mutator
from evolve.run import Run
from evolve.selection import Selection
from evolve.substrate import Bout, Brief, Case, Duel, Findings, Outcome, Substrate
from evolve.workers import LocalWorkers, RecordedBench

__all__ = [
    "AcceptanceConformance",
    "MutatorConformance",
    "SelectionConformance",
    "SubstrateConformance",
]


class SubstrateConformance:
    """`make()` gives a substrate and its seeds; every test asks for a fresh one."""

    make: Callable[[], tuple[Substrate, Mapping[str, Genome]]]
    broken = Genome({"agent.txt": "\x01 this is no genome of yours"})
    generations = 2

    def _bench(self, substrate: Substrate) -> tuple[RecordedBench, LocalWorkers]:
        memory, workers = Memory(NoLedger()), LocalWorkers(2)
        return RecordedBench(substrate, workers, memory.outcomes, memory.add_outcome), workers

    def _cases(self, substrate: Substrate, seeds: Mapping[str, Genome], stream: str = "select") -> list[Case]:
        conditions = substrate.conditions(0, {}, "select")
        return [
            Case(genome, name, conditions, stream, 0, {n: g for n, g in seeds.items() if n != name})
            for name, genome in seeds.items()
        ]

    def test_says_what_it_measures(self) -> None:
        substrate, _ = self.make()
        assert substrate.metric.name
        assert substrate.metric.honest.endswith(".")
        assert substrate.clock.budget > 0
        assert substrate.clock.why
        assert substrate.brief()

    def test_conditions_are_json_and_sufficient(self) -> None:
        substrate, _ = self.make()
        for purpose in ("select", "confirm", "audit"):
            conditions = dict(substrate.conditions(0, {}, purpose))
            assert json.loads(json.dumps(conditions, allow_nan=False)) == conditions

    def test_seeds_are_admitted_and_work(self) -> None:
        substrate, seeds = self.make()
        substrate.admit(seeds)
        bench, workers = self._bench(substrate)
        outcomes = substrate.measure(self._cases(substrate, seeds), bench)
        workers.close()
        assert set(outcomes) == set(seeds)
        assert all(o.ok for o in outcomes.values()), outcomes

    def test_outcomes_are_json(self) -> None:
        substrate, seeds = self.make()
        bench, workers = self._bench(substrate)
        for outcome in substrate.measure(self._cases(substrate, seeds), bench).values():
            again = Outcome.from_json(json.loads(json.dumps(outcome.to_json(), allow_nan=False)))
            assert again.to_json() == json.loads(json.dumps(outcome.to_json()))
        workers.close()

    def test_a_bad_genome_gets_a_failing_outcome(self) -> None:
        substrate, seeds = self.make()
        bench, workers = self._bench(substrate)
        case = self._cases(substrate, {**seeds, min(seeds): self.broken})[0]
        with bench.lease() as held:
            outcome = substrate.trial(case, held)
        workers.close()
        assert not outcome.ok
        assert outcome.score is None
        assert outcome.evidence.get("reason")

    def test_deterministic_means_equal_outcomes(self) -> None:
        one, seeds = self.make()
        two, _ = self.make()
        if not one.deterministic:
            return
        found = []
        for substrate in (one, two):
            bench, workers = self._bench(substrate)
            found.append(substrate.measure(self._cases(substrate, seeds), bench))
            workers.close()
        assert {n: (o.score, o.metrics) for n, o in found[0].items()} == {
            n: (o.score, o.metrics) for n, o in found[1].items()
        }

    def test_a_bout_holds_every_challenger(self) -> None:
        substrate, seeds = self.make()
        bench, workers = self._bench(substrate)
        name = min(seeds)
        conditions = substrate.conditions(0, {}, "confirm")
        team = {n: g for n, g in seeds.items() if n != name}
        case = Case(seeds[name], name, conditions, "duel", 0, team)
        bouts = substrate.compare(case, [case, case], bench)
        workers.close()
        assert len(bouts) == 2
        assert all(isinstance(b, Bout) for b in bouts)
        if substrate.deterministic:
            assert bouts[0] == bouts[1]

    def test_numbers_that_were_moved_are_found_again(self) -> None:
        substrate, seeds = self.make()
        for genome in seeds.values():
            numbers = substrate.numbers(genome)
            if numbers is None:
                continue
            assert numbers.put([n.value for n in numbers.all]) == genome
            moved = numbers.put([n.fitted(n.value + n.scale / 4) for n in numbers.all])
            again = None if moved is None else substrate.numbers(moved)
            assert again is None or [n.place for n in again.all] == [n.place for n in numbers.all]

    def test_objections_are_sentences_and_seeds_meet_none(self) -> None:
        substrate, seeds = self.make()
        substrate.admit(seeds)
        for genome in seeds.values():
            assert list(substrate.objections(genome)) == []
        assert all(said.strip() for said in substrate.objections(self.broken))

    def test_ranks_every_lineage(self) -> None:
        substrate, seeds = self.make()
        bench, workers = self._bench(substrate)
        outcomes = substrate.measure(self._cases(substrate, seeds), bench)
        workers.close()
        ranks = substrate.rank([outcomes], {})
        assert set(ranks) == set(seeds)
        assert not any(math.isnan(rank) for rank in ranks.values())

    def test_a_short_run_says_something(self) -> None:
        substrate, seeds = self.make()
        settings = Settings(
            domain="conformance",
            run=RunSettings(generations=self.generations, baselines=["frozen"], preflight=False),
            selection=SelectionSettings(rewrite=1, donors=2),
            acceptance=AcceptanceSettings(method=Method.significant),
        )
        workers = LocalWorkers(2)
        result = Run(settings, substrate, lambda: Embedded(substrate), workers, seeds).execute()
        workers.close()
        assert result.findings is not None
        assert result.findings.sentence
        again = Findings.from_json(json.loads(json.dumps(result.findings.to_json(), allow_nan=False)))
        assert again.to_json() == result.findings.to_json()
        assert len(result.record.champions) == self.generations


class MutatorConformance:
    """`make()` gives a mutator and a brief that it can answer."""

    make: Callable[[], tuple[Mutator, Brief]]

    def test_answers_with_something_new(self) -> None:
        mutator, brief = self.make()
        for rewrite in mutator.rewrite(brief, np.random.default_rng(0)):
            assert rewrite.genome != brief.parent
            assert rewrite.genome.digest not in brief.tried
            assert rewrite.hypothesis.strip()
            assert "\n" not in rewrite.hypothesis
            assert rewrite.screened >= 1
            assert set(rewrite.donors) <= set(brief.donors)

    def test_equal_streams_give_equal_answers(self) -> None:
        answers = []
        for _ in range(2):
            mutator, brief = self.make()
            answers.append(mutator.rewrite(brief, np.random.default_rng(7)))
        assert answers[0] == answers[1]

    def test_state_survives_json(self) -> None:
        mutator, _ = self.make()
        state: dict[str, Any] = json.loads(json.dumps(mutator.state()))
        mutator.restore(state)
        assert mutator.state() == state


class SelectionConformance:
    """`make()` gives a selection that rewrites at most two lineages."""

    make: Callable[[], Selection]
    ranks: Mapping[str, float] = {"a": 1.0, "b": 2.0, "c": -math.inf, "d": 2.0, "e": 0.5}

    def test_chooses_lineages_and_other_donors(self) -> None:
        for lineage, donors in self.make().choose(self.ranks, np.random.default_rng(0)):
            assert lineage in self.ranks
            assert lineage not in donors
            assert set(donors) <= set(self.ranks)

    def test_each_lineage_at_most_once(self) -> None:
        chosen = [lineage for lineage, _ in self.make().choose(self.ranks, np.random.default_rng(0))]
        assert len(chosen) == len(set(chosen)) <= 2

    def test_draws_from_its_stream_alone(self) -> None:
        shuffled = dict(reversed(list(self.ranks.items())))
        first = self.make().choose(self.ranks, np.random.default_rng(3))
        assert first == self.make().choose(shuffled, np.random.default_rng(3))

    def test_nobody_to_choose_from(self) -> None:
        assert self.make().choose({}, np.random.default_rng(0)) == []


class AcceptanceConformance:
    """`make()` gives an acceptance."""

    make: Callable[[], Acceptance]

    def test_a_challenger_that_broke_is_discarded(self) -> None:
        duel = Duel().fold(Bout.of([1.0, 1.1])).fold(Bout(last=True, failed="crash"))
        assert self.make().decide(duel, 0.05) == "discard"

    def test_no_evidence_is_never_a_keep(self) -> None:
        assert self.make().decide(Duel(), 0.05) == "more"
        assert self.make().decide(Duel().fold(Bout()), 0.05) == "discard"

    def test_worse_is_never_kept(self) -> None:
        duel = Duel().fold(Bout.of(-np.linspace(1, 2, 50), last=True))
        assert self.make().decide(duel, 0.05) == "discard"

    def test_overwhelming_evidence_is_kept(self) -> None:
        duel = Duel().fold(Bout.of(np.linspace(1, 2, 200), last=True))
        assert self.make().decide(duel, 0.001) == "keep"
