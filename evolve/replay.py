"""A recorded attempt, run again: does its claim hold?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

from evolve.errors import UsageError
from evolve.generation import segment_of
from evolve.genome import Genome
from evolve.memory import Memory, NoLedger
from evolve.scribe import told
from evolve.substrate import Attempt, Case, Duel, Outcome, Substrate
from evolve.workers import LocalWorkers, RecordedBench

__all__ = ["Replayed", "attempt_of", "replay"]

_LOOKS = 3
"""Fresh pairs at least where one was recorded."""

_SPREAD = 3.0
"""Standard errors by which a noisy effect may differ from its record: 0.3 % of true records differ by more."""


@dataclass(frozen=True)
class Replayed:
    """`holds`: what was recorded came again. `said`: what was compared."""

    attempt: Attempt
    outcome: Outcome
    duel: Duel
    holds: bool
    said: str


def attempt_of(memory: Memory, commit: str) -> Attempt | None:
    """The closed attempt whose commit begins so, if the run has exactly one."""
    found = [a for a in memory.verdicts.values() if a.commit.startswith(commit)]
    return found[0] if len(found) == 1 else None


def replay(memory: Memory, attempt: Attempt, substrate: Substrate, workers: LocalWorkers) -> Replayed:
    """Tries the attempt's genome again, then fights its duel again, under the recorded conditions and team.

    A deterministic substrate must give the same numbers; a noisy one is given fresh repeats, and its effect
    must agree within three standard errors. Raises UsageError where the evaluator has changed since.
    """
    tried, incumbent = _tried(memory, attempt)
    carried = memory.checkpoints[tried.repeat - 1]["carried"] if tried.repeat else {}
    now = substrate.conditions(tried.repeat, carried, "confirm")
    if segment_of(now) != segment_of(tried.conditions):
        raise UsageError(
            f"{attempt.commit[:10]} was scored by another evaluator, or on other hardware: its numbers cannot be "
            "compared with today's. Check out the version of evolve that made the run."
        )
    anew = Memory(NoLedger())
    bench = RecordedBench(substrate, workers, anew.outcomes, anew.add_outcome)
    # A noisy trial that repeats its random seed would prove nothing.
    fresh = not substrate.deterministic
    (outcome,) = bench.trials([replace(tried, stream="replay trial") if fresh else tried])
    duel = Duel()
    if outcome.ok:
        stream = "replay" if fresh else f"duel {incumbent.digest[:12]}"
        # One noisy pair has no error of its own, and could be held against nothing.
        alone = fresh and attempt.duel.count == 1 and not attempt.duel.exact
        looks = max(attempt.duel.looks, _LOOKS) if alone else attempt.duel.looks
        for look in range(looks):
            base = replace(tried, genome=incumbent, stream=stream, repeat=look)
            (bout,) = substrate.compare(base, [replace(base, genome=attempt.genome)], bench)
            duel = duel.fold(bout)
    return _judged(substrate, attempt, outcome, duel)


def _tried(memory: Memory, attempt: Attempt) -> tuple[Case, Genome]:
    """The case of the attempt's trial, in the team of its generation; and the incumbent that it challenged."""
    for entry in memory.journal.entries:
        value = entry.value
        if entry.kind != "outcome" or entry.key != attempt.trial:
            continue
        generation = int(value["repeat"])
        team = dict(_champions(memory, generation))
        incumbent = team.pop(attempt.lineage)
        return Case(attempt.genome, attempt.lineage, value["conditions"], "trial", generation, team), incumbent
    raise UsageError(f"{attempt.commit[:10]} has no recorded trial, so there is nothing to run again.")


def _champions(memory: Memory, generation: int) -> Mapping[str, Genome]:
    if generation >= len(memory.checkpoints):
        raise UsageError(f"generation {generation} of this run was never closed. Go on with the run first: resume=RUN.")
    champions = next(islice(told(memory.checkpoints, "champions"), generation, None))
    return {name: memory.genomes[digest] for name, digest in champions.items()}


def _judged(substrate: Substrate, attempt: Attempt, outcome: Outcome, duel: Duel) -> Replayed:
    recorded = attempt.duel
    if outcome.status != attempt.outcome.status:
        said = f"it ended as {outcome.status}, and is recorded as {attempt.outcome.status}"
        return Replayed(attempt, outcome, duel, False, said)
    if substrate.deterministic:
        holds = outcome.score == attempt.outcome.score
        holds = holds and (duel.count, duel.total, duel.squares) == (recorded.count, recorded.total, recorded.squares)
        said = (
            f"score {_said(outcome.score)} (recorded {_said(attempt.outcome.score)}), effect {_said(duel.mean)} over "
            f"{duel.count} (recorded {_said(recorded.mean)} over {recorded.count}); they must be equal"
        )
        return Replayed(attempt, outcome, duel, holds, said)
    if duel.mean is None or recorded.mean is None:
        said = f"it ended as {outcome.status} again; there is no paired evidence to compare"
        return Replayed(attempt, outcome, duel, duel.mean == recorded.mean, said)
    spread = duel.variance or 0.0  # where one pair was recorded, the fresh ones say how far such pairs lie apart
    error = math.sqrt(sum((spread if d.variance is None else d.variance) / d.count for d in (duel, recorded)))
    said = (
        f"effect {_said(duel.mean)} over {duel.count} fresh pairs (recorded {_said(recorded.mean)} over "
        f"{recorded.count}; {_SPREAD:g} standard errors are {_said(_SPREAD * error)})"
    )
    return Replayed(attempt, outcome, duel, abs(duel.mean - recorded.mean) <= _SPREAD * error, said)


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
