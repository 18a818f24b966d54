"""Trials ahead of their time: on idle slots, behind whatever is asked for, and never twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from toy import Toy, ToySettings, guess

from evolve.contest import Challenger, Contest, Ring
from evolve.errors import SlotLost
from evolve.memory import Memory, NoLedger
from evolve.substrate import Bench, Bout, Case, Clock, Duel, Outcome, Rewrite
from evolve.workers import LocalWorkers, RecordedBench

LONG = 20.0


class Watched(Toy):
    """Notes which repeats begin; a trial of `held` waits until it is let go."""

    clock = Clock(1.0, "seconds", "a test")

    def __init__(self, held: int = -1) -> None:
        super().__init__(ToySettings(noise=0.3))
        self.began: list[int] = []
        self.held, self.here, self.go = held, threading.Event(), threading.Event()
        self.seen = {repeat: threading.Event() for repeat in range(10)}

    def trial(self, case: Case, bench: Bench) -> Outcome:
        self.began.append(case.repeat)
        self.seen[case.repeat].set()
        if case.repeat == self.held:
            self.here.set()
            assert self.go.wait(LONG)
        return super().trial(case, bench)


def case(repeat: int) -> Case:
    return Case(guess(1.0), "a", {}, "duel", repeat)


def bench_of(toy: Toy, workers: LocalWorkers) -> RecordedBench:
    memory = Memory(NoLedger())
    return RecordedBench(toy, workers, memory.outcomes, memory.add_outcome)


def test_an_idle_slot_runs_what_is_offered_and_nothing_runs_twice() -> None:
    toy, workers = Watched(held=0), LocalWorkers(2)
    bench = bench_of(toy, workers)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(bench.trials, [case(0)])
        assert toy.here.wait(LONG)
        with bench.ahead([case(0), case(1), case(2)]):
            assert toy.seen[2].wait(LONG), "the other slot was idle"
            toy.go.set()
            assert asked.result(LONG)[0].ok
            assert [o.ok for o in bench.trials([case(2), case(1)])] == [True, True]
    workers.close()
    assert toy.began == [0, 1, 2]


def test_what_is_asked_for_goes_before_what_is_offered() -> None:
    toy, workers = Watched(held=0), LocalWorkers(1)
    bench = bench_of(toy, workers)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(bench.trials, [case(0)])
        assert toy.here.wait(LONG)
        with bench.ahead([case(1), case(2)]):
            asked = pool.submit(bench.trials, [case(5), case(6)])
            end = time.monotonic() + LONG
            while workers._asking < 2:
                assert time.monotonic() < end
                time.sleep(0.001)
            toy.go.set()
            first.result(LONG)
            asked.result(LONG)
            assert toy.seen[2].wait(LONG)
    workers.close()
    assert (toy.began[0], sorted(toy.began[1:3]), toy.began[3:]) == (0, [5, 6], [1, 2])


def test_what_is_no_longer_offered_never_begins_and_what_has_begun_is_kept() -> None:
    toy, workers = Watched(held=1), LocalWorkers(1)
    bench = bench_of(toy, workers)
    with bench.ahead([case(1), case(2), case(3)]):
        assert toy.here.wait(LONG)
    toy.go.set()
    assert bench.trials([case(1)])[0].ok
    workers.close()
    assert toy.began == [1]
    assert bench.remembered(case(1)) is not None


def test_a_slot_that_is_lost_by_a_trial_ahead_loses_nobody_else_his() -> None:
    class Falling(Watched):
        def trial(self, case: Case, bench: Bench) -> Outcome:
            first = not self.began
            outcome = super().trial(case, bench)
            if first:
                raise SlotLost("it fell off the bus")
            return outcome

    toy, workers = Falling(held=1), LocalWorkers(2)
    bench = bench_of(toy, workers)
    with ThreadPoolExecutor(1) as pool, bench.ahead([case(1)]):
        assert toy.here.wait(LONG)
        asked = pool.submit(bench.trials, [case(1)])
        toy.go.set()
        assert asked.result(LONG)[0].ok
    workers.close()
    assert workers.slots == 1
    assert toy.began == [1, 1]


class Never:
    """Decides nothing."""

    def decide(self, duel: Duel, alpha: float) -> str:
        return "more"


class Own(Watched):
    def compare(self, incumbent: Case, challengers: list[Case], bench: Bench) -> list[Bout]:  # type: ignore[override]
        return super().compare(incumbent, challengers, bench)


@pytest.mark.parametrize(("bouts", "before"), [(1, 0), (3, 0), (3, 4)])
def test_no_more_than_the_bouts_that_a_contest_may_have(bouts: int, before: int) -> None:
    toy, workers = Watched(), LocalWorkers(4)
    bench = bench_of(toy, workers)
    ring = Ring(toy, bench, Memory(NoLedger()), Never(), {}, {"a": guess(1.0)}, bouts)  # type: ignore[arg-type]
    rewrite = Rewrite(guess(2.0), "nearer")
    contest = Contest("a", 0, guess(1.0), "", 0.05, (Challenger(rewrite, Outcome("ok", 1.0)),), before)
    fought = ring.fight(contest)
    workers.close()
    assert fought.bouts == before + bouts
    assert set(toy.began) == set(range(before, before + bouts))
    assert len(toy.began) == 2 * bouts


def test_a_domain_with_a_comparison_of_its_own_and_one_that_counts_have_none() -> None:
    one, two = case(0), case(1)
    assert Watched().ahead(one, [two]) == (one, two)
    assert Own().ahead(one, [two]) == ()
    assert not Toy.clock.timed
    assert Watched.clock.timed
