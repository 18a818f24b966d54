"""The loop when answers cost something: no genome, no money, nobody there; each recorded, and nothing asked twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from test_run import SETTINGS, Tape, story
from toy import SEEDS, Toy, ToySettings, guess

from evolve.cli.launch import Built
from evolve.config import MutatorSettings, RunSettings
from evolve.errors import Halt, Spent
from evolve.mutators import Mutator
from evolve.preflight import worlds
from evolve.run import Result, Run
from evolve.substrate import Attempt, Bench, Brief, Case, Control, Outcome, Rewrite
from evolve.testing import Scripted, ScriptedLLM
from evolve.workers import LocalWorkers
from evolve.workers.local import Slot

Script = Callable[[Brief], Sequence[Rewrite]]


def play(script: Script, tape: Tape, baselines: Sequence[str] = (), concurrency: int = 4) -> tuple[Result, Scripted]:
    toy, workers, scripted = Toy(ToySettings(noise=0.3)), LocalWorkers(2), Scripted(script)
    settings = replace(
        SETTINGS,
        run=RunSettings(generations=4, baselines=list(baselines)),
        mutator=MutatorSettings(concurrency=concurrency),
    )
    try:
        return Run(settings, toy, lambda: scripted, workers, SEEDS, journal=tape).execute(), scripted
    finally:
        workers.close()


def nearer(brief: Brief) -> list[Rewrite]:
    number = float(brief.parent["agent.txt"])
    step = (3 - number) / (1.5 + len(brief.past) % 3 + ord(brief.lineage) / 1000)  # no two of a kind
    return [Rewrite(guess(number + step), f"steps by {step:g}", kind="m", cost={"calls": 1, "tokens": 10, "usd": 0.5})]


def mumbles(brief: Brief) -> list[Rewrite]:
    """Every lineage's first answer is none."""
    if brief.past:
        return nearer(brief)
    said = f"the answer of {brief.lineage} is no JSON"
    return [Rewrite(brief.parent, "no answer that can be used", refused=said, cost={"calls": 2, "usd": 1.0})]


def test_an_answer_that_is_no_genome_is_a_failed_attempt_and_was_paid_for() -> None:
    result, _ = play(mumbles, tape := Tape())
    refused = [a for a in result.record.attempts if a.verdict == "refused"]
    assert refused
    for attempt in refused:
        assert attempt.reason == f"the answer of {attempt.lineage} is no JSON"
        assert attempt.genome == attempt.parent
        assert attempt.rewrite.cost == {"calls": 2, "usd": 1.0}
        assert attempt.effect is None
    assert any(a.verdict == "keep" for a in result.record.attempts)
    streams = [e.value["stream"] for e in tape.entries if e.kind == "outcome"]
    assert sum(stream.startswith("answer ") for stream in streams) == len(refused)


@pytest.mark.parametrize("script", [mumbles, nearer], ids=["some are none", "all are genomes"])
def test_killed_at_every_entry_nothing_is_asked_for_twice(script: Script) -> None:
    whole, _ = play(script, tape := Tape(), concurrency=1)
    for cut in range(0, len(tape.entries), 3):
        recorded = {e.key for e in tape.entries[:cut] if e.kind == "rewrite"}
        again, scripted = play(script, longer := Tape(list(tape.entries[:cut])), concurrency=1)
        assert story(again) == story(whole)
        asked = [e.key for e in longer.entries if e.kind == "rewrite"]
        assert len(scripted.briefs) == len(asked) - len(recorded)


def purse(times: int) -> Script:
    """Enough for so many answers."""
    lock, left = threading.Lock(), [times]

    def script(brief: Brief) -> Sequence[Rewrite]:
        with lock:
            left[0] -= 1
            if left[0] < 0:
                raise Spent("llm.budget.calls=5 is spent")
        return nearer(brief)

    return script


def test_a_spent_budget_ends_the_run_with_its_audit() -> None:
    result, _ = play(purse(5), tape := Tape(), baselines=["frozen"])
    assert result.reason == "llm.budget.calls=5 is spent"
    assert result.findings is not None
    assert len(result.record.attempts) == 5
    assert set(result.record.baselines) == {"frozen"}
    assert [e for e in tape.entries if e.kind == "outcome" and e.value["stream"] == "audit"]


@pytest.mark.parametrize("cut", ["rewrite", "checkpoint"])
def test_a_spent_budget_stays_spent_after_a_kill(cut: str) -> None:
    whole, _ = play(purse(5), tape := Tape(), concurrency=1)
    spent = next(i for i, e in enumerate(tape.entries) if e.kind == "rewrite" and e.value.get("spent"))
    last = next(i for i, e in enumerate(tape.entries) if i >= spent and e.kind == cut)
    again, scripted = play(nearer, Tape(list(tape.entries[: last + 1])), concurrency=1)
    assert story(again) == story(whole)
    assert len(scripted.briefs) <= 1  # the other lineage of that generation, where it was not asked yet


def test_a_baseline_that_had_less_to_spend_is_no_comparison() -> None:
    result, _ = play(purse(10), Tape(), baselines=["best_of_n"])
    assert result.findings is not None
    assert result.record.baselines == {}


class Gone:
    """Answers, then is away, then is back."""

    def __init__(self, before: int) -> None:
        self.before, self.back, self._lock = before, False, threading.Lock()

    def __call__(self, brief: Brief) -> Sequence[Rewrite]:
        with self._lock:
            self.before -= 1
        if self.before < 0 and not self.back:
            raise Halt("the server at loopback did not answer for 3 s")
        return nearer(brief)


@pytest.mark.parametrize("before", range(6))
def test_a_server_that_is_gone_stops_the_run_and_a_resume_ends_as_if_it_had_not(before: int) -> None:
    whole, _ = play(nearer, Tape())
    result, _ = play(gone := Gone(before), tape := Tape())
    assert (result.reason, result.findings) == ("the server at loopback did not answer for 3 s", None)
    assert not [e for e in tape.entries if e.kind == "ending"]
    assert sum(e.kind == "rewrite" for e in tape.entries) == before
    gone.back = True
    again, _ = play(gone, tape)
    assert story(again) == story(whole)


def test_what_is_being_tried_when_a_server_goes_is_waited_for() -> None:
    started = threading.Event()

    class Slow(Toy):
        def trial(self, case: Case, bench: Bench) -> Outcome:
            if case.stream == "trial":
                started.set()
                time.sleep(0.5)
            return super().trial(case, bench)

    def script(brief: Brief) -> Sequence[Rewrite]:
        if brief.lineage == "c":
            return nearer(brief)
        started.wait(60)
        raise Halt("gone")

    toy, workers, tape = Slow(ToySettings(noise=0.3)), LocalWorkers(2), Tape()
    settings = replace(SETTINGS, mutator=MutatorSettings(concurrency=4))
    result = Run(settings, toy, lambda: Scripted(script), workers, SEEDS, journal=tape).execute()
    tried = [e for e in tape.entries if e.kind == "outcome" and e.value["stream"] == "trial"]
    workers.close()
    assert result.reason == "gone"
    assert [e.value["lineage"] for e in tried] == ["c"]


class Reader(Mutator):
    """Its answers depend on the page that it read."""

    reads_page = True

    def __init__(self) -> None:
        self.pages: list[str] = []

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        self.pages.append(brief.page)
        return [Rewrite(guess(float(brief.parent["agent.txt"]) + (1 + len(brief.page)) / 1000), "reads")]

    def learn(self, attempts: Sequence[Attempt]) -> None:
        return None


def test_the_page_is_in_the_ledger_and_a_resumed_run_reads_the_same() -> None:
    def once(tape: Tape) -> tuple[Result, Reader]:
        toy, workers, reader = Toy(ToySettings(noise=0.3)), LocalWorkers(2), Reader()
        settings = replace(SETTINGS, mutator=MutatorSettings(concurrency=1))
        try:
            return Run(settings, toy, lambda: reader, workers, SEEDS, journal=tape).execute(), reader
        finally:
            workers.close()

    whole, reader = once(tape := Tape())
    pages: Sequence[Mapping[str, object]] = [e.value for e in tape.entries if e.kind == "page"]
    assert pages
    assert reader.pages[0] == ""
    assert {p["text"] for p in pages[:-1]} <= set(reader.pages)
    for cut in range(0, len(tape.entries), 5):
        assert story(once(Tape(list(tape.entries[:cut])))[0]) == story(whole)


class Worlds(Toy):
    """One world without anything to find."""

    def controls(self) -> list[Control]:
        return [Control("null world", "null", world=lambda: Toy(ToySettings()), generations=2)]


@pytest.mark.parametrize("gone", [Halt("the server is gone"), Spent("llm.budget.calls=1 is spent")])
def test_a_world_that_was_cut_short_says_nothing_of_the_ruler(gone: Exception) -> None:
    def script(brief: Brief) -> list[Rewrite]:
        raise gone

    workers = LocalWorkers(2)
    try:
        (check,) = worlds(SETTINGS, Worlds(ToySettings()), lambda world: Scripted(script), workers, SEEDS)
    finally:
        workers.close()
    assert not check.holds
    assert str(gone) in check.said


def test_a_worker_that_waits_for_an_answer_does_not_hold_up_the_end() -> None:
    began, closed = threading.Event(), threading.Event()

    class Silent(ScriptedLLM):
        def close(self) -> None:
            closed.set()

    def waits(slot: Slot) -> bool:
        began.set()
        return closed.wait(20)

    workers = LocalWorkers(1)
    job = workers.submit(waits)
    assert began.wait(20)
    Built(Toy(), SEEDS, workers, Silent(lambda request: "")).close()
    assert job.result(20)
