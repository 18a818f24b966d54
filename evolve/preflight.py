"""What must hold before a run may start: the ruler is tested before anything is measured with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import reduce
from typing import Any, Protocol

from evolve.config import AuditSettings, AuditWhen, RunSettings, Settings
from evolve.contest import Challenger, Contest, Ring
from evolve.genome import Genome
from evolve.memory import Memory, NoLedger
from evolve.mutators import Mutator
from evolve.run import Run, acceptance_of, schedule_of
from evolve.substrate import Bout, Case, Control, Duel, Outcome, Rewrite, Substrate, content_key
from evolve.workers import LocalWorkers, RecordedBench

__all__ = ["Check", "Floors", "Unkept", "floor_of", "preflight", "worlds"]

_LEAST = 5
"""Differences of a genome to itself, where bouts give one each: their standard deviation is then known to a third of
itself (1 over the root of twice four)."""


_BOUTS = 8
"""Of a control at least: with fewer no sequential test at 5 % can keep, and no cheat would ever be seen to win."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold. `said`: what was seen; where it does not hold, also how to mend it.

    `floor`: standard deviation of one paired difference of a genome to itself, in the unit of effects, where there is
    noise. `seconds`: what a trial took from its start to its score, where the clock is in seconds.
    """

    name: str
    holds: bool
    said: str
    floor: float | None = None
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Of one that holds."""
        known = {"floor": self.floor, "seconds": self.seconds}
        return {"name": self.name, "said": self.said} | {name: n for name, n in known.items() if n is not None}


class Floors(Protocol):
    """Bouts of a genome against itself, in repeat order, that were fought before."""

    def bouts(self, key: str) -> list[Bout]: ...
    def keep(self, key: str, bouts: Sequence[Bout]) -> None: ...


class Unkept:
    """Nothing is known, and nothing kept."""

    def bouts(self, key: str) -> list[Bout]:
        return []

    def keep(self, key: str, bouts: Sequence[Bout]) -> None:
        return None


def floor_of(bouts: Iterable[Bout]) -> float | None:
    """The noise floor: the standard deviation of one paired difference; None where there is none, or it isn't known."""
    return math.sqrt(reduce(Duel.fold, bouts, Duel()).variance or 0.0) or None


def preflight(
    settings: Settings,
    substrate: Substrate,
    workers: LocalWorkers,
    seeds: Mapping[str, Genome],
    floors: Floors | None = None,
) -> Iterator[Check]:
    """The baseline works, twice; a genome does not beat itself; every control behaves. Lazily, in order."""
    memory = Memory(NoLedger())
    bench = RecordedBench(substrate, workers, memory.outcomes, memory.add_outcome)
    if substrate.sandboxed:
        for what, holds, said in workers.sandbox.canary():
            yield Check(f"sandbox: {what}", holds, said)
    yield from _baseline(substrate, bench, seeds)
    ring = Ring(
        substrate,
        bench,
        memory,
        acceptance_of(settings.acceptance),
        substrate.conditions(0, {}, "confirm"),
        seeds,
        settings.acceptance.bouts,
    )
    level = schedule_of(settings.acceptance).level()
    yield _against_itself(ring, seeds, level, floors or Unkept())
    known = replace(ring, bouts=max(ring.bouts, _BOUTS))
    yield from _controls(known, seeds, level, settings.mutator.concurrency)


def worlds(
    settings: Settings,
    substrate: Substrate,
    mutate: Callable[[Substrate], Mutator],
    workers: LocalWorkers,
    seeds: Mapping[str, Genome],
) -> Iterator[Check]:
    """Short runs in worlds whose answer is known: nothing is claimed from noise, what is there is found."""
    for control in substrate.controls():
        if control.world is None:
            continue
        world = control.world()
        short = replace(
            settings,
            substrate=None,
            run=RunSettings(generations=control.generations, baselines=["frozen"], preflight=False),
            audit=AuditSettings(AuditWhen.never),
        )
        run = Run(short, world, lambda world=world: mutate(world), workers, seeds)  # type: ignore[misc]
        result = run.execute()
        findings = result.findings
        if findings is None or run.state.spent is not None:
            yield Check(control.name, False, f"its run was cut short: {result.reason}")
            continue
        wanted = control.kind == "planted"
        yield Check(control.name, bool(findings.helped) == wanted, findings.sentence)


def _baseline(substrate: Substrate, bench: RecordedBench, seeds: Mapping[str, Genome]) -> Iterator[Check]:
    conditions = substrate.conditions(0, {}, "select")
    rounds: list[dict[str, Outcome]] = []
    for repeat in (0, 1):
        cases = [
            Case(genome, name, conditions, "preflight", repeat, {n: g for n, g in seeds.items() if n != name})
            for name, genome in seeds.items()
        ]
        rounds.append(substrate.measure(cases, bench))
        for name, outcome in rounds[-1].items():
            if not outcome.ok:
                why = outcome.reason or "no reason was given"
                yield Check(
                    "baseline",
                    False,
                    f"the unmodified seed {name!r} ended as {outcome.status}: {why}. Mend it: nothing can be "
                    "measured against a seed that does not work.",
                )
                return
    if substrate.deterministic:
        unequal = [name for name in seeds if rounds[0][name].score != rounds[1][name].score]
        if unequal:
            yield Check(
                "baseline",
                False,
                f"the domain says it is deterministic, but {unequal[0]!r} scored "
                f"{rounds[0][unequal[0]].score!r} and then {rounds[1][unequal[0]].score!r}.",
            )
            return
    took = [o.seconds for outcomes in rounds for o in outcomes.values() if o.seconds]
    seconds = sum(took) / len(took) if took and substrate.clock.timed else None
    yield Check("baseline", True, f"{len(seeds)} seeds worked, twice", seconds=seconds)


def _against_itself(ring: Ring, seeds: Mapping[str, Genome], level: float, floors: Floors) -> Check:
    """The noise floor. The twin has a stream of its own: its trials are measured, not remembered.

    Bouts are kept by what was measured and by which clock: who asks again, by another rule, begins with those.
    """
    name = min(seeds)

    def pair(repeat: int) -> list[Case]:
        case = ring.case(name, seeds[name], "A/A", repeat)
        return [case, replace(case, stream="A/A twin")]

    key = content_key(ring.bench.key(pair(0)[0]), asdict(ring.substrate.clock))
    bouts, duel, decision = floors.bouts(key), Duel(), "more"
    for repeat in range(ring.bouts):
        if repeat == len(bouts):
            base, twin = pair(repeat)
            bouts += ring.compare(base, [twin], [pair(n) for n in range(repeat + 1, ring.bouts)] if ring.waits else [])
            floors.keep(key, bouts)
        duel = duel.fold(bouts[repeat])
        decision = ring.acceptance.decide(duel, level) if decision == "more" else decision
        if duel.exhausted or (decision != "more" and duel.count >= _LEAST):
            break
    floor, count = floor_of(bouts), sum(bout.count for bout in bouts)
    unseen = f"no noise was seen in {count} paired differences" if count > 1 else "noise shows from two bouts on"
    said = (
        unseen
        if floor is None
        else f"noise floor ±{floor:.3g}, the standard deviation of one of {count} paired differences"
    )
    if decision == "keep":
        return Check("A/A", False, f"{name!r} beat itself ({said}). The score drifts between repeats.")
    return Check("A/A", True, f"{name!r} does not beat itself; {said}", floor=floor)


def _controls(ring: Ring, seeds: Mapping[str, Genome], level: float, at_once: int) -> Iterator[Check]:
    """Side by side, as the contests of a generation are; told in their order."""
    known = [control for control in ring.substrate.controls() if control.world is None]
    pool = ThreadPoolExecutor(max(1, min(at_once, len(known))))
    try:
        yield from pool.map(lambda control: _control(ring, seeds, control, level), known)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after one that failed, no other is waited for


def _control(ring: Ring, seeds: Mapping[str, Genome], control: Control, level: float) -> Check:
    if control.genome is None:
        return Check(control.name, False, "this control has neither a genome nor a world")
    ring = replace(ring, conditions={**ring.conditions, **control.conditions})
    contest = _fight(ring, seeds, control.lineage, control.genome, level)
    (challenger,) = contest.challengers
    duel, outcome = challenger.duel, challenger.outcome
    if not outcome.ok:
        # A control that is known to work, but lose, must not be stopped at the door.
        holds = control.kind == "cheat"
        return Check(control.name, holds, f"{outcome.status}: {outcome.reason}".rstrip(": "))
    effect = "no difference" if duel.mean is None else f"mean paired difference {duel.mean:.3g}"
    loses = challenger.standing != "keep" and (control.kind != "worse" or (duel.mean or 0.0) < 0)
    return Check(control.name, loses, f"{challenger.verdict}; {duel.reason or effect}")


def _fight(ring: Ring, seeds: Mapping[str, Genome], lineage: str, genome: Genome, level: float) -> Contest:
    (outcome,) = ring.bench.trials([ring.case(lineage, genome, "preflight")])
    challenger = Challenger(Rewrite(genome, "control"), outcome, standing="open" if outcome.ok else "discard")
    return ring.fight(Contest(lineage, 0, seeds[lineage], "preflight", level, (challenger,)))
