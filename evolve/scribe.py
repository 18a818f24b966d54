"""Writes a run's story into its memory: seeds, attempts, restored champions, checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evolve.acceptance import Schedule
from evolve.contest import Contest
from evolve.generation import State
from evolve.genome import Genome
from evolve.ledger import Attempt as Commit
from evolve.memory import Memory
from evolve.mutators import Mutator
from evolve.population import Lineage, Population
from evolve.substrate import Attempt, Outcome, content_key
from evolve.workers import Usage

__all__ = ["Recorder", "restore_state", "told"]


class Recorder:
    """The one who writes commits and checkpoints of a run."""

    def __init__(self, memory: Memory, run: str, mutator: str) -> None:
        self._memory = memory
        self._run = run
        self._mutator = mutator
        self._reigns = Counter[str]()  # how many of each lineage the checkpoints have told
        for point in memory.checkpoints:
            self._reigns.update({name: len(rows) for name, rows in point["crowned"].items()})

    def seed(self, state: State, lineage: str, genome: Genome) -> str:
        commit = self._commit(state, lineage, genome, (), f"seed {lineage}", {"Status": "seed", "Mutator": "none"})
        if self._memory.find("seed", lineage) is None:
            value = {"genome": genome.digest, "commit": commit}
            self._memory.add("seed", lineage, value, lineage, genome, commit)
        return commit

    def attempt(self, state: State, attempt: Attempt, parents: Sequence[str]) -> str:
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
            "Cost": _cost(attempt.rewrite.cost),
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

    def checkpoint(
        self, state: State, schedule: Schedule, mutator: Mutator, seconds: float, usage: Usage | None = None
    ) -> None:
        """Closes a generation: this entry is the state, and the branches follow it. `usage`: of the slots so far.

        Of what grows with the run it tells only what is new since the checkpoint before (see `told`).
        """
        crowned = {
            name: [[genome.digest, commit] for genome, commit in lineage.reigns[self._reigns[name] :]]
            for name, lineage in state.population.items()
        }
        value: dict[str, Any] = {
            "generation": state.generation,
            "carried": state.carried,
            "crowned": {name: rows for name, rows in crowned.items() if rows},
            "measured": {
                "segment": state.history[-1][0],
                "outcomes": _news(state.keys),
                "scores": _news([_scores(outcomes) for _, outcomes in state.history[-2:]]),
                "champions": _news([_digests(champions) for champions in state.champions[-2:]]),
            },
            "contests": [contest.to_json() for contest in state.contests],
            "schedule": schedule.state(),
            "mutator": mutator.state(),
            "quiet": state.quiet,
            "spent": state.spent,
            "commits": state.commits,
            "seconds": round(seconds, 3),
            **({} if usage is None else {"usage": usage.to_json()}),
        }
        if state.page != self._memory.page:
            self._memory.add_page(state.generation, state.page)
        self._memory.add_checkpoint(value)
        self._reigns.update({name: len(rows) for name, rows in crowned.items()})
        self._memory.journal.move_branches(state.population.tips())


def restore_state(memory: Memory, schedule: Schedule, mutator: Mutator) -> State | None:
    """The state that the last checkpoint closed with, or None before the first."""
    if not memory.checkpoints:
        return None
    last = memory.checkpoints[-1]
    genomes = memory.genomes
    reigns: dict[str, list[tuple[Genome, str]]] = {}
    for point in memory.checkpoints:
        for name, rows in point["crowned"].items():
            reigns.setdefault(name, []).extend((genomes[digest], commit) for digest, commit in rows)
    population = Population({name: Lineage(name, rows[0][0], tuple(rows)) for name, rows in reigns.items()})
    state = State(
        population,
        last["carried"],
        last["generation"],
        quiet=last["quiet"],
        spent=last["spent"],
        commits=last["commits"],
    )
    carried: dict[str, Any] = {}
    for point, keys, champions in zip(
        memory.checkpoints, told(memory.checkpoints, "outcomes"), told(memory.checkpoints, "champions"), strict=True
    ):
        state.keys.append(keys)
        state.history.append((point["measured"]["segment"], {name: memory.outcomes[key] for name, key in keys.items()}))
        state.champions.append({name: genomes[digest] for name, digest in champions.items()})
        state.states.append(carried)
        carried = point["carried"]
    state.page = memory.page
    state.contests = [Contest.from_json(c, genomes, memory.outcomes) for c in last["contests"]]
    state.close([a for a in memory.verdicts.values() if a.generation < state.generation])
    state.tried.update(c.rewrite.genome.digest for contest in state.contests for c in contest.challengers)
    state.tried.update(lineage.seed.digest for lineage in population.values())
    schedule.restore(last["schedule"])
    mutator.restore(last["mutator"])
    return state


def told(points: Iterable[Mapping[str, Any]], what: str) -> Iterator[dict[str, Any]]:
    """`outcomes`, `scores` or `champions` of every generation by lineage; a checkpoint says where it differs."""
    whole: dict[str, Any] = {}
    for point in points:
        whole = {**whole, **point["measured"][what]}
        yield whole


def _news(generations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of the last, what differs from the one before it."""
    before = generations[-2] if len(generations) > 1 else {}
    return {name: value for name, value in generations[-1].items() if name not in before or before[name] != value}


def _scores(outcomes: Mapping[str, Outcome]) -> dict[str, float | None]:
    return {name: outcome.score for name, outcome in outcomes.items()}


def _digests(champions: Mapping[str, Genome]) -> dict[str, str]:
    return {name: genome.digest for name, genome in champions.items()}


def _cost(cost: Mapping[str, float]) -> str:
    if "usd" in cost:
        return f"{cost['usd']:.6g} USD"
    return "unknown" if cost.get("calls") else "0"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
