"""The loop: a run is a pure function of its recorded rewrites and outcomes, wherever it was cut."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from toy import SEEDS, Toy, ToySettings, guess

from evolve.acceptance import Significant
from evolve.config import (
    AcceptanceSettings,
    AuditSettings,
    AuditWhen,
    GenomeSettings,
    Method,
    Parent,
    RunSettings,
    ScheduleName,
    SelectionSettings,
    Settings,
)
from evolve.errors import SlotLost
from evolve.genome import Genome
from evolve.ledger import Attempt as Commit
from evolve.ledger import Entry
from evolve.memory import Memory
from evolve.mutators import Embedded
from evolve.replay import replay
from evolve.run import Result, Run
from evolve.substrate import Bench, Bout, Brief, Case, Clock, Outcome, Rewrite, content_key
from evolve.testing import Scripted
from evolve.workers import LocalWorkers, Usage


@dataclass
class Tape:
    """A journal in memory. It refuses to record a thing twice."""

    entries: list[Entry] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)

    def append(self, entry: Entry, *, summary: str, seconds: float = 0.0) -> None:
        assert summary
        known = {(e.kind, e.key) for e in self.entries if e.kind != "checkpoint"}
        assert (entry.kind, entry.key) not in known, f"recorded twice: {entry.kind} {summary}"
        self.entries.append(entry)

    def attempt(self, attempt: Commit) -> str:
        return content_key(attempt.number, attempt.parents, attempt.hypothesis, dict(attempt.genome))

    def move_branches(self, tips: Mapping[str, str], *, rebuild: bool = False) -> None:
        self.branches = dict(tips)

    def flush(self) -> None:
        return None


SETTINGS = Settings(
    domain="toy",
    seed=5,
    run=RunSettings(generations=6, baselines=[]),
    selection=SelectionSettings(rewrite=2, donors=2),
    acceptance=AcceptanceSettings(method=Method.significant, effect=1.0, bouts=4),
)


def play(
    tape: Tape | None = None,
    settings: Settings = SETTINGS,
    toy: Toy | None = None,
    seeds: Mapping[str, Genome] = SEEDS,
    slots: int = 2,
) -> tuple[Result, Tape]:
    tape = tape or Tape()
    toy = toy or Toy(ToySettings(noise=0.3))
    workers = LocalWorkers(slots)
    try:
        return Run(settings, toy, lambda: Embedded(toy), workers, seeds, journal=tape).execute(), tape
    finally:
        workers.close()


def story(result: Result) -> object:
    return (
        {name: genome.digest for name, genome in result.record.final.items()},
        [(a.lineage, a.genome.digest, a.verdict, a.duel, a.alpha, a.commit) for a in result.record.attempts],
        [{n: o.score for n, o in outcomes.items()} for outcomes in result.record.outcomes],
        result.findings,
    )


def test_equal_seeds_give_equal_stories_and_other_seeds_do_not() -> None:
    one, two = play()[0], play()[0]
    assert story(one) == story(two)
    assert story(play(settings=replace(SETTINGS, seed=6))[0]) != story(one)


@pytest.mark.parametrize("schedule", list(ScheduleName))
def test_killed_at_every_entry_it_ends_the_same(schedule: ScheduleName) -> None:
    settings = replace(SETTINGS, acceptance=replace(SETTINGS.acceptance, schedule=schedule))
    whole, tape = play(settings=settings)
    assert any(a.verdict == "keep" for a in whole.record.attempts)
    assert any(e.kind == "checkpoint" and e.value["contests"] for e in tape.entries), "no contest stayed open"
    for cut in range(len(tape.entries)):
        again, longer = play(Tape(list(tape.entries[:cut])), settings)
        assert story(again) == story(whole), f"cut before entry {cut}: {tape.entries[cut].kind}"
        assert longer.branches in (tape.branches, {})
        assert len(longer.entries) == len(tape.entries)


def test_twins_fight_bouts_of_their_own_and_resume_as_they_were() -> None:
    """Two lineages of one seed, the same edit, and a comparison that is no function of its cases: a clock, say."""

    class Timed(Toy):
        def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
            return [Bout.of(np.random.default_rng().normal(size=4), last=True) for _ in challengers]

    def same(brief: Brief) -> list[Rewrite]:
        return [Rewrite(guess(float(brief.parent["agent.txt"]) + 1), "adds one")]

    def once(tape: Tape) -> Result:
        toy, workers = Timed(ToySettings(noise=0.3)), LocalWorkers(2)
        run = RunSettings(generations=3, baselines=[])
        settings = replace(SETTINGS, run=run, acceptance=AcceptanceSettings(level=0.5))
        try:
            return Run(
                settings, toy, lambda: Scripted(same), workers, {"a": guess(0.0), "b": guess(0.0)}, journal=tape
            ).execute()
        finally:
            workers.close()

    tape = Tape()
    whole = once(tape)
    assert len({a.duel for a in whole.record.attempts}) == len(whole.record.attempts)
    first = next(i for i, e in enumerate(tape.entries) if e.kind == "checkpoint")
    again = once(Tape(tape.entries[:first]))
    for run in (whole, again):
        assert len([a for a in run.record.attempts if a.generation == 0]) == 2
    duels = [{a.lineage: a.duel for a in run.record.attempts if a.generation == 0} for run in (whole, again)]
    assert duels[0] == duels[1]


class Drawn(Toy):
    """Bouts of 4 differences that say little, at 3 of a clock of 10."""

    clock = Clock(10.0, "points", "a test")

    def __init__(self, mean: float) -> None:
        super().__init__(ToySettings(noise=0.3))
        self.mean, self.fought, self.most = mean, list[int](), 99

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        self.fought.append(incumbent.repeat)
        bout = Bout.of([self.mean + d for d in (-1.0, -0.5, 0.5, 1.0)])
        return [replace(bout, clock=3.0, last=incumbent.repeat + 1 >= self.most) for _ in challengers]


class Placed(Toy):
    """A score is a place among those it was measured with."""

    relative = True

    def measure(self, cases: Sequence[Case], bench: Bench) -> dict[str, Outcome]:
        found = super().measure([replace(case, stream="alone") for case in cases], bench)
        mean = sum(o.score or 0.0 for o in found.values()) / len(found)
        return {name: Outcome("ok", (o.score or 0.0) - mean) for name, o in found.items()}


def test_who_is_placed_among_others_is_placed_among_all_of_them_wherever_it_was_cut() -> None:
    settings = replace(SETTINGS, run=RunSettings(generations=2, baselines=[]))
    whole, tape = play(settings=settings, toy=Placed(ToySettings(noise=0.3)))
    first = next(i for i, e in enumerate(tape.entries) if e.kind == "outcome" and e.value["stream"] == "select")
    for cut in range(first, first + 4):
        again, _ = play(Tape(list(tape.entries[:cut])), settings, Placed(ToySettings(noise=0.3)))
        assert story(again) == story(whole)


UNDECIDED = replace(
    SETTINGS,
    run=RunSettings(generations=2, baselines=[]),
    selection=SelectionSettings(rewrite=1),
    acceptance=AcceptanceSettings(method=Method.significant, effect=0.01, bouts=100),
)


def test_a_contest_has_its_clock_in_each_generation_wherever_it_was_cut() -> None:
    one = {"a": guess(0.0)}
    toy = Drawn(0.01)
    whole, tape = play(settings=UNDECIDED, toy=toy, seeds=one)
    assert toy.fought == list(range(8)), "four bouts of 3 use a clock of 10 up; the next generation has another"
    for cut in range(len(tape.entries)):
        again, longer = play(Tape(list(tape.entries[:cut])), UNDECIDED, Drawn(0.01), one)
        assert story(again) == story(whole)
        assert len(longer.entries) == len(tape.entries)


def test_a_contest_whose_evidence_is_used_up_does_not_go_on() -> None:
    """Nor does it hold its lineage up: the next generation tries something else."""
    toy = Drawn(0.01)
    toy.most = 2
    result, _ = play(settings=UNDECIDED, toy=toy, seeds={"a": guess(0.0)})
    found = result.record.attempts
    assert [(a.verdict, a.duel.count) for a in found] == [("undecided", 8), ("undecided", 8)]


def test_who_is_not_promising_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Significant, "promising", lambda self, duel, alpha: duel.total > 0)
    for mean, attempts in ((0.01, 1), (-0.01, 2)):
        result, _ = play(settings=UNDECIDED, toy=Drawn(mean), seeds={"a": guess(0.0)})
        found = result.record.attempts
        assert [a.verdict for a in found] == ["undecided"] * attempts
        assert {a.duel.count for a in found} == {32 // attempts}


def test_a_change_of_what_may_not_be_edited_is_refused_untried() -> None:
    toy, workers = Toy(ToySettings(noise=0.3)), LocalWorkers(2)

    def meddling(brief: Brief) -> list[Rewrite]:
        assert brief.editable == ("agent.txt",)
        return [Rewrite(Genome({**brief.parent, "ruler.txt": f"{brief.generation}"}), "moves the ruler")]

    seeds = {"a": Genome({"agent.txt": "0.0", "ruler.txt": "1"})}
    settings = replace(SETTINGS, genome=GenomeSettings(include=["agent.txt"]))
    result = Run(settings, toy, lambda: Scripted(meddling), workers, seeds).execute()
    workers.close()
    assert {a.verdict for a in result.record.attempts} == {"refused"}
    assert all("ruler.txt" in a.reason for a in result.record.attempts)


class Same(Toy):
    """Of which it is seen at once that a child does what its parent does."""

    looks = 0

    def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
        Same.looks += 1
        return [Bout(1, last=True, exact=True, reason="it does the same") for _ in challengers]


def test_what_is_seen_to_do_the_same_is_replayed_by_one_look() -> None:
    settings = replace(SETTINGS, run=RunSettings(generations=1, baselines=[]))
    whole, tape = play(settings=settings, toy=Same(ToySettings(noise=0.3)))
    toy, workers, before = Same(ToySettings(noise=0.3)), LocalWorkers(1), Same.looks
    found = replay(Memory(tape), whole.record.attempts[0], toy, workers)
    workers.close()
    assert (found.holds, found.duel.exact, Same.looks - before) == (True, True, 1)


def test_what_ended_a_bout_is_the_attempts_reason_and_what_the_mutator_reads() -> None:
    settings = replace(SETTINGS, run=RunSettings(generations=2, baselines=[]))
    whole, tape = play(settings=settings, toy=Same(ToySettings(noise=0.3)))
    assert {(a.verdict, a.reason) for a in whole.record.attempts} == {("discard", "it does the same")}
    for cut in range(len(tape.entries)):
        again, _ = play(Tape(list(tape.entries[:cut])), settings, Same(ToySettings(noise=0.3)))
        assert [a.reason for a in again.record.attempts] == [a.reason for a in whole.record.attempts]


def test_what_is_recorded_is_never_run_again() -> None:
    class Counting(Toy):
        calls = 0

        def trial(self, case: Case, bench: Bench) -> Outcome:
            Counting.calls += 1
            return super().trial(case, bench)

    _, tape = play(toy=Counting(ToySettings(noise=0.3)))
    first, Counting.calls = Counting.calls, 0
    play(Tape(list(tape.entries)), toy=Counting(ToySettings(noise=0.3)))
    assert first > 0
    assert Counting.calls == 0


def test_two_challengers_are_one_contest_with_at_most_one_keep() -> None:
    def both(brief: Brief) -> list[Rewrite]:
        number = float(brief.parent["agent.txt"])
        return [Rewrite(guess(number + 1), "nearer"), Rewrite(guess(number + 2), "nearer still")]

    toy, workers, tape = Toy(), LocalWorkers(2), Tape()
    settings = replace(SETTINGS, acceptance=AcceptanceSettings(method=Method.greedy), run=RunSettings(generations=1))
    result = Run(settings, toy, lambda: Scripted(both), workers, {"a": guess(0.0)}, journal=tape).execute()
    workers.close()
    assert [a.verdict for a in result.record.attempts] == ["discard", "keep"]
    assert [e.kind for e in tape.entries].count("bout") == 1
    assert {a.alpha for a in result.record.attempts} == {0.05 / 2}


def test_a_failing_rewrite_is_recorded_with_its_reason() -> None:
    broken = Genome({"agent.txt": "a word"})
    toy, workers = Toy(), LocalWorkers(1)
    mutate = Scripted(lambda brief: [Rewrite(broken, "says a word")])
    result = Run(SETTINGS, toy, lambda: mutate, workers, {"a": guess(0.0)}).execute()
    workers.close()
    (attempt,) = result.record.attempts  # the second time it is known, and not paid for
    assert (attempt.verdict, attempt.outcome.score) == ("refused", None)
    assert attempt.reason == "the genome is not a number"
    assert mutate.briefs[1].past == (attempt,)


def test_a_champion_that_breaks_is_dethroned() -> None:
    class Fickle(Toy):
        """Refuses numbers above 2 from generation 3 on."""

        def conditions(self, generation: int, state: Mapping[str, object], purpose: str) -> dict[str, object]:
            return {"strict": generation >= 3, "purpose": purpose}

        def trial(self, case: Case, bench: Bench) -> Outcome:
            if case.conditions["strict"] and float(case.genome["agent.txt"]) > 2:
                return Outcome("invalid", evidence={"reason": "above 2"})
            return super().trial(case, bench)

    settings = replace(SETTINGS, acceptance=AcceptanceSettings(method=Method.greedy), run=RunSettings(generations=5))
    result, tape = play(settings=settings, toy=Fickle(), seeds={"a": guess(1.75)})
    ruled = [float(champions["a"]["agent.txt"]) for champions in result.record.champions]
    assert max(ruled[:3]) > 2
    assert all(number <= 2 for number in ruled[4:])
    assert result.record.outcomes[3]["a"].status == "invalid"
    assert set(tape.branches) == {"a"}


def test_kept_children_must_work_together() -> None:
    class Jealous(Toy):
        """A better number is worth nothing beside another better number."""

        uses_team = True

        def compare(self, incumbent: Case, challengers: Sequence[Case], bench: Bench) -> list[Bout]:
            others = sum(float(g["agent.txt"]) > 0 for g in incumbent.team.values())
            return [Bout.of([-1.0, -1.1] if others else [1.0, 1.1, 1.2], last=True) for _ in challengers]

    toy, workers = Jealous(), LocalWorkers(2)
    mutate = Scripted(lambda brief: [Rewrite(guess(1.0 + len(brief.past)), "jumps")])
    settings = replace(SETTINGS, run=RunSettings(generations=1))
    seeds = {"a": guess(0.0), "b": guess(0.0)}
    result = Run(settings, toy, lambda: mutate, workers, seeds).execute()
    workers.close()
    assert [a.verdict for a in result.record.attempts] == ["discard", "discard"]
    assert "undone by the other children: mean paired difference -1.05" in result.record.attempts[0].reason


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (RunSettings(generations=2, baselines=[]), "run.generations=2"),
        (RunSettings(trials=3, baselines=[]), "run.trials=3"),
        (RunSettings(hours=0.0, baselines=[]), "run.hours=0"),
        (RunSettings(patience=2, baselines=[]), "run.patience=2: no keep in 2 generations"),
    ],
)
def test_it_stops_where_it_is_told(limits: RunSettings, said: str) -> None:
    result, _ = play(settings=replace(SETTINGS, run=limits), toy=Toy(), seeds={"a": guess(3.0), "b": guess(3.0)})
    assert result.reason == said


def test_an_interrupted_run_keeps_its_audit_sealed_and_goes_on() -> None:
    whole, _ = play()
    tape, toy, workers = Tape(), Toy(ToySettings(noise=0.3)), LocalWorkers(2)
    run = Run(
        SETTINGS,
        toy,
        lambda: Embedded(toy),
        workers,
        SEEDS,
        journal=tape,
        progress=lambda kind, what: run.stop("interrupted") if kind == "generation" else None,
    )
    result = run.execute()
    workers.close()
    assert (result.reason, result.findings) == ("interrupted", None)
    assert not [e for e in tape.entries if e.value.get("stream") == "audit"]
    assert story(play(tape)[0]) == story(whole)


@pytest.mark.parametrize("after", [0, 9, 40])
def test_a_run_that_loses_every_slot_stops_and_goes_on_elsewhere(after: int) -> None:
    class Falling(Toy):
        trials = 0

        def trial(self, case: Case, bench: Bench) -> Outcome:
            self.trials += 1
            if self.trials > after:
                raise SlotLost("the GPU fell off the bus")
            return super().trial(case, bench)

    settings = replace(SETTINGS, audit=AuditSettings(AuditWhen.generation))
    whole, _ = play(settings=settings)
    cut, tape = play(settings=settings, toy=Falling(ToySettings(noise=0.3)))
    assert cut.findings is None
    assert cut.reason == "every slot is lost: mend the machine, then go on"
    assert story(play(tape, settings)[0]) == story(whole)


class Slow(Toy):
    """Noisy, and its trials take their time."""

    clock = Clock(0.01, "seconds", "a test")

    def __init__(self, ahead: bool = True) -> None:
        super().__init__(ToySettings(noise=0.3))
        self.may = ahead

    def trial(self, case: Case, bench: Bench) -> Outcome:
        time.sleep(0.003)
        return super().trial(case, bench)

    def ahead(self, incumbent: Case, challengers: Sequence[Case]) -> Sequence[Case]:
        return super().ahead(incumbent, challengers) if self.may else ()


def test_what_idle_slots_run_ahead_changes_no_verdict() -> None:
    settings = replace(SETTINGS, acceptance=replace(SETTINGS.acceptance, bouts=8))
    plain, asked = play(settings=settings, toy=Slow(ahead=False), slots=4)
    runs = {slots: play(settings=settings, toy=Slow(), slots=slots) for slots in (1, 4)}
    outcomes = {e.key for e in asked.entries if e.kind == "outcome"}
    for result, tape in runs.values():
        assert story(result) == story(plain)
        found = {e.key: e.value for e in tape.entries if e.kind == "outcome"}
        assert outcomes <= set(found)
        early = [found[key] for key in found.keys() - outcomes]
        assert all(e["stream"].startswith("duel ") for e in early)
        # A contest stays open over generations, and counts on.
        assert max((e["repeat"] for e in early), default=0) < 8 * settings.run.generations  # type: ignore[operator]
    assert len(runs[4][1].entries) > len(asked.entries), "four slots, two contests: nothing was run ahead"
    cut = runs[4][1].entries[: len(runs[4][1].entries) // 2]
    again, _ = play(Tape(list(cut)), settings, Slow(), slots=4)
    assert story(again) == story(plain)


def test_how_the_slots_were_used_is_kept_over_sittings() -> None:
    class Clocked(Slow):
        def trial(self, case: Case, bench: Bench) -> Outcome:
            return replace(super().trial(case, bench), metrics={"clock_seconds": 0.002})

    whole, tape = play(toy=Clocked(ahead=False))
    trials = sum(e.kind == "outcome" for e in tape.entries)
    assert whole.usage is not None
    assert whole.usage.clock == pytest.approx(0.002 * trials)
    assert whole.usage.clock < whole.usage.busy <= whole.usage.there
    points = [i for i, e in enumerate(tape.entries) if e.kind == "checkpoint"]
    again, _ = play(Tape(list(tape.entries[: points[2] + 1])), toy=Clocked(ahead=False))
    assert again.usage is not None
    assert again.usage.clock == pytest.approx(0.002 * trials, abs=0.001), "an earlier sitting's time is its own"
    finished, _ = play(tape, toy=Clocked())
    assert finished.usage == Usage.from_json(whole.usage.to_json())
    assert play()[0].usage is None, "a guess is no time"


def test_edits_of_seeds_go_forward_on_their_branch() -> None:
    """A second kept edit of the seed does not descend from the first: the branch takes over its tree."""
    numbers = iter([1.0, 2.0, 2.5])
    toy, workers, tape = Toy(), LocalWorkers(1), Tape()
    settings = replace(
        SETTINGS,
        acceptance=AcceptanceSettings(method=Method.greedy),
        selection=SelectionSettings(parent=Parent.seed),
        run=RunSettings(generations=3, baselines=[]),
    )
    mutate = Scripted(lambda brief: [Rewrite(guess(next(numbers)), "another edit of the seed")])
    committed: dict[str, Commit] = {}

    def attempt(commit: Commit) -> str:
        name = content_key(commit.number, commit.parents, commit.hypothesis, dict(commit.genome))
        committed[name] = commit
        return name

    tape.attempt = attempt  # type: ignore[method-assign]
    run = Run(settings, toy, lambda: mutate, workers, {"a": guess(0.0)}, journal=tape)
    seed = run.state.population["a"].tip
    tips = []
    result = run.execute()
    workers.close()
    assert [a.verdict for a in result.record.attempts] == ["keep"] * 3
    assert all(committed[a.commit].parents == (seed,) for a in result.record.attempts), "parents are the genetic ones"
    tip = tape.branches["a"]
    while tip:
        tips.append(tip)
        tip = next(iter(committed[tip].parents), "")
    assert [float(committed[name].genome["agent.txt"]) for name in tips] == [2.5, 2.0, 1.0, 0.0]


@pytest.mark.parametrize("cut", ["ending", "audit"])
def test_a_run_that_began_to_end_cannot_go_on(cut: str) -> None:
    """Once verdicts were closed, or what is held out was opened, evolving further would not be out of sample."""
    whole, tape = play()
    kinds = [e.value.get("stream", e.kind) for e in tape.entries]
    again, longer = play(
        Tape(list(tape.entries[: kinds.index(cut) + 1])), replace(SETTINGS, run=replace(SETTINGS.run, generations=9))
    )
    assert story(again) == story(whole)
    assert [e.kind for e in longer.entries].count("checkpoint") == 6
    closed = [(e.value["lineage"], e.value["genome"]) for e in longer.entries if e.kind == "verdict"]
    assert len(set(closed)) == len(closed), "two verdicts for one attempt"


def test_a_stop_while_the_baselines_are_thought_leaves_the_seal() -> None:
    tape, toy, workers = Tape(), Toy(ToySettings(noise=0.3)), LocalWorkers(2)
    settings = replace(SETTINGS, run=replace(SETTINGS.run, baselines=["frozen", "greedy"]))
    run = Run(
        settings, toy, lambda: Embedded(toy), workers, SEEDS, journal=tape,
        progress=lambda kind, what: run.stop("stopped by hand") if kind == "thinking" else None,
    )  # fmt: skip
    result = run.execute()
    workers.close()
    assert (result.reason, result.findings) == ("stopped by hand", None)
    assert not [e for e in tape.entries if e.kind == "ending" or e.value.get("stream") == "audit"]
    assert play(tape, settings)[0].findings is not None


def test_audit_results_reach_no_brief() -> None:
    toy, workers = Toy(ToySettings(noise=0.3)), LocalWorkers(2)
    scripted = Scripted(lambda brief: toy.propose(brief, np.random.default_rng(0))[:1])
    settings = replace(SETTINGS, audit=AuditSettings(AuditWhen.generation))
    tape = Tape()
    Run(settings, toy, lambda: scripted, workers, SEEDS, journal=tape).execute()
    workers.close()
    audited = {
        e.value["outcome"]["score"] for e in tape.entries if e.kind == "outcome" and e.value["stream"] == "audit"
    }
    assert len(audited) > len(SEEDS)
    for brief in scripted.briefs:
        seen = {brief.outcome.score, *(a.outcome.score for a in brief.past + brief.playbook)}
        assert not seen & audited


def test_baselines_are_thought_at_the_same_length() -> None:
    settings = replace(SETTINGS, run=RunSettings(generations=6, baselines=["frozen", "best_of_n", "greedy"]))
    result, tape = play(settings=settings)
    assert set(result.record.baselines) == {"frozen", "best_of_n", "greedy"}
    for record in result.record.baselines.values():
        assert len(record.champions) == len(result.record.champions)
    assert result.record.baselines["frozen"].final == SEEDS
    for attempt in result.record.baselines["best_of_n"].attempts:
        assert attempt.parent == SEEDS[attempt.lineage]
    assert SETTINGS.selection.parent is Parent.champion
    assert story(result)[:3] == story(play()[0])[:3], "a baseline has left a trace in the run"  # type: ignore[index]
    assert len(tape.entries) == len(play()[1].entries)
