"""Writes a run's story into its memory: seeds, attempts, restored champions, checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evolve.acceptance import Schedule
from evolve.contest import Contest
from evolve.generation import State
from evolve.genome import Genome
from evolve.ledger import Attempt as Commit
from evolve.memory import Memory
from evolve.mutators import Mutator
from evolve.population import Lineage, Population
from evolve.substrate import Attempt, content_key

__all__ = ["Recorder", "restore_state"]


class Recorder:
    """The one who writes commits and checkpoints of a run."""

    def __init__(self, memory: Memory, run: str, mutator: str) -> None:
        self._memory = memory
        self._run = run
        self._mutator = mutator

    def seed(self, state: State, lineage: str, genome: Genome) -> str:
        commit = self._commit(state, lineage, genome, (), f"seed {lineage}", {"Status": "seed", "Mutator": "none"})
        if self._memory.find("seed", lineage) is None:
            value = {"genome": genome.digest, "commit": commit}
            self._memory.add("seed", lineage, value, lineage, genome, commit)
        return commit

    def attempt(self, state: State, attempt: Attempt, parents: Sequence[str]) -> str:
        cost = attempt.rewrite.cost.get("usd")
        trailers = {
            "Status": attempt.verdict,
            "Score": _number(attempt.outcome.score),
            "Effect": _number(attempt.effect),
            "Evidence": attempt.reason,
            "Alpha": _number(attempt.alpha),
            "Screened": str(attempt.rewrite.screened),
            "Expected": _number(attempt.rewrite.expected),
            "Seconds": _number(attempt.outcome.seconds),
            "Mutator": f"{self._mutator} {attempt.rewrite.kind}",
            "Cost": "0" if cost is None else f"{cost:.6g} USD",
        }
        commit = self._commit(state, attempt.lineage, attempt.genome, parents, attempt.rewrite.hypothesis, trailers)
        key = content_key(attempt.lineage, attempt.generation, attempt.genome.digest)
        if key not in self._memory.verdicts:
            self._memory.add_verdict(key, Attempt(**{**vars(attempt), "commit": commit}))
        return commit

    def restore(self, state: State, lineage: str, genome: Genome, why: str) -> str:
        tip = state.population[lineage].tip
        return self._commit(state, lineage, genome, (tip,), why, {"Status": "restored", "Mutator": "none"})

    def _commit(
        self,
        state: State,
        lineage: str,
        genome: Genome,
        parents: Sequence[str],
        subject: str,
        trailers: dict[str, str],
    ) -> str:
        number, state.commits = state.commits, state.commits + 1
        commit = Commit(
            run=self._run,
            lineage=lineage,
            generation=state.generation,
            number=number,
            genome=genome,
            parents=tuple(parents),
            hypothesis=subject,
            trailers={name: text for name, text in trailers.items() if text},
        )
        return self._memory.journal.attempt(commit)

    def checkpoint(self, state: State, schedule: Schedule, mutator: Mutator, seconds: float) -> None:
        """Closes a generation: this entry is the state, and the branches follow it."""
        value: dict[str, Any] = {
            "generation": state.generation,
            "carried": state.carried,
            "population": {
                name: [[genome.digest, commit] for genome, commit in lineage.reigns]
                for name, lineage in state.population.items()
            },
            "measured": {
                "segment": state.history[-1][0],
                "outcomes": state.keys[-1],
                "scores": {name: outcome.score for name, outcome in state.history[-1][1].items()},
                "champions": {name: g.digest for name, g in state.champions[-1].items()},
            },
            "contests": [contest.to_json() for contest in state.contests],
            "schedule": schedule.state(),
            "mutator": mutator.state(),
            "quiet": state.quiet,
            "commits": state.commits,
            "seconds": round(seconds, 3),
        }
        self._memory.add_checkpoint(value)
        self._memory.journal.move_branches(state.population.tips())


def restore_state(memory: Memory, schedule: Schedule, mutator: Mutator) -> State | None:
    """The state that the last checkpoint closed with, or None before the first."""
    if not memory.checkpoints:
        return None
    last = memory.checkpoints[-1]
    genomes = memory.genomes
    population = Population(
        {
            name: Lineage(name, genomes[reigns[0][0]], tuple((genomes[d], commit) for d, commit in reigns))
            for name, reigns in last["population"].items()
        }
    )
    state = State(population, last["carried"], last["generation"], quiet=last["quiet"], commits=last["commits"])
    carried: dict[str, Any] = {}
    for point in memory.checkpoints:
        measured = point["measured"]
        state.keys.append(measured["outcomes"])
        outcomes = {name: memory.outcomes[key] for name, key in measured["outcomes"].items()}
        state.history.append((measured["segment"], outcomes))
        state.champions.append({name: genomes[d] for name, d in measured["champions"].items()})
        state.states.append(carried)
        carried = point["carried"]
    state.contests = [Contest.from_json(c, genomes) for c in last["contests"]]
    state.close([a for a in memory.verdicts.values() if a.generation < state.generation])
    state.tried.update(c.rewrite.genome.digest for contest in state.contests for c in contest.challengers)
    state.tried.update(lineage.seed.digest for lineage in population.values())
    schedule.restore(last["schedule"])
    mutator.restore(last["mutator"])
    return state


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
