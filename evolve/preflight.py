"""What must hold before a run may start: the ruler is tested before anything is measured with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from evolve.config import AuditSettings, AuditWhen, RunSettings, Settings
from evolve.contest import Challenger, Contest, Ring
from evolve.genome import Genome
from evolve.memory import Memory, NoLedger
from evolve.mutators import Mutator
from evolve.run import Run, acceptance_of, schedule_of
from evolve.substrate import Case, Control, Duel, Outcome, Rewrite, Substrate
from evolve.workers import LocalWorkers, RecordedBench

__all__ = ["Check", "preflight", "worlds"]


@dataclass(frozen=True)
class Check:
    """One thing that must hold. `said`: what was seen; where it does not hold, also how to mend it."""

    name: str
    holds: bool
    said: str


def preflight(
    settings: Settings, substrate: Substrate, workers: LocalWorkers, seeds: Mapping[str, Genome]
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
    yield _against_itself(ring, seeds, level)
    for control in substrate.controls():
        if control.world is None:
            yield _control(ring, seeds, control, level)


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
                why = outcome.evidence.get("reason", "no reason was given")
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
    yield Check("baseline", True, f"{len(seeds)} seeds worked, twice")


def _against_itself(ring: Ring, seeds: Mapping[str, Genome], level: float) -> Check:
    """The noise floor. The twin has a stream of its own: its trials are measured, not remembered."""
    name, duel, decision = min(seeds), Duel(), "more"
    for repeat in range(ring.bouts):
        case = ring.case(name, seeds[name], "A/A", repeat)
        (bout,) = ring.substrate.compare(case, [replace(case, stream="A/A twin")], ring.bench)
        duel = duel.fold(bout)
        decision = ring.acceptance.decide(duel, level)
        if decision != "more" or duel.exhausted:
            break
    floor = math.sqrt((duel.variance or 0.0) / max(duel.count, 1))
    said = f"noise floor ±{floor:.3g} after {duel.count} paired differences"
    if decision == "keep":
        return Check("A/A", False, f"{name!r} beat itself ({said}). The score drifts between repeats.")
    return Check("A/A", True, f"{name!r} does not beat itself; {said}")


def _control(ring: Ring, seeds: Mapping[str, Genome], control: Control, level: float) -> Check:
    if control.genome is None:
        return Check(control.name, False, "this control has neither a genome nor a world")
    contest = _fight(ring, seeds, control.lineage, control.genome, level)
    (challenger,) = contest.challengers
    duel, outcome = challenger.duel, challenger.outcome
    if not outcome.ok:
        # A control that is known to work, but lose, must not be stopped at the door.
        holds = control.kind == "cheat"
        return Check(control.name, holds, f"{outcome.status}: {outcome.evidence.get('reason', '')}".rstrip(": "))
    effect = "no difference" if duel.mean is None else f"mean paired difference {duel.mean:.3g}"
    loses = challenger.standing != "keep" and (control.kind != "worse" or (duel.mean or 0.0) < 0)
    return Check(control.name, loses, f"{challenger.verdict}; {effect}")


def _fight(ring: Ring, seeds: Mapping[str, Genome], lineage: str, genome: Genome, level: float) -> Contest:
    (outcome,) = ring.bench.trials([ring.case(lineage, genome, "preflight")])
    challenger = Challenger(Rewrite(genome, "control"), outcome, standing="open" if outcome.ok else "discard")
    return ring.fight(Contest(lineage, 0, seeds[lineage], "preflight", level, (challenger,)))
