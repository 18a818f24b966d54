"""A slot's turn: one trial under the clock, while another loads there or finishes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import Toy, guess

from evolve.substrate import Bench, Case, Clock, Outcome
from evolve.workers import LocalWorkers, RecordedBench
from evolve.workers.local import Lease

LONG = 60.0
"""Seconds after which a test has failed: nothing waits that long."""


def case(number: int) -> Case:
    return Case(guess(float(number)), "a", {}, "select")


class Staged(Toy):
    """Loads, takes its turn, hands over and is scored; a trial is scored only when the next one has loaded."""

    clock = Clock(5.0, "seconds", "a test", 1.0)

    def __init__(self, trials: int) -> None:
        super().__init__()
        self.log: list[tuple[str, int]] = []
        self.loaded = [threading.Event() for _ in range(trials + 1)]
        self.loaded[trials].set()  # nobody comes after the last
        self.begun = 0
        self.lock = threading.Lock()
        self.deadlines: list[float] = []

    def trial(self, case: Case, bench: Bench) -> Outcome:
        with self.lock:
            number, self.begun = self.begun, self.begun + 1
        before = bench.deadline
        self.log.append(("loads", number))
        self.loaded[number].set()
        bench.turn()
        bench.turn()
        self.log.append(("turn", number))
        self.deadlines.append(bench.deadline - before)
        bench.hand_over()
        met = self.loaded[number + 1].wait(LONG)
        time.sleep(0.02)  # whoever would push past its turn may
        self.log.append(("over", number))
        return Outcome("ok" if met else "crash", 0.0 if met else None)


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_next_trial_loads_while_the_last_is_scored_and_waits_for_its_turn(at_once: int) -> None:
    """One at once: each in its caller's own thread."""
    staged, workers = Staged(4), LocalWorkers(1)
    bench = RecordedBench(staged, workers, {}, lambda key, case, outcome: None)
    cases = [case(n) for n in range(4)]
    if at_once == 1:
        with ThreadPoolExecutor(4) as pool:
            outcomes = [o for done in [pool.submit(bench.trials, [c]) for c in cases] for o in done.result(LONG)]
    else:
        outcomes = bench.trials(cases)
    workers.close()
    assert all(o.ok for o in outcomes), staged.log
    at = {entry: place for place, entry in enumerate(staged.log)}
    for number in range(3):
        assert at["turn", number] < at["loads", number + 1] < at["over", number] < at["turn", number + 1]
    assert staged.deadlines[0] < staged.deadlines[-1], "what it waited is not taken from its clock"
    assert all(o.seconds < LONG for o in outcomes)


def test_without_overlap_nobody_loads_before_the_last_is_over() -> None:
    workers, log = LocalWorkers(1, overlap=False), []

    def job(lease: Lease) -> None:
        log.append("loads")
        lease.turn()
        lease.hand_over()
        time.sleep(0.02)
        log.append("over")

    wait([workers.submit(job) for _ in range(3)], LONG)
    workers.close()
    assert log == ["loads", "over"] * 3


def test_an_idle_slot_is_taken_before_one_where_somebody_finishes() -> None:
    workers = LocalWorkers(2)
    with workers.lease() as one:
        one.hand_over()
        with workers.lease() as two:
            assert one.slot != two.slot
            with workers.lease() as three:
                assert three.slot == one.slot
    workers.close()


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), slots=st.integers(1, 3), alone=st.integers(0, 2))
def test_whatever_trials_do_one_has_the_turn_and_two_are_there_at_most(seed: int, slots: int, alone: int) -> None:
    workers, lock = LocalWorkers(slots), threading.Lock()
    turns, there, faults = Counter[int](), Counter[int](), list[str]()

    def held(lease: Lease, most: int) -> None:
        number = lease.slot.number
        if there[number] > most or turns[number] > 1:
            faults.append(f"slot {number}: {there[number]} there, {turns[number]} have the turn")

    def job(lease: Lease, rng: np.random.Generator) -> None:
        number, takes, hands = lease.slot.number, rng.random() < 0.7, rng.random() < 0.7
        with lock:
            there[number] += 1
            held(lease, 2)
        time.sleep(rng.random() * 0.002)
        if takes:
            lease.turn()
        if hands:
            # The turn is counted first: by the time hand_over returns, the next may be there.
            lease.turn()
        with lock:
            turns[number] += takes or hands
            held(lease, 2)
        if hands:
            lease.hand_over()
        time.sleep(rng.random() * 0.002)
        with lock:
            there[number] -= 1
            turns[number] -= takes or hands

    def by_itself() -> None:
        with workers.exclusive() as lease:
            if sum(there.values()):
                faults.append("somebody is there beside who wanted the machine alone")
            lease.turn()
            lease.hand_over()
            time.sleep(0.002)
            if sum(there.values()):
                faults.append("somebody came beside who has the machine alone")

    streams = np.random.default_rng(seed).spawn(24)
    with ThreadPoolExecutor(max(1, alone)) as pool:
        done = [workers.submit(lambda lease, rng=rng: job(lease, rng)) for rng in streams]
        done += [pool.submit(by_itself) for _ in range(alone)]
        finished, waiting = wait(done, LONG)
    workers.close()
    assert not waiting
    assert [f.exception() for f in finished if f.exception()] == []
    assert faults == []
